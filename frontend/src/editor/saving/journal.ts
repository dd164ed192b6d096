/**
 * What the journal in IndexedDB contains and how it is read. For each case and tab there is a head with
 * the progress, a base with the whole mask, deltas that changed it since, and the steps of its history.
 * journalwriter.ts writes it; it is readable after a crash.
 */

import { copyMask, createMask, joinRects, type Mask, wholeRect } from "../../mask/bitmap";
import { type Patch, putPatch } from "../../mask/bits";
import { applyChange, type Change, changeBetween } from "../../mask/change";
import type { OpenPolygon } from "../../mask/polygon";
import { words } from "../../words";
import { type Basis, type Entry, type History, remember, restoreHistory } from "../drawing/undo";
import type { NoteChange } from "./notesaver";

const STORES = ["heads", "bases", "deltas", "steps"] as const;
const KEEP_DAYS = 30;

export type Head = {
  readonly assignment: string;
  readonly tab: string;
  readonly width: number;
  readonly height: number;
  readonly stroke: number;
  readonly savedStroke: number;
  readonly etag: string | null;
  /** Fingerprints of unanswered saves. They identify our own save after its answer was lost. */
  readonly sent: readonly string[];
  readonly basis: Basis;
  /** How many of the last steps were undone. */
  readonly undone: number;
  /** Whether steps were lost. Then undo is empty, and the reader is told why when the case opens. */
  readonly hasLostSteps?: boolean;
  /** The open polygon. Older releases did not store it. */
  readonly polygon?: OpenPolygon | null;
  /** The unsent note and flag. The name is part of the stored format. */
  readonly jotted?: NoteChange | null;
  readonly clientId: string;
  /** How often the case had been submitted. Missing in heads of older releases: never. */
  readonly timesSubmitted?: number;
  readonly activeSeconds: number;
  readonly touchedAt: number;
};

type Owner = { readonly assignment: string; readonly tab: string };
export type Base = Owner & { readonly bits: Patch["bits"] };
type Numbered = Owner & { readonly seq: number };
/** The change of a gesture that ended. */
export type Done = Numbered & { readonly change: Change };
/**
 * A part of a gesture that had not ended. The next ended gesture replaces it. Older releases stored
 * ended gestures like this too.
 */
export type Running = Numbered & Patch & { readonly isRunning: boolean };
export type Step = Owner & { readonly number: number; readonly entry: Entry };

export type JournaledCase = { readonly head: Head; readonly mask: Mask; readonly history: History };

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error ?? new Error(words.problems.journalRead));
  });
}

export function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((done, fail) => {
    transaction.oncomplete = () => done();
    // A failed request aborts its transaction. The transaction knows the error only after that.
    transaction.onabort = () => fail(transaction.error ?? new Error(words.problems.journalWrite));
  });
}

/** Relaxed durability: the operating system has the data, and a stroke must not wait for a slow disk. */
export function write(db: IDBDatabase): IDBTransaction {
  return db.transaction(STORES, "readwrite", { durability: "relaxed" });
}

export const everythingOf = (...key: string[]) => IDBKeyRange.bound(key, [...key, []]);

/** Connections that were closed because another tab opened a newer version of the journal. */
const outdated = new WeakSet<IDBDatabase>();

export const isOutdated = (db: IDBDatabase): boolean => outdated.has(db);

/** Version 2 stored steps in another format. The masks are kept, the history is not. */
function dropSteps(db: IDBDatabase, heads: IDBObjectStore): void {
  db.deleteObjectStore("steps");
  const every = heads.openCursor();
  every.onsuccess = () => {
    if (!every.result) return;
    const head: Head = every.result.value;
    every.result.update({ ...head, hasLostSteps: head.stroke > 0 } satisfies Head);
    every.result.continue();
  };
}

/**
 * The server was put back to an older release. The room does not start then, as always without a
 * journal: this browser would keep nothing of what is drawn. The existing journal is left unchanged.
 */
function refuseNewer(error: unknown): never {
  const isNewer = error instanceof DOMException && error.name === "VersionError";
  throw isNewer ? new Error(words.problems.newerVersion, { cause: error }) : error;
}

/** `onOutdated` is called when this connection was closed for a newer version in another tab. */
export async function openJournal(
  factory: IDBFactory,
  onOutdated: () => void = () => undefined,
  name = "roundtruth",
): Promise<IDBDatabase> {
  const request = factory.open(name, 3);
  request.onupgradeneeded = ({ oldVersion }) => {
    const db = request.result;
    if (oldVersion === 2 && request.transaction)
      dropSteps(db, request.transaction.objectStore("heads"));
    if (oldVersion < 1) {
      db.createObjectStore("heads", { keyPath: ["assignment", "tab"] });
      db.createObjectStore("bases", { keyPath: ["assignment", "tab"] });
      db.createObjectStore("deltas", { keyPath: ["assignment", "tab", "seq"] });
    }
    db.createObjectStore("steps", { keyPath: ["assignment", "tab", "number"] });
  };
  const blocked = new Promise<never>((_, fail) => {
    request.onblocked = () => fail(new Error(words.problems.olderVersion));
  });
  const db = await Promise.race([answer(request).catch(refuseNewer), blocked]);
  // Running writes complete first. A tab that kept its connection would block the newer version.
  db.onversionchange = () => {
    outdated.add(db);
    db.close();
    onOutdated();
  };
  return db;
}

/** Return the mask as it was drawn, and its history. An interrupted gesture is the last step. */
function rebuild(
  head: Head,
  base: Base | undefined,
  deltas: readonly (Done | Running)[],
  steps: readonly Step[],
) {
  const mask = createMask(head.width, head.height);
  if (base) putPatch(mask, { rect: wholeRect(mask), bits: base.bits });
  let running: Running[] = [];
  for (const delta of deltas) {
    if ("bits" in delta && delta.isRunning) running.push(delta);
    else {
      if ("bits" in delta) putPatch(mask, delta);
      else applyChange(mask, delta.change);
      running = [];
    }
  }
  const entries = steps.map((step) => step.entry);
  const history = restoreHistory(entries, head.undone, mask, head.basis);
  if (running.length === 0) return { head, mask, history };
  const before = copyMask(mask);
  for (const delta of running) putPatch(mask, delta);
  const cut = changeBetween(before, mask, running.map((delta) => delta.rect).reduce(joinRects));
  return { head, mask, history: remember(history, cut, head.basis, head.basis) };
}

async function replay(db: IDBDatabase, head: Head): Promise<JournaledCase> {
  const transaction = db.transaction(STORES, "readonly");
  const key = [head.assignment, head.tab];
  const all = <T>(store: "deltas" | "steps") =>
    answer(transaction.objectStore(store).getAll(everythingOf(...key)) as IDBRequest<T[]>);
  const [base, deltas, steps] = await Promise.all([
    answer(transaction.objectStore("bases").get(key) as IDBRequest<Base | undefined>),
    all<Done | Running>("deltas"),
    all<Step>("steps"),
  ]);
  return rebuild(head, base, deltas, steps);
}

async function headsOf(db: IDBDatabase, assignment: string): Promise<Head[]> {
  const store = db.transaction("heads", "readonly").objectStore("heads");
  return (await answer(store.getAll(everythingOf(assignment)))) as Head[];
}

const isUnsaved = (head: Head) => head.stroke > head.savedStroke;
/** Whether the head holds an open polygon, or a note or flag that was not sent. */
const isBegun = (head: Head) => Boolean(head.polygon) || hasUnsentNote(head);
const hasUnsentNote = ({ jotted }: Head) => Boolean(jotted);

/**
 * Return the stored work on a case: this tab's own, otherwise the newest of a closed tab. Unsaved
 * strokes come first, then an open polygon or an unsent note, because nobody else has them. Work from
 * before a submission does not belong to the reopened case.
 */
export async function readJournal(
  db: IDBDatabase,
  assignment: string,
  tab: string,
  isAlive: (tab: string) => Promise<boolean>,
  timesSubmitted = 0,
): Promise<JournaledCase | null> {
  const all = await headsOf(db, assignment);
  const heads = all.filter((head) => (head.timesSubmitted ?? 0) === timesSubmitted);
  const ownHead = heads.find((head) => head.tab === tab);
  if (ownHead && isUnsaved(ownHead)) return replay(db, ownHead);
  const closedTabs: Head[] = [];
  for (const head of heads)
    if (head !== ownHead && !(await isAlive(head.tab))) closedTabs.push(head);
  closedTabs.sort((a, b) => b.touchedAt - a.touchedAt);
  const candidates = ownHead ? [ownHead, ...closedTabs] : closedTabs;
  const drawn = closedTabs.find(isUnsaved);
  // Only one polygon can be open. If both tabs have one, this tab's is opened; the other stays stored.
  const taken = drawn?.polygon && ownHead?.polygon ? ownHead : drawn;
  const head = taken ?? candidates.find(isBegun) ?? candidates[0];
  return head ? replay(db, ownHead && head !== ownHead ? withBegun(head, ownHead) : head) : null;
}

/** Add this tab's polygon and note to a head of another tab, before this tab's records are deleted. */
function withBegun(head: Head, ownHead: Head): Head {
  const [older, newer] = ownHead.touchedAt > head.touchedAt ? [head, ownHead] : [ownHead, head];
  const jotted =
    hasUnsentNote(head) || hasUnsentNote(ownHead) ? { ...older.jotted, ...newer.jotted } : null;
  return { ...head, polygon: head.polygon ?? ownHead.polygon ?? null, jotted };
}

export function dropTab(transaction: IDBTransaction, assignment: string, tab: string): void {
  transaction.objectStore("heads").delete([assignment, tab]);
  transaction.objectStore("bases").delete([assignment, tab]);
  transaction.objectStore("deltas").delete(everythingOf(assignment, tab));
  transaction.objectStore("steps").delete(everythingOf(assignment, tab));
}

/**
 * Delete the records of a submitted case: those of this tab, and those of closed tabs that had saved
 * everything. Unsaved work of another tab stays until it expires.
 */
export async function dropCase(
  db: IDBDatabase,
  assignment: string,
  tab: string,
  isAlive: (tab: string) => Promise<boolean>,
): Promise<void> {
  const done = [tab];
  for (const head of await headsOf(db, assignment)) {
    const isSaved = !isUnsaved(head) && !isBegun(head);
    if (head.tab !== tab && isSaved && !(await isAlive(head.tab))) done.push(head.tab);
  }
  const transaction = write(db);
  for (const each of done) dropTab(transaction, assignment, each);
  await finished(transaction);
}

/**
 * Delete the records of cases that the server has wholly. Nobody is signed in here any more, so only
 * work that nobody else has may stay. A tab that is still open keeps its records.
 */
export async function dropSaved(
  db: IDBDatabase,
  isAlive: (tab: string) => Promise<boolean>,
): Promise<void> {
  const store = db.transaction("heads", "readonly").objectStore("heads");
  for (const head of (await answer(store.getAll())) as Head[]) {
    if (isUnsaved(head) || isBegun(head) || (await isAlive(head.tab))) continue;
    const transaction = write(db);
    dropTab(transaction, head.assignment, head.tab);
    await finished(transaction);
  }
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
