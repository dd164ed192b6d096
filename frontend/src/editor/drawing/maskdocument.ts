/**
 * The mask on the desk: what is painted, what is committed, and its history. Every tool changes
 * `mask`, says where, and commits; nothing else may write to it. A polygon that is not closed yet
 * lies on it too.
 */

import {
  copyMask,
  copyRect,
  EMPTY_RECT,
  isEmptyRect,
  joinRects,
  type Mask,
  type Rect,
  wholeRect,
} from "../../mask/bitmap";
import { applyChange, type Change, changeBetween, NO_CHANGE, reversed } from "../../mask/change";
import type { OpenPolygon } from "../../mask/polygon";
import {
  type Basis,
  type Entry,
  type History,
  isSameBasis,
  remember,
  stepBack,
  stepForward,
} from "./undo";

export type MaskDocumentEvents = {
  /** Pixels to draw again. */
  readonly onPaint: (rect: Rect) => void;
  /** What a gesture that ended changed: the journal must keep it. */
  readonly onKeep: (change: Change) => void;
  /** Where the running gesture changed `mask`. */
  readonly onKeepRunning: (rect: Rect) => void;
  /** A gesture counted. */
  readonly onGesture: () => void;
  /** The polygon that is open has other corners, or there is none any more. */
  readonly onPolygon: () => void;
};

export type MaskDocumentStart = {
  readonly mask: Mask;
  readonly stroke: number;
  readonly basis: Basis;
  readonly history: History;
  readonly polygon: OpenPolygon | null;
};

export type MaskDocument = ReturnType<typeof createMaskDocument>;

export function createMaskDocument(start: MaskDocumentStart, events: MaskDocumentEvents) {
  const mask = start.mask;
  const committed = copyMask(mask);
  let stroke = start.stroke;
  let basis = start.basis;
  let history = start.history;
  let polygon = start.polygon;
  let dirty: Rect = EMPTY_RECT;
  let unkept: Rect = EMPTY_RECT;
  // Whether the journal was told of the running gesture: it must hear how that ended.
  let isTold = false;

  function touch(rect: Rect): void {
    dirty = joinRects(dirty, rect);
    unkept = joinRects(unkept, rect);
    if (!isEmptyRect(rect)) events.onPaint(rect);
  }

  function rest(): void {
    dirty = EMPTY_RECT;
    unkept = EMPTY_RECT;
    isTold = false;
  }

  function settle(change: Change): void {
    applyChange(committed, change);
    rest();
    stroke += 1;
    events.onKeep(change);
    events.onGesture();
  }

  /** The gesture leaves no trace: the journal hears it only if it was told of it before. */
  function forget(): void {
    const mustHear = isTold;
    rest();
    if (mustHear) events.onKeep(NO_CHANGE);
  }

  /** End the gesture. One that changed nothing makes no entry. */
  function commit(nextBasis: Basis = basis): boolean {
    const change = changeBetween(committed, mask, dirty);
    if (isEmptyRect(change.rect) && isSameBasis(basis, nextBasis)) {
      forget();
      return false;
    }
    history = remember(history, change, basis, nextBasis);
    basis = nextBasis;
    settle(change);
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
    const { entry } = step;
    const change = isBack ? reversed(entry.change) : entry.change;
    applyChange(mask, change);
    history = step.history;
    basis = isBack ? entry.before : entry.after;
    events.onPaint(change.rect);
    settle(change);
    return true;
  }

  return {
    mask,
    /** The mask without the gesture under way: what may be called the reader's. */
    committed,
    stroke: () => stroke,
    basis: () => basis,
    history: () => history,
    polygon: () => polygon,
    setPolygon: (next: OpenPolygon | null) => {
      polygon = next;
      events.onPolygon();
    },
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
      isTold = true;
      events.onKeepRunning(rect);
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
