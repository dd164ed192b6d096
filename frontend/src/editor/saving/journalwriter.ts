/** Writes one case into the journal, one transaction for each change. journalplan.ts says what. */

import {
  EMPTY_RECT,
  isBlank,
  isEmptyRect,
  type Mask,
  type Rect,
  wholeRect,
} from "../../mask/bitmap";
import { type Patch, takePatch } from "../../mask/bits";
import type { Change } from "../../mask/change";
import { EMPTY_HISTORY, type History } from "../drawing/undo";
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
import { entriesOf, planSteps, planWrite, type StepPlan, type Write } from "./journalplan";

/** The mask to store: `committed` is the mask without the gesture under way, `mask` with it. */
export type JournaledMask = {
  readonly committed: Mask;
  readonly mask: Mask;
  readonly history: () => History;
  readonly isRunning: () => boolean;
};

export const isFull = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "QuotaExceededError";

/** The records of one case that one tab writes. */
function openRecords({ assignment, tab }: Head) {
  let seq = 0;
  const range = (low: number, high: number) =>
    IDBKeyRange.bound([assignment, tab, low], [assignment, tab, high]);

  return {
    /** Store a whole mask. Its changes so far are not needed any more. */
    putBase: (transaction: IDBTransaction, mask: Mask): void => {
      transaction.objectStore("deltas").delete(everythingOf(assignment, tab));
      const bases = transaction.objectStore("bases");
      if (isBlank(mask)) bases.delete([assignment, tab]);
      else {
        const { bits } = takePatch(mask, wholeRect(mask));
        bases.put({ assignment, tab, bits } satisfies Base);
      }
    },
    putChange: (transaction: IDBTransaction, change: Change): void => {
      const delta: Done = { assignment, tab, seq: ++seq, change };
      transaction.objectStore("deltas").put(delta);
    },
    putRunning: (transaction: IDBTransaction, patch: Patch): void => {
      const delta: Running = { assignment, tab, seq: ++seq, isRunning: true, ...patch };
      transaction.objectStore("deltas").put(delta);
    },
    putSteps: (transaction: IDBTransaction, { dropBelow, dropAbove, added }: StepPlan): void => {
      const steps = transaction.objectStore("steps");
      if (dropBelow !== null) steps.delete(range(Number.NEGATIVE_INFINITY, dropBelow - 1));
      if (dropAbove !== null) steps.delete(range(dropAbove + 1, Number.POSITIVE_INFINITY));
      for (const entry of added)
        steps.put({ assignment, tab, number: entry.number, entry } satisfies Step);
    },
  };
}

/**
 * Start writing about a case with its whole mask. `from` is the tab whose work was taken over: its
 * records are deleted in the same transaction that writes ours.
 */
export function createJournalWriter(
  db: IDBDatabase,
  maskDocument: JournaledMask,
  first: Head,
  from: string | null,
) {
  const { assignment, tab } = first;
  const { committed, mask } = maskDocument;
  const records = openRecords(first);
  let latest = first;
  let changesSinceBase = 0;
  let isBased = false;
  let keepsHistory = true;
  /** The history that the journal surely holds, and the writes that it may or may not hold. */
  let certain = EMPTY_HISTORY;
  let open: readonly Write[] = [];

  function putMask(transaction: IDBTransaction): void {
    const plan = planWrite(open, { isBased, changesSinceBase }, maskDocument.isRunning());
    if (plan.hasBase) {
      records.putBase(transaction, committed);
      changesSinceBase = 0;
    }
    for (const change of plan.changes) records.putChange(transaction, change);
    changesSinceBase += plan.changes.length;
    if (isEmptyRect(plan.running)) return;
    records.putRunning(transaction, takePatch(mask, plan.running));
    changesSinceBase += 1;
  }

  /** Async, so that a journal that the browser closed rejects like any other and stops no stroke. */
  async function send(done: Change | null, running: Rect, history: History): Promise<void> {
    const present: Write = { done, running, history };
    const stored = [certain, ...open.map((other) => other.history)];
    open = [...open, present];
    const transaction = write(db);
    if (!isBased) {
      if (from !== null) dropTab(transaction, assignment, from);
      dropTab(transaction, assignment, tab);
    }
    putMask(transaction);
    records.putSteps(transaction, planSteps(stored, history));
    transaction.objectStore("heads").put(keepsHistory ? latest : { ...latest, hasLostSteps: true });
    transaction.commit();
    await finished(transaction);
    isBased = true;
    certain = history;
    open = open.slice(open.indexOf(present) + 1);
  }

  /** If the browser's storage is full, the history is given up first: strokes matter more than undo. */
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
    /** Store what a gesture under way has drawn in a rectangle so far. */
    keepRunning: (rect: Rect, head: Head): Promise<void> => keep(null, rect, head),
    keepHead: (head: Head): Promise<void> => keep(null, EMPTY_RECT, head),
  };
}

export type JournalWriter = ReturnType<typeof createJournalWriter>;
