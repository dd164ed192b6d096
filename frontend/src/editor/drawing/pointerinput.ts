/**
 * What a press of mouse, pen, finger or key begins on the case's film, and the polygon that stays
 * open between presses. A move only paints and asks for a frame.
 */

import type { Point } from "../../mask/brush";
import { words } from "../../words";
import { type StagePoint, stageToFrame } from "../film/orientation";
import type { ScreenPoint } from "../film/viewport";
import { type CrossInput, createCrossInput } from "./crossinput";
import type { Ring } from "./cursor";
import {
  createHold,
  type Gesture,
  type Hold,
  meaningOf,
  type Place,
  startPan,
  startWindow,
} from "./gestures";
import { createPolygon, type Drawing, type Outline, type Polygon } from "./outlines";
import { type Ground, listenToPointers, type Pointing } from "./pointerevents";
import { startDrawing } from "./starting";
import { BRUSHES, type DrawingGround, type DrawingState, POLYGON_TOOLS } from "./state";
import { stepRadius } from "./strokes";

/** How often the journal gets what a gesture under way has drawn. */
const KEEP_EVERY_MS = 250;
/** How near two corners are one place, in CSS pixels. */
const NEAR_PX = 8;

export type PointerInput = {
  /** End the gesture or the sliding threshold that is under way. Returns whether there was one. */
  readonly end: () => boolean;
  /** Give up what Esc gives up. Returns whether there was anything. */
  readonly escape: () => boolean;
  /**
   * End the gesture, the sliding threshold or else the open polygon. Returns whether there was one,
   * even if it was a polygon with too few corners to close.
   */
  readonly settle: () => boolean;
  /** Take the open polygon's last corner back. Returns whether there was one. */
  readonly takeCorner: () => boolean;
  /** Whether a drag is under way. */
  readonly isHeld: () => boolean;
  /** The keyboard's cross. */
  readonly cross: Pick<CrossInput, "move" | "press" | "at">;
  /** Show the cross where the pointer was last, or hide it. */
  readonly toggleCross: () => void;
  /** Where the pointer is; null off the film. */
  readonly at: () => ScreenPoint | null;
  readonly outline: () => Outline | null;
  readonly ring: () => Ring | null;
};

/** The ring of the brush where the reader points; null where nothing would be painted. */
export function ringOf(state: DrawingState, at: ScreenPoint | null): Ring | null {
  const { tool, radius, isOnlyFilmShown, isRegionNext, phase } = state;
  const isHidden = isOnlyFilmShown || isRegionNext || phase !== "reading";
  return at && !isHidden && BRUSHES.includes(tool)
    ? { at, radius, erases: tool === "eraser" }
    : null;
}

/** What Esc gives up: the region to choose, else the gesture or polygon, else the ruler. */
export function escapeTarget(
  { isRegionNext, ruler }: Pick<DrawingState, "isRegionNext" | "ruler">,
  isBegun: boolean,
): "region" | "gesture" | "ruler" | null {
  if (isRegionNext) return "region";
  if (isBegun) return "gesture";
  return ruler ? "ruler" : null;
}

/** Holds one gesture at a time, and starts the drawings of the tools. */
function createDrawingHold(room: DrawingGround, onRing: () => void) {
  const { store } = room;
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

  function draw(polygon: Polygon, at: Place, isEraserEnd: boolean, isAlt: boolean): Gesture | null {
    const begun = startDrawing(room, polygon, { at: at.on, isEraserEnd, isAlt });
    if (!begun) return null;
    drawing = begun;
    clearInterval(keepTimer);
    keepTimer = setInterval(() => room.openCase()?.maskDocument.keepRunning(), KEEP_EVERY_MS);
    return { ...begun, isFine: true, move: ({ on }) => begun.move(on) };
  }

  function end(): boolean {
    const maskDocument = room.openCase()?.maskDocument;
    if (drawing) hold.end();
    else if (maskDocument?.isRunning())
      maskDocument.commit({ ...maskDocument.basis(), threshold: store.get().threshold });
    else return false;
    return true;
  }

  return { hold, draw, end, drawing: () => drawing };
}

/** Take hold of the gesture that a press of mouse, pen or finger means. */
function pressPointer(
  event: PointerEvent,
  at: Place,
  { hold, draw }: { readonly hold: Hold; readonly draw: PointerDraw },
  film: Pick<Pointing, "store" | "handlers">,
): void {
  const kind = meaningOf(event, film.store.get());
  if (kind === null) return;
  if (kind === "draw") {
    const isEraserEnd = event.button === 5 || (event.buttons & 32) !== 0;
    hold.take(event.pointerId, draw(at, isEraserEnd, event.altKey));
    return;
  }
  hold.take(event.pointerId, kind === "pan" ? startPan(film, at) : startWindow(film, at));
  event.preventDefault();
}

type PointerDraw = (at: Place, isEraserEnd: boolean, isAlt: boolean) => Gesture | null;

/** The polygon of the open case, and what the reader is told when it ends. */
function createPolygonInput({ store, openCase }: DrawingGround) {
  const isNear = (a: Point, b: Point) =>
    Math.hypot(a.x - b.x, a.y - b.y) * store.get().view.zoom < NEAR_PX;
  const polygon = createPolygon(() => openCase()?.maskDocument, isNear);
  return {
    polygon,
    close: (): boolean => {
      const isOpen = polygon.isOpen();
      if (isOpen && !polygon.close()) store.set({ notice: words.drawing.polygonCorners });
      return isOpen;
    },
    /** Another tool draws now. What the polygon encloses is kept, and can be undone. */
    leave: (): void => {
      if (polygon.isOpen() && !polygon.close()) store.set({ notice: words.drawing.polygonDropped });
      polygon.drop();
    },
  };
}

/** End what the former case or tool began. */
function watchCaseAndTool(
  store: DrawingGround["store"],
  hold: Hold,
  { polygon, leave }: ReturnType<typeof createPolygonInput>,
  end: () => boolean,
): void {
  store.subscribe((now, before) => {
    const isOtherCase = now.current?.assignment !== before.current?.assignment;
    if (isOtherCase) {
      hold.drop();
      polygon.forget();
    } else if (now.tool !== before.tool) {
      end(); // it was drawn with the former tool
      if (!POLYGON_TOOLS.includes(now.tool)) leave();
    }
  });
}

/** Change the radius by the wheel while Shift is pressed. Returns whether it did. */
function turnWheel(store: DrawingGround["store"], event: WheelEvent): boolean {
  const amount = event.deltaY || event.deltaX;
  if (event.shiftKey) store.set({ radius: stepRadius(store.get().radius, amount > 0 ? -1 : 1) });
  return event.shiftKey;
}

export function createPointerInput(
  canvas: HTMLCanvasElement,
  room: DrawingGround,
  pointing: Pointing,
  onRing: () => void,
): PointerInput {
  const { store } = room;
  let hover: StagePoint | null = null;
  const { hold, draw, end, drawing } = createDrawingHold(room, onRing);
  const polygonInput = createPolygonInput(room);
  const { polygon } = polygonInput;
  const drawHere: PointerDraw = (...press) => draw(polygon, ...press);
  const cross = createCrossInput(store, hold, polygon, (at) => drawHere(at, false, false));
  const inFrame = (seen: StagePoint) => {
    const { orientation, view } = store.get();
    return stageToFrame(orientation, view.screen, seen);
  };
  /** Where the reader points. The cross comes first while it is shown. */
  const pointedAt = () => cross.at() ?? (hover && inFrame(hover));

  const ground: Ground = {
    canvas,
    hold,
    locate: inFrame,
    press: (event, at) => {
      // A reader who takes the mouse is done with the keys.
      cross.putAway();
      pressPointer(event, at, { hold, draw: drawHere }, pointing);
    },
    hover: (at) => {
      hover = at ? at.seen : null;
      if (!store.get().cross) cross.forget();
      if (at && !hold.isHeld() && !cross.at()) polygon.hover(at.on);
      onRing();
    },
    turnWheel: (event) => turnWheel(store, event),
  };
  listenToPointers(ground, pointing);
  watchCaseAndTool(store, hold, polygonInput, end);

  /** Ask for a frame after a change of the polygon. */
  const redrawn = (isChanged: boolean) => {
    onRing();
    return isChanged;
  };
  const closePolygon = () => redrawn(polygonInput.close());
  canvas.addEventListener("dblclick", () => {
    if (store.get().tool === "polygon") closePolygon();
  });

  return {
    end,
    escape: () => {
      const target = escapeTarget(store.get(), hold.isHeld() || polygon.isOpen());
      hold.cancel();
      if (target === "region") store.set({ isRegionNext: false });
      else if (target === "gesture") polygon.drop();
      else if (target === "ruler") store.set({ ruler: null });
      return redrawn(target !== null);
    },
    takeCorner: () => redrawn(polygon.stepBack()),
    outline: () => drawing()?.outline() ?? polygon.outline(),
    isHeld: hold.isHeld,
    at: pointedAt,
    cross,
    toggleCross: () => {
      // A screen reader passes the arrows on only while the film has the focus.
      canvas.focus({ preventScroll: true });
      cross.toggle(pointedAt());
    },
    settle: () => end() || closePolygon(),
    ring: () => ringOf(store.get(), pointedAt()),
  };
}
