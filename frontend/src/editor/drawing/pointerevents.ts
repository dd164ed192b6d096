/**
 * Mouse, pen and touch on the case's film or the film beside it. Palms are ignored; two fingers and
 * the wheel zoom. Each film decides what any other press does.
 */

import { type StagePoint, stagePoint } from "../film/orientation";
import { type ScreenPoint, screenToImage, zoomAt } from "../film/viewport";
import type { Store } from "../page/store";
import { type Hold, type Place, startPinch, type ViewHandlers } from "./gestures";
import type { PalmGuard } from "./palm";
import type { DrawingState } from "./state";

export type Ground = {
  readonly canvas: HTMLCanvasElement;
  readonly hold: Hold;
  /** A place on the canvas in the frame of the case's own film. */
  readonly locate: (seen: StagePoint) => ScreenPoint;
  /** Start the gesture that the press means here, if it means any. */
  readonly press: (event: PointerEvent, at: Place) => void;
  /** The pointer is over the film, pressed or not. Null: it has left. */
  readonly hover?: (at: Place | null) => void;
  /** Whether the wheel did something other than zoom. */
  readonly turnWheel?: (event: WheelEvent) => boolean;
};

function wheelFactor(event: WheelEvent): number {
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
  const amount = (event.deltaY || event.deltaX) * lines;
  return Math.exp(-Math.min(Math.max(amount, -240), 240) / 500);
}

export type Pointing = {
  readonly store: Store<DrawingState>;
  readonly handlers: ViewHandlers;
  /** Shared by all films: while a pen draws on one film, a touch on any film is a palm. */
  readonly palms: PalmGuard;
};

/** Finds where an event is on the pane, in the film's frame and on the film. */
function createLocator({ canvas, locate }: Ground, store: Store<DrawingState>) {
  let box = canvas.getBoundingClientRect();

  const measure = () => {
    box = canvas.getBoundingClientRect();
  };
  const frameAt = (event: MouseEvent) => {
    const seen = stagePoint(event.clientX - box.left, event.clientY - box.top);
    return { seen, at: locate(seen) };
  };
  const placeOf = (event: PointerEvent): Place => {
    const { seen, at } = frameAt(event);
    const on = screenToImage(store.get().view, at);
    const isPen = event.pointerType === "pen";
    return { seen, at, on: isPen ? { ...on, pressure: event.pressure } : on };
  };

  return { measure, frameAt, placeOf };
}

export function listenToPointers(ground: Ground, { store, handlers, palms }: Pointing): void {
  const { canvas, hold } = ground;
  const fingers = new Map<number, Place>();
  const { measure, frameAt, placeOf } = createLocator(ground, store);

  canvas.addEventListener("pointerenter", measure);
  canvas.addEventListener("pointerdown", (event) => {
    measure();
    palms.see(event);
    if (palms.isPalm(event) || !store.get().current) return;
    if (event.pointerType === "pen" && fingers.size > 0) {
      // The palm touched before the pen did.
      hold.cancel();
      fingers.clear();
    }
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    const at = placeOf(event);
    ground.hover?.(at);
    if (event.pointerType === "touch") fingers.set(event.pointerId, at);
    if (fingers.size === 2) {
      hold.cancel();
      hold.take("fingers", startPinch({ store, handlers }, fingers));
      return;
    }
    // A dialog that opened meanwhile can swallow the release of a pointer.
    if (hold.isBy(event.pointerId)) hold.cancel();
    if (hold.isBy("keys")) hold.end();
    if (!hold.isHeld()) ground.press(event, at);
  });

  canvas.addEventListener("pointermove", (event) => {
    palms.see(event);
    const at = placeOf(event);
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, at);
    const isHolder = hold.isBy(event.pointerId) || hold.isBy("fingers");
    const between = isHolder && hold.isFine() ? event.getCoalescedEvents?.() : undefined;
    if (between?.length) for (const sample of between) hold.move(placeOf(sample));
    else if (isHolder) hold.move(at);
    ground.hover?.(at);
  });

  const up = (event: PointerEvent) => {
    palms.see(event);
    fingers.delete(event.pointerId);
    const isOver = hold.isBy("fingers") ? fingers.size < 2 : hold.isBy(event.pointerId);
    if (!isOver) return;
    // The system cancels a touch that it recognises as a palm.
    if (event.type === "pointercancel" && palms.isPalm(event)) hold.cancel();
    else hold.end();
  };
  canvas.addEventListener("pointerup", up);
  // The system took the pointer away. What was drawn so far stays, except what a palm drew.
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => {
    if (!hold.isHeld()) ground.hover?.(null);
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      measure();
      const { current, view } = store.get();
      if (!current || (event.deltaY || event.deltaX) === 0 || ground.turnWheel?.(event)) return;
      handlers.setView(zoomAt(view, frameAt(event).at, wheelFactor(event), current.image));
    },
    { passive: false },
  );
}
