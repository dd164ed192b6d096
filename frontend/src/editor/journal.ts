/**
 * The journal: every gesture in IndexedDB before anything is called kept. A head says where a case
 * stands, a base holds the whole mask, deltas follow it. Written by one tab, readable after a crash.
 */

import { createMask, isBlank, type Mask, wholeRect } from "../mask/bitmap";
import { type Patch, putPatch, takePatch } from "../mask/bits";
import type { Basis } from "./undo";

const STORES = ["heads", "bases", "deltas"] as const;
const KEEP_DAYS = 30;
const REBASE_AFTER = 200;

export type Head = {
  readonly assignment: string;
  readonly tab: string;
  readonly width: number;
  readonly height: number;
  readonly stroke: number;
  readonly savedStroke: number;
  readonly etag: string | null;
  /** Fingerprints of unanswered saves, to know our own when its answer was lost. */
  readonly sent: readonly string[];
  readonly basis: Basis;
  readonly clientId: string;
  readonly activeSeconds: number;
  readonly touchedAt: number;
};

type Delta = Patch & { readonly assignment: string; readonly tab: string; readonly seq: number };
type Base = { readonly assignment: string; readonly tab: string; readonly bits: Patch["bits"] };

export type Kept = { readonly head: Head; readonly mask: Mask };

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error ?? new Error("The journal cannot be read."));
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((done, fail) => {
    const refuse = () => fail(transaction.error ?? new Error("The journal cannot be written."));
    transaction.oncomplete = () => done();
    transaction.onabort = refuse;
    transaction.onerror = refuse;
  });
}

function write(db: IDBDatabase): IDBTransaction {
  return db.transaction(STORES, "readwrite", { durability: "strict" });
}

const everythingOf = (...key: string[]) => IDBKeyRange.bound(key, [...key, []]);

export async function openJournal(factory: IDBFactory, name = "roundtruth"): Promise<IDBDatabase> {
  const request = factory.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("heads", { keyPath: ["assignment", "tab"] });
    request.result.createObjectStore("bases", { keyPath: ["assignment", "tab"] });
    request.result.createObjectStore("deltas", { keyPath: ["assignment", "tab", "seq"] });
  };
  return answer(request);
}

async function replay(db: IDBDatabase, head: Head): Promise<Kept> {
  const transaction = db.transaction(STORES, "readonly");
  const key = [head.assignment, head.tab];
  const [base, deltas] = await Promise.all([
    answer(transaction.objectStore("bases").get(key) as IDBRequest<Base | undefined>),
    answer(transaction.objectStore("deltas").getAll(everythingOf(...key)) as IDBRequest<Delta[]>),
  ]);
  const mask = createMask(head.width, head.height);
  if (base) putPatch(mask, { rect: wholeRect(mask), bits: base.bits });
  for (const delta of deltas) putPatch(mask, delta);
  return { head, mask };
}

async function headsOf(db: IDBDatabase, assignment: string): Promise<Head[]> {
  const store = db.transaction("heads", "readonly").objectStore("heads");
  return (await answer(store.getAll(everythingOf(assignment)))) as Head[];
}

const isUnsaved = (head: Head) => head.stroke > head.savedStroke;

/**
 * What is kept of a case: this tab's own work, else the newest of a tab that is gone. What the
 * server never had comes before what it has, or nobody would see it again.
 */
export async function readJournal(
  db: IDBDatabase,
  assignment: string,
  tab: string,
  isAlive: (tab: string) => Promise<boolean>,
): Promise<Kept | null> {
  const heads = await headsOf(db, assignment);
  const own = heads.find((head) => head.tab === tab);
  if (own && isUnsaved(own)) return replay(db, own);
  const gone: Head[] = [];
  for (const head of heads) if (head !== own && !(await isAlive(head.tab))) gone.push(head);
  gone.sort((a, b) => b.touchedAt - a.touchedAt);
  const head = gone.find(isUnsaved) ?? own ?? gone[0];
  return head ? replay(db, head) : null;
}

function dropTab(transaction: IDBTransaction, assignment: string, tab: string): void {
  transaction.objectStore("heads").delete([assignment, tab]);
  transaction.objectStore("bases").delete([assignment, tab]);
  transaction.objectStore("deltas").delete(everythingOf(assignment, tab));
}

/**
 * Forget a submitted case: what this tab wrote, and what tabs wrote that are gone and had saved it
 * all. Work of another tab that the server never had stays until it expires.
 */
export async function dropCase(
  db: IDBDatabase,
  assignment: string,
  tab: string,
  isAlive: (tab: string) => Promise<boolean>,
): Promise<void> {
  const done = [tab];
  for (const head of await headsOf(db, assignment)) {
    if (head.tab !== tab && !isUnsaved(head) && !(await isAlive(head.tab))) done.push(head.tab);
  }
  const transaction = write(db);
  for (const each of done) dropTab(transaction, assignment, each);
  await finished(transaction);
}

export async function dropExpired(db: IDBDatabase, now: number): Promise<void> {
  const store = db.transaction("heads", "readonly").objectStore("heads");
  for (const head of (await answer(store.getAll())) as Head[]) {
    if (now - head.touchedAt < KEEP_DAYS * 86_400_000) continue;
    const transaction = write(db);
    dropTab(transaction, head.assignment, head.tab);
    await finished(transaction);
  }
}

/**
 * Start writing about a case with a whole mask. `from` is the tab whose work was taken over: its
 * records go in the same transaction that writes ours.
 */
export function keepCase(db: IDBDatabase, first: Head, mask: Mask, from: string | null) {
  const { assignment, tab } = first;
  let seq = 0;

  // Async, so that a journal which was closed under us fails like any other and stops no stroke.
  async function rebase(head: Head, takenFrom: string | null): Promise<void> {
    const transaction = write(db);
    if (takenFrom !== null) dropTab(transaction, assignment, takenFrom);
    dropTab(transaction, assignment, tab);
    if (!isBlank(mask)) {
      const { bits } = takePatch(mask, wholeRect(mask));
      transaction.objectStore("bases").put({ assignment, tab, bits } satisfies Base);
    }
    transaction.objectStore("heads").put(head);
    seq = 0;
    return finished(transaction);
  }

  return {
    started: rebase(first, from),
    append: async (patch: Patch, head: Head): Promise<void> => {
      if (seq >= REBASE_AFTER) return rebase(head, null);
      const transaction = write(db);
      seq += 1;
      transaction.objectStore("deltas").put({ assignment, tab, seq, ...patch } satisfies Delta);
      transaction.objectStore("heads").put(head);
      return finished(transaction);
    },
    putHead: async (head: Head): Promise<void> => {
      const transaction = write(db);
      transaction.objectStore("heads").put(head);
      return finished(transaction);
    },
  };
}

export type CaseJournal = ReturnType<typeof keepCase>;
