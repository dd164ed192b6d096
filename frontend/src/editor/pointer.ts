/**
 * Mouse, pen and touch on the film. A pen's eraser end erases, a palm is no stroke, one finger
 * draws or moves the film, two zoom it. Each move only paints and asks for a frame.
 */

import type { Point } from "../mask/brush";
import { words } from "../words";
import { stepRadius } from "./drawactions";
import { startDrawing } from "./drawings";
import { dragWindow } from "./film";
import { type StagePoint, stagePoint, stageToFrame } from "./orientation";
import { createPolygon, type Drawing, type Outline, type Sample } from "./outlines";
import { createPalmGuard } from "./palm";
import type { Room } from "./room";
import { BRUSHES, POLYGON_KEEPERS } from "./state";
import type { Verbs } from "./verbs";
import { panBy, type ScreenPoint, screenPoint, screenToImage, zoomAt } from "./viewport";

const KEEP_EVERY_MS = 250;
const NEAR_PX = 8;

type Gesture =
  | { readonly kind: "draw"; readonly pointer: number; readonly drawing: Drawing }
  | { readonly kind: "pan" | "window"; readonly pointer: number; last: StagePoint }
  | { readonly kind: "pinch"; a: ScreenPoint; b: ScreenPoint };

export type Hand = {
  /** End the gesture under way without a trace; an open polygon stays. */
  readonly cancel: () => void;
  /**
   * Esc: give up what was begun last, the region to come before an open polygon, and at last the
   * ruler; whether there was anything.
   */
  readonly escape: () => boolean;
  /** End the polygon that is open; whether there was one, even one that is too short to end. */
  readonly closePolygon: () => boolean;
  /** Take the open polygon's last corner back; whether there was one. */
  readonly takeCorner: () => boolean;
  /** Whether a drag is under way. */
  readonly isHeld: () => boolean;
  /** Where the pointer is; null off the film. */
  readonly at: () => ScreenPoint | null;
  readonly outline: () => Outline | null;
  readonly ring: () => { at: ScreenPoint; radius: number; erases: boolean } | null;
};

export function wheelFactor(event: WheelEvent): number {
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
  const amount = (event.deltaY || event.deltaX) * lines;
  return Math.exp(-Math.min(Math.max(amount, -240), 240) / 500);
}

export function listenToPointer(
  canvas: HTMLCanvasElement,
  room: Room,
  verbs: Verbs,
  onRing: () => void,
): Hand {
  const { store } = room;
  const touches = new Map<number, ScreenPoint>();
  let gesture: Gesture | null = null;
  let hover: StagePoint | null = null;
  let keeper: ReturnType<typeof setInterval> | undefined;
  const palms = createPalmGuard();
  let box = canvas.getBoundingClientRect();

  const measure = () => {
    box = canvas.getBoundingClientRect();
  };
  const seenAt = (event: MouseEvent) =>
    stagePoint(event.clientX - box.left, event.clientY - box.top);
  const inFrame = (at: StagePoint) => {
    const { orientation, view } = store.get();
    return stageToFrame(orientation, view.screen, at);
  };
  const pointOf = (event: MouseEvent) => inFrame(seenAt(event));
  const onImage = (at: ScreenPoint) => screenToImage(store.get().view, at);
  const sampleOf = (event: PointerEvent): Sample => {
    const at = onImage(pointOf(event));
    return event.pointerType === "pen" ? { ...at, pressure: event.pressure } : at;
  };
  const image = () => store.get().current?.image ?? null;
  const isNear = (a: Point, b: Point) =>
    Math.hypot(a.x - b.x, a.y - b.y) * store.get().view.zoom < NEAR_PX;
  const polygon = createPolygon(isNear, (corners) => store.set({ corners }));

  function kindOf(event: PointerEvent): "draw" | "pan" | "window" | null {
    if (event.button === 1) return "pan";
    if (event.button === 2) return "window";
    const { tool, isNaked, isRegionNext, fingerPans } = store.get();
    if (event.button !== 0 && event.button !== 5) return null;
    if (event.button === 0 && isRegionNext) return "draw";
    if (event.button === 0 && (tool === "pan" || tool === "window")) return tool;
    if (event.pointerType === "touch" && fingerPans) return "pan";
    return isNaked ? null : "draw";
  }

  function draw(event: PointerEvent): void {
    const isEraserEnd = event.button === 5 || (event.buttons & 32) !== 0;
    const press = { at: sampleOf(event), isEraserEnd, isAlt: event.altKey };
    const drawing = startDrawing(room, polygon, press);
    if (!drawing) return;
    gesture = { kind: "draw", pointer: event.pointerId, drawing };
    clearInterval(keeper);
    keeper = setInterval(() => room.sitting()?.desk.keepRunning(), KEEP_EVERY_MS);
  }

  function cancel(): void {
    clearInterval(keeper);
    if (gesture?.kind === "draw") gesture.drawing.cancel();
    if (gesture?.kind === "window") verbs.setWindow(store.get().window, false);
    gesture = null;
  }

  function startPinch(): void {
    const [a, b] = [...touches.values()];
    if (!a || !b) return;
    cancel();
    gesture = { kind: "pinch", a, b };
  }

  function pinch(now: Gesture & { kind: "pinch" }): void {
    const [a, b] = [...touches.values()];
    const size = image();
    if (!a || !b || !size) return;
    const middle = screenPoint((a.x + b.x) / 2, (a.y + b.y) / 2);
    const before = screenPoint((now.a.x + now.b.x) / 2, (now.a.y + now.b.y) / 2);
    const spread =
      Math.hypot(a.x - b.x, a.y - b.y) /
      Math.max(1, Math.hypot(now.a.x - now.b.x, now.a.y - now.b.y));
    const moved = panBy(store.get().view, middle.x - before.x, middle.y - before.y, size);
    verbs.setView(zoomAt(moved, middle, spread, size));
    gesture = { kind: "pinch", a, b };
  }

  function drag(now: Gesture & { kind: "pan" | "window" }, at: StagePoint): void {
    const { current, view, window } = store.get();
    if (!current) return;
    if (now.kind === "pan") {
      const [from, to] = [inFrame(now.last), inFrame(at)];
      verbs.setView(panBy(view, to.x - from.x, to.y - from.y, current.image));
    } else {
      const [dx, dy] = [at.x - now.last.x, at.y - now.last.y];
      verbs.setWindow(dragWindow(window, dx, dy, current.image.bits), true);
    }
    gesture = { ...now, last: at };
  }

  function finish(): void {
    const ended = gesture;
    gesture = null;
    clearInterval(keeper);
    if (ended?.kind === "draw") ended.drawing.end();
    if (ended?.kind === "window") verbs.setWindow(store.get().window, false);
    onRing();
  }

  canvas.addEventListener("pointerenter", measure);
  canvas.addEventListener("pointerdown", (event) => {
    measure();
    palms.see(event);
    if (palms.isPalm(event) || !image()) return;
    if (event.pointerType === "pen" && touches.size > 0) {
      // The palm came down before the pen did.
      cancel();
      touches.clear();
    }
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    hover = seenAt(event);
    const at = inFrame(hover);
    if (event.pointerType === "touch") touches.set(event.pointerId, at);
    if (touches.size === 2) return startPinch();
    // A dialog that came up meanwhile can swallow a release.
    if (gesture?.kind !== "pinch" && gesture?.pointer === event.pointerId) cancel();
    if (gesture) return;
    const kind = kindOf(event);
    if (kind === "draw") draw(event);
    else if (kind) {
      gesture = { kind, pointer: event.pointerId, last: hover };
      event.preventDefault();
    }
    onRing();
  });

  canvas.addEventListener("pointermove", (event) => {
    palms.see(event);
    hover = seenAt(event);
    const at = inFrame(hover);
    if (touches.has(event.pointerId)) touches.set(event.pointerId, at);
    const now = gesture;
    if (now?.kind === "pinch") pinch(now);
    else if (now && now.pointer === event.pointerId) {
      if (now.kind === "draw") {
        const samples = event.getCoalescedEvents?.() ?? [];
        for (const sample of samples.length ? samples : [event]) now.drawing.move(sampleOf(sample));
      } else drag(now, hover);
    } else polygon.hover(onImage(at));
    onRing();
  });

  const up = (event: PointerEvent) => {
    palms.see(event);
    touches.delete(event.pointerId);
    const isOver =
      gesture?.kind === "pinch" ? touches.size < 2 : gesture?.pointer === event.pointerId;
    if (!isOver) return;
    // The system takes a palm away where it knows it for one.
    if (event.type === "pointercancel" && palms.isPalm(event)) cancel();
    else finish();
  };
  canvas.addEventListener("pointerup", up);
  // The system took the pointer away: what was drawn so far is work, and stays; a palm's is none.
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => {
    if (gesture) return;
    hover = null;
    onRing();
  });
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
      gesture = null;
      clearInterval(keeper);
    }
    if (isOtherCase) polygon.drop();
    else if (now.tool !== before.tool && !POLYGON_KEEPERS.includes(now.tool)) leavePolygon();
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      measure();
      const size = image();
      const amount = event.deltaY || event.deltaX;
      if (!size || amount === 0) return;
      if (event.shiftKey) verbs.setRadius(stepRadius(store.get().radius, amount > 0 ? -1 : 1));
      else verbs.setView(zoomAt(store.get().view, pointOf(event), wheelFactor(event), size));
    },
    { passive: false },
  );

  return {
    cancel,
    escape: () => {
      const { isRegionNext, ruler } = store.get();
      const isBegun = gesture !== null || polygon.isOpen();
      cancel();
      if (isRegionNext) store.set({ isRegionNext: false });
      else if (isBegun) polygon.drop();
      else if (ruler) store.set({ ruler: null });
      onRing();
      return isRegionNext || isBegun || ruler !== null;
    },
    closePolygon,
    takeCorner: () => {
      const isTaken = polygon.stepBack();
      onRing();
      return isTaken;
    },
    outline: () => (gesture?.kind === "draw" && gesture.drawing.outline()) || polygon.outline(),
    isHeld: () => gesture !== null,
    at: () => hover && inFrame(hover),
    ring: () => {
      const { tool, radius, isNaked, isRegionNext, phase } = store.get();
      const isHidden = isNaked || isRegionNext || phase !== "reading";
      return hover && !isHidden && BRUSHES.includes(tool)
        ? { at: inFrame(hover), radius, erases: tool === "eraser" }
        : null;
    },
  };
}
