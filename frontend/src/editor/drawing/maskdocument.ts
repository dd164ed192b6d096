/**
 * The mask that the reader edits: what is painted, what is committed, and the history. A tool changes
 * `mask`, calls `touch` with the changed area, and commits. Nothing else may write to the mask. An
 * open polygon belongs to it too.
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
  /** These pixels must be drawn again. */
  readonly onPaint: (rect: Rect) => void;
  /** A gesture ended and made this change, which the journal must keep. */
  readonly onKeep: (change: Change) => void;
  /** The gesture under way has changed `mask` here. */
  readonly onKeepRunning: (rect: Rect) => void;
  /** A gesture counted as a stroke. */
  readonly onGesture: () => void;
  /** The open polygon has other corners, or is not open any more. */
  readonly onPolygon: () => void;
};

/** What is committed beside the pixels. */
type Committed = {
  /** How many gestures changed the mask. */
  readonly stroke: number;
  readonly basis: Basis;
  readonly history: History;
};

export type MaskDocumentStart = Committed & {
  readonly mask: Mask;
  readonly polygon: OpenPolygon | null;
};

export type MaskDocument = ReturnType<typeof createMaskDocument>;

type HistoryStep = { readonly history: History; readonly entry: Entry };

function commitGesture(before: Committed, change: Change, basis: Basis): Committed {
  const history = remember(before.history, change, before.basis, basis);
  return { stroke: before.stroke + 1, basis, history };
}

/** Undo and redo count as strokes: the mask has changed and must be saved. */
function commitStep({ stroke }: Committed, { history, entry }: HistoryStep, isBack: boolean) {
  return { stroke: stroke + 1, history, basis: isBack ? entry.before : entry.after };
}

/** Where the gesture under way has changed the mask, and how much of that the journal knows. */
function createGestureArea({ onPaint, onKeepRunning }: MaskDocumentEvents) {
  let dirty: Rect = EMPTY_RECT;
  let unkept: Rect = EMPTY_RECT;
  let isTold = false;
  return {
    dirty: () => dirty,
    touch: (rect: Rect): void => {
      dirty = joinRects(dirty, rect);
      unkept = joinRects(unkept, rect);
      if (!isEmptyRect(rect)) onPaint(rect);
    },
    /** Give the journal what the gesture has changed since the last call. */
    keepRunning: (): void => {
      if (isEmptyRect(unkept)) return;
      const rect = unkept;
      unkept = EMPTY_RECT;
      isTold = true;
      onKeepRunning(rect);
    },
    /** The gesture has ended. Returns whether the journal was told of it, and so must hear the end. */
    clear: (): boolean => {
      const wasTold = isTold;
      dirty = EMPTY_RECT;
      unkept = EMPTY_RECT;
      isTold = false;
      return wasTold;
    },
  };
}

export function createMaskDocument(start: MaskDocumentStart, events: MaskDocumentEvents) {
  const { mask } = start;
  /** The pixels without the gesture under way. */
  const committed = copyMask(mask);
  let current: Committed = { stroke: start.stroke, basis: start.basis, history: start.history };
  let { polygon } = start;
  const area = createGestureArea(events);
  const { dirty, touch, keepRunning } = area;

  function settle(next: Committed, change: Change): void {
    current = next;
    applyChange(committed, change);
    area.clear();
    events.onKeep(change);
    events.onGesture();
  }

  /** End a gesture that changed nothing. */
  function forget(): void {
    if (area.clear()) events.onKeep(NO_CHANGE);
  }

  /** End the gesture. Returns whether it changed anything; if not, the history gets no entry. */
  function commit(nextBasis: Basis = current.basis): boolean {
    const change = changeBetween(committed, mask, dirty());
    const hasChanged = !isEmptyRect(change.rect) || !isSameBasis(current.basis, nextBasis);
    if (hasChanged) settle(commitGesture(current, change, nextBasis), change);
    else forget();
    return hasChanged;
  }

  function cancel(): void {
    copyRect(committed, mask, dirty());
    if (!isEmptyRect(dirty())) events.onPaint(dirty());
    forget();
  }

  function replay(step: HistoryStep | null, isBack: boolean): boolean {
    cancel();
    if (!step) return false;
    const change = isBack ? reversed(step.entry.change) : step.entry.change;
    applyChange(mask, change);
    events.onPaint(change.rect);
    settle(commitStep(current, step, isBack), change);
    return true;
  }

  /** Take over another mask whole, as one gesture. */
  function replace(next: Mask, nextBasis: Basis): boolean {
    cancel();
    mask.data.set(next.data);
    touch(wholeRect(mask));
    return commit(nextBasis);
  }

  function setPolygon(next: OpenPolygon | null): void {
    polygon = next;
    events.onPolygon();
  }

  return {
    ...{ mask, committed, touch, commit, cancel, keepRunning, replace, setPolygon },
    stroke: () => current.stroke,
    basis: () => current.basis,
    history: () => current.history,
    polygon: () => polygon,
    isRunning: () => !isEmptyRect(dirty()),
    canUndo: () => current.history.past.length > 0,
    canRedo: () => current.history.future.length > 0,
    /** Go back to the last commit without ending the gesture. A slider computes each step anew. */
    restart: () => copyRect(committed, mask, dirty()),
    undo: () => replay(stepBack(current.history), true),
    redo: () => replay(stepForward(current.history), false),
  };
}
