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
} from "../../mask/bitmap";
import { takePatch } from "../../mask/bits";
import type { Change } from "../../mask/change";
import { EMPTY_HISTORY, type Entry, type History } from "../drawing/undo";
import {
  type Base,
  type Done,
  dropTab,
  everythingOf,
  finished,
  type Head,
  type Running,
  type Step,
  write,
} from "./journal";

const REBASE_AFTER = 200;

/** What is kept: `committed` is the mask without the gesture under way, `mask` with it. */
export type Desktop = {
  readonly committed: Mask;
  readonly mask: Mask;
  readonly history: () => History;
  readonly isRunning: () => boolean;
};

/** One write: what a gesture changed that ended, what a running one did, and the history after it. */
type Write = { readonly done: Change | null; readonly running: Rect; readonly history: History };

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
export function createJournalWriter(
  db: IDBDatabase,
  maskDocument: Desktop,
  first: Head,
  from: string | null,
) {
  const { assignment, tab } = first;
  const { committed, mask } = maskDocument;
  const range = (low: number, high: number) =>
    IDBKeyRange.bound([assignment, tab, low], [assignment, tab, high]);
  let latest = first;
  let seq = 0;
  let sinceBase = 0;
  let isBased = false;
  let keepsHistory = true;
  /** The history that the journal holds for certain, and the writes that it may or may not hold. */
  let certain = EMPTY_HISTORY;
  let open: readonly Write[] = [];

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

  function putDelta(transaction: IDBTransaction, delta: Done | Running): void {
    transaction.objectStore("deltas").put(delta);
    sinceBase++;
  }

  function putSteps(transaction: IDBTransaction, history: History): void {
    const before = [certain, ...open.slice(0, -1).map((one) => one.history)];
    if (before.every((one) => one === history)) return;
    const steps = transaction.objectStore("steps");
    const entries = entriesOf(history);
    const low = entries[0]?.number ?? 0;
    const high = entries.at(-1)?.number ?? -1;
    const mayHold = (isSuch: (number: number) => boolean) =>
      before.some((one) => entriesOf(one).some(({ number }) => isSuch(number)));
    if (mayHold((number) => number < low)) steps.delete(range(Number.NEGATIVE_INFINITY, low - 1));
    if (mayHold((number) => number > high)) steps.delete(range(high + 1, Number.POSITIVE_INFINITY));
    for (const entry of entries)
      if (!before.every((one) => holds(one, entry)))
        steps.put({ assignment, tab, number: entry.number, entry } satisfies Step);
  }

  /** Async, so that a journal which was closed under us fails like any other and stops no stroke. */
  async function send(done: Change | null, running: Rect, history: History): Promise<void> {
    const own: Write = { done, running, history };
    open = [...open, own];
    const transaction = write(db);
    if (!isBased) {
      if (from !== null) dropTab(transaction, assignment, from);
      dropTab(transaction, assignment, tab);
    }
    const owed = open.map((one) => one.done).filter((change) => change !== null);
    // A gesture that ended covers what was told of it while it ran.
    const ended = open.findLastIndex((one) => one.done !== null);
    const onWay = open
      .slice(ended + 1)
      .map((one) => one.running)
      .reduce(joinRects, EMPTY_RECT);
    const mayRebase = sinceBase >= REBASE_AFTER && !maskDocument.isRunning();
    if (!isBased || mayRebase) putBase(transaction);
    // Done again, in their order, changes lead to the same mask.
    else for (const change of owed) putDelta(transaction, { assignment, tab, seq: ++seq, change });
    if (!isEmptyRect(onWay)) {
      const patch = takePatch(mask, onWay);
      putDelta(transaction, { assignment, tab, seq: ++seq, isRunning: true, ...patch });
    }
    putSteps(transaction, history);
    transaction.objectStore("heads").put(keepsHistory ? latest : { ...latest, hasLostSteps: true });
    transaction.commit();
    await finished(transaction);
    isBased = true;
    certain = history;
    open = open.slice(open.indexOf(own) + 1);
  }

  /** Where the browser's storage is full, the history is given up first: strokes come before undo. */
  async function keep(done: Change | null, running: Rect, head: Head): Promise<void> {
    latest = head;
    const history = keepsHistory ? maskDocument.history() : EMPTY_HISTORY;
    try {
      await send(done, running, history);
    } catch (error) {
      if (!isFull(error) || entriesOf(history).length === 0) throw error;
      keepsHistory = false;
      await send(null, EMPTY_RECT, EMPTY_HISTORY);
    }
  }

  return {
    started: keep(null, EMPTY_RECT, first),
    keep: (change: Change, head: Head): Promise<void> => keep(change, EMPTY_RECT, head),
    /** Keep what a gesture under way made of a rectangle so far. */
    keepRunning: (rect: Rect, head: Head): Promise<void> => keep(null, rect, head),
    keepHead: (head: Head): Promise<void> => keep(null, EMPTY_RECT, head),
  };
}

export type JournalWriter = ReturnType<typeof createJournalWriter>;
