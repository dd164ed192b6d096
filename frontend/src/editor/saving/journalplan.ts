/**
 * What a write to the journal must contain. Pure. A write repeats whatever earlier writes may have
 * failed to store, so that each completed write leaves the whole mask in the journal.
 */

import { EMPTY_RECT, joinRects, type Rect } from "../../mask/bitmap";
import type { Change } from "../../mask/change";
import type { Entry, History } from "../drawing/undo";

/** So many changes may follow a base before the journal stores the whole mask again. */
const REBASE_AFTER = 200;

/** One write: the change of an ended gesture, the area of a running one, and the history then. */
export type Write = {
  readonly done: Change | null;
  readonly running: Rect;
  readonly history: History;
};

export type WritePlan = {
  /** Whether the whole mask is stored instead of changes. */
  readonly hasBase: boolean;
  readonly changes: readonly Change[];
  /** The area that a gesture under way has changed so far. */
  readonly running: Rect;
};

/** Return what to store. `open`: every write not known to be stored, with the present one last. */
export function planWrite(
  open: readonly Write[],
  journal: { readonly isBased: boolean; readonly changesSinceBase: number },
  isRunning: boolean,
): WritePlan {
  const mayRebase = journal.changesSinceBase >= REBASE_AFTER && !isRunning;
  const hasBase = !journal.isBased || mayRebase;
  const changes = open.map(({ done }) => done).filter((change) => change !== null);
  // The change of an ended gesture covers what was stored of it while it ran.
  const ended = open.findLastIndex(({ done }) => done !== null);
  const areas = open.slice(ended + 1).map(({ running }) => running);
  // Applied again, in their order, the changes lead to the same mask.
  return { hasBase, changes: hasBase ? [] : changes, running: areas.reduce(joinRects, EMPTY_RECT) };
}

export type StepPlan = {
  /** Steps with lower numbers go; null: none can be there. */
  readonly dropBelow: number | null;
  readonly dropAbove: number | null;
  readonly added: readonly Entry[];
};

export function entriesOf(history: History): readonly Entry[] {
  return [...history.past, ...history.future];
}

function isIn(history: History, entry: Entry): boolean {
  const first = history.past[0] ?? history.future[0];
  if (!first) return false;
  const index = entry.number - first.number;
  const { past, future } = history;
  return (index < past.length ? past[index] : future[index - past.length]) === entry;
}

/** Return how the stored steps become `history`. `stored`: every history the journal may hold now. */
export function planSteps(stored: readonly History[], history: History): StepPlan {
  if (stored.every((other) => other === history))
    return { dropBelow: null, dropAbove: null, added: [] };
  const entries = entriesOf(history);
  const low = entries[0]?.number ?? 0;
  const high = entries.at(-1)?.number ?? -1;
  const numbers = stored.flatMap((other) => entriesOf(other).map(({ number }) => number));
  return {
    dropBelow: numbers.some((number) => number < low) ? low : null,
    dropAbove: numbers.some((number) => number > high) ? high : null,
    added: entries.filter((entry) => !stored.every((other) => isIn(other, entry))),
  };
}
