/**
 * Mouse, pen and touch on the film. A pen's eraser end erases, a palm is no stroke, two fingers
 * zoom. Each move only paints and asks for a frame.
 */

import { stepRadius } from "./drawactions";
import { startDrawing } from "./drawings";
import { dragWindow } from "./film";
import { createPolygon, type Drawing, type Outline } from "./outlines";
import type { Room } from "./room";
import { BRUSHES } from "./state";
import type { Verbs } from "./verbs";
import { panBy, type ScreenPoint, screenPoint, screenToImage, zoomAt } from "./viewport";

const KEEP_EVERY_MS = 250;
const PALM_MM = 40;
const PEN_RULES_MS = 800;
const NEAR_PX = 8;

type Gesture =
  | { readonly kind: "draw"; readonly pointer: number; readonly drawing: Drawing }
  | { readonly kind: "pan" | "window"; readonly pointer: number; last: ScreenPoint }
  | { readonly kind: "pinch"; a: ScreenPoint; b: ScreenPoint };

export type Hand = {
  readonly cancel: () => void;
  /** End the polygon that is open; whether there was one, even one that is too short to end. */
  readonly closePolygon: () => boolean;
  readonly outline: () => Outline | null;
  readonly ring: () => { at: ScreenPoint; radius: number; erases: boolean } | null;
};

export function listenToPointer(
  canvas: HTMLCanvasElement,
  room: Room,
  verbs: Verbs,
  onRing: () => void,
): Hand {
  const { store } = room;
  const touches = new Map<number, ScreenPoint>();
  let gesture: Gesture | null = null;
  let hover: ScreenPoint | null = null;
  let keeper: ReturnType<typeof setInterval> | undefined;
  let penAt = Number.NEGATIVE_INFINITY;
  let box = canvas.getBoundingClientRect();

  const measure = () => {
    box = canvas.getBoundingClientRect();
  };
  const pointOf = (event: MouseEvent) =>
    screenPoint(event.clientX - box.left, event.clientY - box.top);
  const onImage = (at: ScreenPoint) => screenToImage(store.get().view, at);
  const image = () => store.get().current?.image ?? null;
  const polygon = createPolygon((a, b) => {
    const { zoom } = store.get().view;
    return Math.hypot(a.x - b.x, a.y - b.y) * zoom < NEAR_PX;
  });

  function kindOf(event: PointerEvent): "draw" | "pan" | "window" | null {
    if (event.button === 1) return "pan";
    if (event.button === 2) return "window";
    const { tool, isNaked } = store.get();
    if (event.button === 5) return "draw";
    if (event.button !== 0) return null;
    if (tool === "pan" || tool === "window") return tool;
    return isNaked ? null : "draw";
  }

  function isPalm(event: PointerEvent): boolean {
    if (event.pointerType !== "touch") return false;
    return (
      event.timeStamp - penAt < PEN_RULES_MS || Math.max(event.width, event.height) > PALM_MM * 3.8
    );
  }

  function draw(event: PointerEvent, at: ScreenPoint): void {
    const isEraserEnd = event.button === 5 || (event.buttons & 32) !== 0;
    const press = { at: onImage(at), isEraserEnd, isAlt: event.altKey };
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

  function drag(now: Gesture & { kind: "pan" | "window" }, at: ScreenPoint): void {
    const current = store.get().current;
    if (!current) return;
    const [dx, dy] = [at.x - now.last.x, at.y - now.last.y];
    if (now.kind === "pan") verbs.setView(panBy(store.get().view, dx, dy, current.image));
    else verbs.setWindow(dragWindow(store.get().window, dx, dy, current.image.bits), true);
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

  canvas.addEventListener("pointerdown", (event) => {
    measure();
    if (isPalm(event) || !image()) return;
    if (event.pointerType === "pen") penAt = event.timeStamp;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    const at = pointOf(event);
    hover = at;
    if (event.pointerType === "touch") touches.set(event.pointerId, at);
    if (touches.size === 2) return startPinch();
    // A dialog that came up meanwhile can swallow a release.
    if (gesture?.kind !== "pinch" && gesture?.pointer === event.pointerId) cancel();
    if (gesture) return;
    const kind = kindOf(event);
    if (kind === "draw") draw(event, at);
    else if (kind) {
      gesture = { kind, pointer: event.pointerId, last: at };
      event.preventDefault();
    }
    onRing();
  });

  canvas.addEventListener("pointermove", (event) => {
    const at = pointOf(event);
    if (touches.has(event.pointerId)) touches.set(event.pointerId, at);
    hover = at;
    const now = gesture;
    if (now?.kind === "pinch") pinch(now);
    else if (now && now.pointer === event.pointerId) {
      if (now.kind === "draw") {
        const samples = event.getCoalescedEvents?.() ?? [];
        for (const sample of samples.length ? samples : [event])
          now.drawing.move(onImage(pointOf(sample)));
      } else drag(now, at);
    } else polygon.hover(onImage(at));
    onRing();
  });

  const up = (event: PointerEvent) => {
    touches.delete(event.pointerId);
    if (gesture?.kind === "pinch" ? touches.size < 2 : gesture?.pointer === event.pointerId)
      finish();
  };
  canvas.addEventListener("pointerup", up);
  // The system took the pointer away: what was drawn so far is work, and stays.
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => {
    if (gesture) return;
    hover = null;
    onRing();
  });
  canvas.addEventListener("dblclick", () => {
    if (!polygon.close()) polygon.drop();
    onRing();
  });
  store.subscribe((now, before) => {
    const isOtherCase = now.current?.assignment !== before.current?.assignment;
    if (isOtherCase) {
      gesture = null;
      clearInterval(keeper);
    }
    if (isOtherCase || now.tool !== before.tool) polygon.drop();
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
      else {
        const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
        const factor = Math.exp(-Math.min(Math.max(amount * lines, -240), 240) / 500);
        verbs.setView(zoomAt(store.get().view, pointOf(event), factor, size));
      }
    },
    { passive: false },
  );

  return {
    cancel: () => {
      cancel();
      polygon.drop();
      onRing();
    },
    closePolygon: () => {
      const isOpen = polygon.isOpen();
      if (isOpen && !polygon.close()) store.set({ notice: "A polygon needs three corners." });
      onRing();
      return isOpen;
    },
    outline: () => (gesture?.kind === "draw" && gesture.drawing.outline()) || polygon.outline(),
    ring: () => {
      const { tool, radius, isNaked, phase } = store.get();
      const isPainting = BRUSHES.includes(tool) && !isNaked && phase === "reading";
      return hover && isPainting ? { at: hover, radius, erases: tool === "eraser" } : null;
    },
  };
}
