/**
 * Mouse, pen and touch on the film. A pen's eraser end erases, a palm is no stroke, two fingers
 * zoom. Each move only paints and asks for a frame.
 */

import { fillCapsule, type Point } from "../mask/brush";
import { stepRadius } from "./drawactions";
import { dragWindow } from "./film";
import type { Room } from "./room";
import type { Verbs } from "./verbs";
import { panBy, type ScreenPoint, screenPoint, screenToImage, zoomAt } from "./viewport";

const KEEP_EVERY_MS = 250;
const PALM_MM = 40;
const PEN_RULES_MS = 800;

type Stroke = {
  readonly kind: "stroke";
  readonly pointer: number;
  readonly value: 0 | 1;
  last: Point;
};

type Gesture =
  | Stroke
  | { readonly kind: "pan" | "window"; readonly pointer: number; last: ScreenPoint }
  | { readonly kind: "pinch"; a: ScreenPoint; b: ScreenPoint };

export type Hand = {
  readonly cancel: () => void;
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

  function kindOf(event: PointerEvent): "stroke" | "pan" | "window" | null {
    if (event.button === 1) return "pan";
    if (event.button === 2) return "window";
    const { tool, isNaked } = store.get();
    if (event.button === 5) return "stroke";
    if (event.button !== 0) return null;
    if (tool === "pan" || tool === "window") return tool;
    return isNaked ? null : "stroke";
  }

  function isPalm(event: PointerEvent): boolean {
    if (event.pointerType !== "touch") return false;
    return (
      event.timeStamp - penAt < PEN_RULES_MS || Math.max(event.width, event.height) > PALM_MM * 3.8
    );
  }

  function paint(stroke: Stroke, to: Point): void {
    const now = room.sitting();
    if (!now) return;
    now.desk.touch(fillCapsule(now.desk.mask, stroke.last, to, store.get().radius, stroke.value));
    stroke.last = to;
  }

  function startStroke(event: PointerEvent, at: ScreenPoint): void {
    const { tool, isBusy, phase } = store.get();
    if (isBusy || phase !== "reading" || !room.sitting()) return;
    const isEraserEnd = event.button === 5 || (event.buttons & 32) !== 0;
    const value = tool === "eraser" || isEraserEnd ? 0 : 1;
    const point = onImage(at);
    const stroke: Stroke = { kind: "stroke", pointer: event.pointerId, value, last: point };
    gesture = stroke;
    paint(gesture, point);
    clearInterval(keeper);
    keeper = setInterval(() => room.sitting()?.desk.keepRunning(), KEEP_EVERY_MS);
  }

  function cancel(): void {
    clearInterval(keeper);
    if (gesture?.kind === "stroke") room.sitting()?.desk.cancel();
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
    if (ended?.kind === "stroke") room.sitting()?.desk.commit();
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
    if (gesture) return;
    const kind = kindOf(event);
    if (kind === "stroke") startStroke(event, at);
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
      if (now.kind === "stroke") {
        const samples = event.getCoalescedEvents?.() ?? [];
        for (const sample of samples.length ? samples : [event])
          paint(now, onImage(pointOf(sample)));
      } else drag(now, at);
    }
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
      onRing();
    },
    ring: () => {
      const { tool, radius, isNaked, phase } = store.get();
      const isPainting = (tool === "brush" || tool === "eraser") && !isNaked && phase === "reading";
      return hover && isPainting ? { at: hover, radius, erases: tool === "eraser" } : null;
    },
  };
}
