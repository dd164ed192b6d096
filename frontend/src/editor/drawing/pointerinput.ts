/**
 * The reader's hand on the case's film: what a press of mouse, pen, finger or key begins, and the
 * polygon that stays open between them. Each move only paints and asks for a frame.
 */

import type { Point } from "../../mask/brush";
import { words } from "../../words";
import { type StagePoint, stageToFrame } from "../film/orientation";
import type { ScreenPoint } from "../film/viewport";
import { type CrossInput, createCrossInput } from "./crossinput";
import type { Ring } from "./cursor";
import { createHold, type Gesture, meaningOf, type Place, startPan, startWindow } from "./gestures";
import { createPolygon, type Drawing, type Outline } from "./outlines";
import { listenToPointers, type Pointing } from "./pointerevents";
import { startDrawing } from "./starting";
import type { DrawingGround } from "./state";
import { BRUSHES, POLYGON_TOOLS } from "./state";
import { stepRadius } from "./strokes";

const KEEP_EVERY_MS = 250;
const NEAR_PX = 8;

export type PointerInput = {
  /**
   * End what is being drawn, by a pointer or the keys, or the threshold that slides: it is work.
   * Whether there was anything.
   */
  readonly end: () => boolean;
  /**
   * Esc: give up what was begun last, the region to come before an open polygon, and at last the
   * ruler; whether there was anything.
   */
  readonly escape: () => boolean;
  /**
   * End what waits for its end: what is being drawn or slides, else the polygon that is open; whether
   * there was anything, even a polygon that is too short to end.
   */
  readonly settle: () => boolean;
  /** Take the open polygon's last corner back; whether there was one. */
  readonly takeCorner: () => boolean;
  /** Whether a drag is under way. */
  readonly isHeld: () => boolean;
  /** The keyboard's pointer. */
  readonly cross: Pick<CrossInput, "move" | "press" | "at">;
  /** Take it out, where a pointer was last, or put it away. */
  readonly toggleCross: () => void;
  /** Where the pointer is; null off the film. */
  readonly at: () => ScreenPoint | null;
  readonly outline: () => Outline | null;
  readonly ring: () => Ring | null;
};

export function createPointerInput(
  canvas: HTMLCanvasElement,
  room: DrawingGround,
  pointing: Pointing,
  onRing: () => void,
): PointerInput {
  const { store } = room;
  const { handlers } = pointing;
  let hover: StagePoint | null = null;
  let drawing: Drawing | null = null;
  let keepTimer: ReturnType<typeof setInterval> | undefined;
  const hold = createHold(() => {
    const { cross } = store.get();
    const isDown = hold.isBy("keys");
    if (cross && cross.isDown !== isDown) store.set({ cross: { ...cross, isDown } });
    if (!hold.isHeld()) {
      clearInterval(keepTimer);
      drawing = null;
    }
    const isDrawing = drawing !== null;
    if (store.get().isDrawing !== isDrawing) store.set({ isDrawing });
    onRing();
  });
  const inFrame = (seen: StagePoint) => {
    const { orientation, view } = store.get();
    return stageToFrame(orientation, view.screen, seen);
  };
  const isNear = (a: Point, b: Point) =>
    Math.hypot(a.x - b.x, a.y - b.y) * store.get().view.zoom < NEAR_PX;
  const polygon = createPolygon(() => room.openCase()?.maskDocument, isNear);

  function draw(at: Place, isEraserEnd: boolean, isAlt: boolean): Gesture | null {
    const begun = startDrawing(room, polygon, { at: at.on, isEraserEnd, isAlt });
    if (!begun) return null;
    drawing = begun;
    clearInterval(keepTimer);
    keepTimer = setInterval(() => room.openCase()?.maskDocument.keepRunning(), KEEP_EVERY_MS);
    return { ...begun, isFine: true, move: ({ on }) => begun.move(on) };
  }

  const cross = createCrossInput(store, hold, polygon, (at) => draw(at, false, false));
  /** Where the reader points: with the keys, while the cross is shown. */
  const pointedAt = () => cross.at() ?? (hover && inFrame(hover));

  listenToPointers(
    {
      canvas,
      hold,
      locate: inFrame,
      press: (event, at) => {
        // Who takes the mouse leaves the keys.
        cross.putAway();
        const kind = meaningOf(event, store.get());
        if (kind === null) return;
        if (kind === "draw") {
          const isEraserEnd = event.button === 5 || (event.buttons & 32) !== 0;
          hold.take(event.pointerId, draw(at, isEraserEnd, event.altKey));
          return;
        }
        const film = { store, handlers };
        hold.take(event.pointerId, kind === "pan" ? startPan(film, at) : startWindow(film, at));
        event.preventDefault();
      },
      hover: (at) => {
        hover = at ? at.seen : null;
        if (!store.get().cross) cross.forget();
        if (at && !hold.isHeld() && !cross.at()) polygon.hover(at.on);
        onRing();
      },
      turnWheel: (event) => {
        const amount = event.deltaY || event.deltaX;
        if (event.shiftKey)
          store.set({ radius: stepRadius(store.get().radius, amount > 0 ? -1 : 1) });
        return event.shiftKey;
      },
    },
    pointing,
  );

  function end(): boolean {
    const maskDocument = room.openCase()?.maskDocument;
    if (drawing) hold.end();
    else if (maskDocument?.isRunning())
      maskDocument.commit({ ...maskDocument.basis(), threshold: store.get().threshold });
    else return false;
    return true;
  }

  function closePolygon(): boolean {
    const isOpen = polygon.isOpen();
    if (isOpen && !polygon.close()) store.set({ notice: words.drawing.polygonCorners });
    onRing();
    return isOpen;
  }

  /** Another tool draws now: what the polygon encloses is kept, and Undo takes it back. */
  function leavePolygon(): void {
    if (polygon.isOpen() && !polygon.close()) store.set({ notice: words.drawing.polygonDropped });
    polygon.drop();
  }

  canvas.addEventListener("dblclick", () => {
    if (store.get().tool === "polygon") closePolygon();
  });
  store.subscribe((now, before) => {
    const isOtherCase = now.current?.assignment !== before.current?.assignment;
    if (isOtherCase) {
      hold.drop();
      polygon.forget();
    } else if (now.tool !== before.tool) {
      end(); // it was drawn with the former tool
      if (!POLYGON_TOOLS.includes(now.tool)) leavePolygon();
    }
  });

  return {
    end,
    escape: () => {
      const { isRegionNext, ruler } = store.get();
      const isBegun = hold.isHeld() || polygon.isOpen();
      hold.cancel();
      if (isRegionNext) store.set({ isRegionNext: false });
      else if (isBegun) polygon.drop();
      else if (ruler) store.set({ ruler: null });
      onRing();
      return isRegionNext || isBegun || ruler !== null;
    },
    takeCorner: () => {
      const isTaken = polygon.stepBack();
      onRing();
      return isTaken;
    },
    outline: () => drawing?.outline() ?? polygon.outline(),
    isHeld: hold.isHeld,
    at: pointedAt,
    cross,
    toggleCross: () => {
      // A screen reader hands the arrows on only where the film has the focus.
      canvas.focus({ preventScroll: true });
      cross.toggle(pointedAt());
    },
    settle: () => end() || closePolygon(),
    ring: () => {
      const { tool, radius, isNaked, isRegionNext, phase } = store.get();
      const isHidden = isNaked || isRegionNext || phase !== "reading";
      const at = pointedAt();
      return at && !isHidden && BRUSHES.includes(tool)
        ? { at, radius, erases: tool === "eraser" }
        : null;
    },
  };
}
