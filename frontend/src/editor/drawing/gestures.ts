/** What a pressed pointer does. A film takes one gesture at a time, from any pointer or the keys. */

import { dragWindow, type Window } from "../film/film";
import type { StagePoint } from "../film/orientation";
import { panBy, type ScreenPoint, screenPoint, type Viewport, zoomAt } from "../film/viewport";
import type { Store } from "../page/store";
import type { Sample } from "./outlines";
import type { DrawingState } from "./state";

/** Where a pointer is: on its pane as it is seen, in the frame of the case's own film, and on that film. */
export type Place = {
  readonly seen: StagePoint;
  readonly at: ScreenPoint;
  readonly on: Sample;
};

export type Gesture = {
  /** Whether the gesture is only a press and a release in one place. A key press does both. */
  readonly isClick?: boolean;
  /** Whether it needs every sample that the browser took between two events. */
  readonly isFine?: boolean;
  readonly move: (to: Place) => void;
  readonly end: () => void;
  readonly cancel: () => void;
};

/** What a press means, by its button, its pointer and the tool. */
export function meaningOf(
  event: Pick<PointerEvent, "button" | "pointerType">,
  { tool, isOnlyFilmShown, isRegionNext, fingerPans }: DrawingState,
): "draw" | "pan" | "window" | null {
  const { button, pointerType } = event;
  if (button === 1) return "pan";
  if (button === 2) return "window";
  if (button !== 0 && button !== 5) return null;
  if (button === 0 && isRegionNext) return "draw";
  if (button === 0 && (tool === "pan" || tool === "window")) return tool;
  if (pointerType === "touch" && fingerPans) return "pan";
  return isOnlyFilmShown ? null : "draw";
}

/** A pointer by its id, two fingers together, or the keys. */
export type Holder = number | "fingers" | "keys";

export type Hold = ReturnType<typeof createHold>;

/** Holds the gesture under way. Calls `onChange` when one begins and when it has ended. */
export function createHold(onChange: () => void = () => undefined) {
  let held: { readonly by: Holder; readonly gesture: Gesture } | null = null;

  function letGo(how?: "end" | "cancel"): void {
    const gone = held;
    held = null;
    if (how) gone?.gesture[how]();
    onChange();
  }

  return {
    isHeld: () => held !== null,
    isBy: (holder: Holder) => held?.by === holder,
    isFine: () => held?.gesture.isFine === true,
    take: (by: Holder, gesture: Gesture | null) => {
      held = gesture && { by, gesture };
      if (by === "keys" && gesture?.isClick) letGo("end");
      else onChange();
    },
    move: (to: Place) => held?.gesture.move(to),
    end: () => letGo("end"),
    /** Give it up without a trace. */
    cancel: () => letGo("cancel"),
    /** Forget the gesture: the case that it changed is closed. */
    drop: () => letGo(),
  };
}

/** What a gesture may change in the way the film is shown. */
export type ViewHandlers = {
  readonly setView: (view: Viewport) => void;
  readonly setWindow: (window: Window, isDragging: boolean) => void;
};

type Film = { readonly store: Store<DrawingState>; readonly handlers: ViewHandlers };

export function startPan({ store, handlers }: Film, from: Place): Gesture {
  let last = from.at;
  return {
    move: ({ at }) => {
      const { current, view } = store.get();
      if (current) handlers.setView(panBy(view, at.x - last.x, at.y - last.y, current.image));
      last = at;
    },
    end: () => undefined,
    cancel: () => undefined,
  };
}

/** A drag to the right widens the window as the reader sees it, however the film is turned. */
export function startWindow({ store, handlers }: Film, from: Place): Gesture {
  let last = from.seen;
  const end = () => handlers.setWindow(store.get().window, false);
  return {
    move: ({ seen }) => {
      const { current, window } = store.get();
      const [dx, dy] = [seen.x - last.x, seen.y - last.y];
      if (current) handlers.setWindow(dragWindow(window, dx, dy, current.image.bits), true);
      last = seen;
    },
    end,
    cancel: end,
  };
}

/** The film follows the middle of two fingers and grows as they move apart. */
export function startPinch(
  { store, handlers }: Film,
  fingers: ReadonlyMap<number, Place>,
): Gesture {
  const now = () => {
    const [a, b] = [...fingers.values()].map(({ at }) => at);
    if (!a || !b) return null;
    const middle = screenPoint((a.x + b.x) / 2, (a.y + b.y) / 2);
    return { middle, apart: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  let last = now();
  return {
    move: () => {
      const [from, to] = [last, now()];
      const { current, view } = store.get();
      last = to;
      if (!from || !to || !current) return;
      const [dx, dy] = [to.middle.x - from.middle.x, to.middle.y - from.middle.y];
      const moved = panBy(view, dx, dy, current.image);
      const factor = to.apart / Math.max(1, from.apart);
      handlers.setView(zoomAt(moved, to.middle, factor, current.image));
    },
    end: () => undefined,
    cancel: () => undefined,
  };
}
