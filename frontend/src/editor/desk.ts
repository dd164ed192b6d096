/**
 * The mask on the desk: what is painted, what is committed, and its history. Every tool changes
 * `mask`, says where, and commits; nothing else may write to it.
 */

import {
  changedRect,
  copyMask,
  copyRect,
  EMPTY_RECT,
  isEmptyRect,
  joinRects,
  type Mask,
  type Rect,
  wholeRect,
} from "../mask/bitmap";
import { alignRect, flipDifference, takeDifference } from "../mask/bits";
import {
  type Basis,
  differenceOf,
  type Entry,
  type History,
  isSameBasis,
  remember,
  stepBack,
  stepForward,
} from "./undo";

export type DeskEvents = {
  /** Pixels to draw again. */
  readonly onPaint: (rect: Rect) => void;
  /** What the journal must keep: pixels of the running gesture, or else of `committed`. */
  readonly onKeep: (rect: Rect, isRunning: boolean) => void;
  /** A gesture counted. */
  readonly onGesture: () => void;
};

export type Desk = ReturnType<typeof createDesk>;

export function createDesk(
  start: { mask: Mask; stroke: number; basis: Basis; history: History },
  events: DeskEvents,
) {
  const mask = start.mask;
  const committed = copyMask(mask);
  let stroke = start.stroke;
  let basis = start.basis;
  let history = start.history;
  let dirty: Rect = EMPTY_RECT;
  let unkept: Rect = EMPTY_RECT;
  // What the journal was told of the running gesture: it must hear how those pixels ended.
  let told: Rect = EMPTY_RECT;

  function touch(rect: Rect): void {
    dirty = joinRects(dirty, rect);
    unkept = joinRects(unkept, rect);
    if (!isEmptyRect(rect)) events.onPaint(rect);
  }

  function rest(): Rect {
    const ended = told;
    dirty = EMPTY_RECT;
    unkept = EMPTY_RECT;
    told = EMPTY_RECT;
    return ended;
  }

  function settle(rect: Rect): void {
    copyRect(mask, committed, rect);
    const ended = rest();
    stroke += 1;
    events.onKeep(joinRects(rect, ended), false);
    events.onGesture();
  }

  /** The gesture leaves no trace: the journal hears it only if it was told of it before. */
  function forget(): void {
    const ended = rest();
    if (!isEmptyRect(ended)) events.onKeep(ended, false);
  }

  /** End the gesture. One that changed nothing makes no entry. */
  function commit(nextBasis: Basis = basis): boolean {
    const rect = alignRect(changedRect(mask, committed, dirty), mask);
    if (isEmptyRect(rect) && isSameBasis(basis, nextBasis)) {
      forget();
      return false;
    }
    history = remember(history, takeDifference(mask, committed, rect), basis, nextBasis);
    basis = nextBasis;
    settle(rect);
    return true;
  }

  function cancel(): void {
    copyRect(committed, mask, dirty);
    if (!isEmptyRect(dirty)) events.onPaint(dirty);
    forget();
  }

  function replay(step: { history: History; entry: Entry } | null, isBack: boolean): boolean {
    cancel();
    if (!step) return false;
    const { rect, before, after } = step.entry;
    flipDifference(mask, differenceOf(step.entry));
    history = step.history;
    basis = isBack ? before : after;
    events.onPaint(rect);
    settle(rect);
    return true;
  }

  return {
    mask,
    /** The mask without the gesture under way: what may be called the reader's. */
    committed,
    stroke: () => stroke,
    basis: () => basis,
    history: () => history,
    isRunning: () => !isEmptyRect(dirty),
    canUndo: () => history.past.length > 0,
    canRedo: () => history.future.length > 0,
    touch,
    commit,
    cancel,
    /** Back to the last commit without ending the gesture: a slider computes each step anew. */
    restart: () => copyRect(committed, mask, dirty),
    /** Hand what the running gesture changed since the last call to the journal. */
    keepRunning: () => {
      if (isEmptyRect(unkept)) return;
      const rect = unkept;
      unkept = EMPTY_RECT;
      told = joinRects(told, rect);
      events.onKeep(rect, true);
    },
    /** Take over another mask whole, as one gesture. */
    replace: (next: Mask, nextBasis: Basis) => {
      cancel();
      mask.data.set(next.data);
      touch(wholeRect(mask));
      return commit(nextBasis);
    },
    undo: () => replay(stepBack(history), true),
    redo: () => replay(stepForward(history), false),
  };
}
