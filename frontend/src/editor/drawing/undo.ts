/**
 * Undo and redo, one entry for each gesture of any tool. An entry holds the change, and what the mask
 * was made from before and after. The history is limited in bytes and in steps.
 */

import type { Basis } from "../../api/types";
import { clipRect, isEmptyRect, type Mask, type Rect, wholeRect } from "../../mask/bitmap";
import { byteCount, type Change } from "../../mask/change";

export type { Basis };

export const NO_BASIS: Basis = { candidate: null, threshold: null };

export const isSameBasis = (a: Basis, b: Basis): boolean =>
  a.candidate === b.candidate && a.threshold === b.threshold;

export type Entry = {
  /** The entry's place in the case's history. Neighbours differ by one. */
  readonly number: number;
  readonly change: Change;
  readonly before: Basis;
  readonly after: Basis;
};

export type History = {
  readonly past: readonly Entry[];
  readonly future: readonly Entry[];
  readonly bytes: number;
};

export const EMPTY_HISTORY: History = { past: [], future: [], bytes: 0 };

/** A long stroke across 3072 x 3072 takes about 20 KB, so the limit on steps is reached first. */
export const HISTORY_BYTES = 64 * 1024 * 1024;
export const HISTORY_STEPS = 1000;
const ENTRY_OVERHEAD = 200;

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { change }) => sum + byteCount(change) + ENTRY_OVERHEAD, 0);
}

/** Add a gesture. Undone gestures are dropped, and the oldest ones when a limit is passed. */
export function remember(
  history: History,
  change: Change,
  before: Basis,
  after: Basis,
  limit = HISTORY_BYTES,
): History {
  const number = (history.past.at(-1)?.number ?? 0) + 1;
  const entry: Entry = { number, change, before, after };
  const past = [...history.past, entry];
  let bytes = history.bytes - bytesOf(history.future) + bytesOf([entry]);
  let first = 0;
  while ((bytes > limit || past.length - first > HISTORY_STEPS) && first < past.length - 1)
    bytes -= bytesOf([past[first++] as Entry]);
  return { past: past.slice(first), future: [], bytes };
}

export function stepBack(history: History): { history: History; entry: Entry } | null {
  const entry = history.past.at(-1);
  if (!entry) return null;
  return {
    entry,
    history: { ...history, past: history.past.slice(0, -1), future: [entry, ...history.future] },
  };
}

export function stepForward(history: History): { history: History; entry: Entry } | null {
  const entry = history.future[0];
  if (!entry) return null;
  return {
    entry,
    history: { ...history, past: [...history.past, entry], future: history.future.slice(1) },
  };
}

function liesIn(rect: Rect, mask: Mask): boolean {
  const { x0, y0, x1, y1 } = clipRect(rect, wholeRect(mask));
  const isInside = x0 === rect.x0 && y0 === rect.y0 && x1 === rect.x1 && y1 === rect.y1;
  return isEmptyRect(rect) || isInside;
}

/**
 * Return a history from stored entries, of which the last `undone` are undone. If the entries do not
 * lead to this mask and basis step by step, return an empty history: undo would damage the mask.
 */
export function restoreHistory(
  entries: readonly Entry[],
  undone: number,
  mask: Mask,
  basis: Basis,
): History {
  const past = entries.slice(0, Math.max(0, entries.length - undone));
  const future = entries.slice(past.length);
  const isWhole = future.length === undone;
  const isChained = entries.every((entry, index) => {
    const next = entries[index + 1];
    const isLinked =
      !next || (next.number === entry.number + 1 && isSameBasis(entry.after, next.before));
    return isLinked && liesIn(entry.change.rect, mask);
  });
  const here = past.at(-1)?.after ?? future[0]?.before ?? basis;
  if (!isWhole || !isChained || !isSameBasis(here, basis)) return EMPTY_HISTORY;
  return { past, future, bytes: bytesOf(entries) };
}
