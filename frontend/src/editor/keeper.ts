/**
 * The keeper writes a case into the journal. Every write holds whatever earlier ones may have
 * failed to bring in, so that one which completed always leaves the whole mask behind it.
 */

import {
  EMPTY_RECT,
  isBlank,
  isEmptyRect,
  joinRects,
  type Mask,
  type Rect,
  wholeRect,
} from "../mask/bitmap";
import { takePatch } from "../mask/bits";
import {
  type Base,
  type Delta,
  dropTab,
  everythingOf,
  finished,
  type Head,
  type Step,
  write,
} from "./journal";
import { EMPTY_HISTORY, type Entry, type History } from "./undo";

const REBASE_AFTER = 200;

/** What is kept: `committed` is the mask without the gesture under way, `mask` with it. */
export type Desktop = {
  readonly committed: Mask;
  readonly mask: Mask;
  readonly history: () => History;
  readonly isRunning: () => boolean;
};

/** One write: what changed of `committed`, what of the running gesture, and the history after it. */
type Change = { readonly done: Rect; readonly running: Rect; readonly history: History };

export const isFull = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "QuotaExceededError";

function entriesOf(history: History): readonly Entry[] {
  return [...history.past, ...history.future];
}

function holds(history: History, entry: Entry): boolean {
  const first = history.past[0] ?? history.future[0];
  if (!first) return false;
  const index = entry.number - first.number;
  const { past, future } = history;
  return (index < past.length ? past[index] : future[index - past.length]) === entry;
}

/**
 * Start writing about a case with its whole mask. `from` is the tab whose work was taken over: its
 * records go in the same transaction that writes ours.
 */
export function createKeeper(db: IDBDatabase, desk: Desktop, first: Head, from: string | null) {
  const { assignment, tab } = first;
  const { committed, mask } = desk;
  const range = (low: number, high: number) =>
    IDBKeyRange.bound([assignment, tab, low], [assignment, tab, high]);
  let latest = first;
  let seq = 0;
  let sinceBase = 0;
  let isBased = false;
  let keepsHistory = true;
  /** The history that the journal holds for certain, and the writes that it may or may not hold. */
  let certain = EMPTY_HISTORY;
  let open: readonly Change[] = [];

  function putBase(transaction: IDBTransaction): void {
    sinceBase = 0;
    transaction.objectStore("deltas").delete(everythingOf(assignment, tab));
    const bases = transaction.objectStore("bases");
    if (isBlank(committed)) bases.delete([assignment, tab]);
    else {
      const { bits } = takePatch(committed, wholeRect(committed));
      bases.put({ assignment, tab, bits } satisfies Base);
    }
  }

  function putDelta(transaction: IDBTransaction, rect: Rect, isRunning: boolean): void {
    if (isEmptyRect(rect)) return;
    const patch = takePatch(isRunning ? mask : committed, rect);
    const delta: Delta = { assignment, tab, seq: ++seq, isRunning, ...patch };
    transaction.objectStore("deltas").put(delta);
    sinceBase++;
  }

  function putSteps(transaction: IDBTransaction, history: History): void {
    const before = [certain, ...open.slice(0, -1).map((change) => change.history)];
    if (before.every((one) => one === history)) return;
    const steps = transaction.objectStore("steps");
    const entries = entriesOf(history);
    const low = entries[0]?.number ?? 0;
    const high = entries.at(-1)?.number ?? -1;
    steps.delete(range(Number.NEGATIVE_INFINITY, low - 1));
    steps.delete(range(high + 1, Number.POSITIVE_INFINITY));
    for (const entry of entries)
      if (!before.every((one) => holds(one, entry)))
        steps.put({ assignment, tab, number: entry.number, entry } satisfies Step);
  }

  /** Async, so that a journal which was closed under us fails like any other and stops no stroke. */
  async function send(done: Rect, running: Rect, history: History): Promise<void> {
    const change = { done, running, history };
    open = [...open, change];
    const transaction = write(db);
    if (!isBased) {
      if (from !== null) dropTab(transaction, assignment, from);
      dropTab(transaction, assignment, tab);
    }
    const owed = open.map((one) => one.done).reduce(joinRects);
    // A gesture that ended covers what was told of it while it ran.
    const ended = open.findLastIndex((one) => !isEmptyRect(one.done));
    const onWay = open
      .slice(ended + 1)
      .map((one) => one.running)
      .reduce(joinRects, EMPTY_RECT);
    const mayRebase = sinceBase >= REBASE_AFTER && !desk.isRunning();
    if (!isBased || mayRebase) putBase(transaction);
    else putDelta(transaction, owed, false);
    putDelta(transaction, onWay, true);
    putSteps(transaction, history);
    transaction.objectStore("heads").put(latest);
    transaction.commit();
    await finished(transaction);
    isBased = true;
    certain = history;
    open = open.slice(open.indexOf(change) + 1);
  }

  /** Where the browser's storage is full, the history is given up first: strokes come before undo. */
  async function keep(done: Rect, running: Rect, head: Head): Promise<void> {
    latest = head;
    const history = keepsHistory ? desk.history() : EMPTY_HISTORY;
    try {
      await send(done, running, history);
    } catch (error) {
      if (!isFull(error) || entriesOf(history).length === 0) throw error;
      keepsHistory = false;
      await send(EMPTY_RECT, EMPTY_RECT, EMPTY_HISTORY);
    }
  }

  return {
    started: keep(EMPTY_RECT, EMPTY_RECT, first),
    /** Keep what changed of the mask in `rect`; of a gesture under way only what it is so far. */
    keep: (rect: Rect, isRunning: boolean, head: Head): Promise<void> =>
      isRunning ? keep(EMPTY_RECT, rect, head) : keep(rect, EMPTY_RECT, head),
    keepHead: (head: Head): Promise<void> => keep(EMPTY_RECT, EMPTY_RECT, head),
  };
}

export type Keeper = ReturnType<typeof createKeeper>;
