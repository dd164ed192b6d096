/**
 * What the journal in IndexedDB holds and how it is read: a head says where a case stands, a base
 * holds the whole mask, deltas follow it, steps are its history. Written by one tab (journalwriter.ts),
 * readable after a crash.
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
  /** Fingerprints of unanswered saves, to know our own when its answer was lost. */
  readonly sent: readonly string[];
  readonly basis: Basis;
  /** How many of the last steps are undone. */
  readonly undone: number;
  /** Steps that there were are gone: Undo is empty, and whoever opens the case is told why. */
  readonly hasLostSteps?: boolean;
  /** What was begun with the polygon tool; older releases did not keep it. */
  readonly polygon?: OpenPolygon | null;
  /** What the server has not of the note and the flag. */
  readonly jotted?: NoteChange | null;
  readonly clientId: string;
  /** How often the case had been submitted; older versions kept only those never submitted. */
  readonly timesSubmitted?: number;
  readonly activeSeconds: number;
  readonly touchedAt: number;
};

type Owner = { readonly assignment: string; readonly tab: string };
export type Base = Owner & { readonly bits: Patch["bits"] };
type Numbered = Owner & { readonly seq: number };
/** What a gesture changed that ended. */
export type Done = Numbered & { readonly change: Change };
/**
 * A part of a gesture that was not over yet: the next one that is supersedes it. Older versions
 * wrote gestures that had ended in this way too.
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
    // A failed request aborts its transaction, and only then does that know the error.
    transaction.onabort = () => fail(transaction.error ?? new Error(words.problems.journalWrite));
  });
}

/** Relaxed: a stroke must not wait for a disk that stalls, and the operating system has it already. */
export function write(db: IDBDatabase): IDBTransaction {
  return db.transaction(STORES, "readwrite", { durability: "relaxed" });
}

export const everythingOf = (...key: string[]) => IDBKeyRange.bound(key, [...key, []]);

/** Connections that gave way to a newer version of the journal, opened in another tab. */
const outdated = new WeakSet<IDBDatabase>();

export const isOutdated = (db: IDBDatabase): boolean => outdated.has(db);

/** Version 2 wrote its steps in another way. The masks stay; what could be undone does not. */
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
 * The server was put back to a former release. The room does not start then, as whenever there is no
 * journal: what is drawn would be kept nowhere in this browser. What lies in it stays as it is.
 */
function refuseNewer(error: unknown): never {
  const isNewer = error instanceof DOMException && error.name === "VersionError";
  throw isNewer ? new Error(words.problems.newerVersion, { cause: error }) : error;
}

/** `onOutdated`: this connection gave way, and nothing more can be written through it. */
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
  // What is being written completes first; a tab that held on would keep the newer one waiting.
  db.onversionchange = () => {
    outdated.add(db);
    db.close();
    onOutdated();
  };
  return db;
}

/** The mask as it was drawn, and its history; a gesture that was cut off is its last step. */
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
/** Whether it holds what else the server never had. */
const isBegun = (head: Head) => Boolean(head.polygon) || hasUnsentNote(head);
const hasUnsentNote = ({ jotted }: Head) => Boolean(jotted);

/**
 * What is kept of a case: this tab's own work, else the newest of a tab that is gone. Strokes that
 * the server never had come first, then what else it never had, or nobody would see them again. What
 * was left from before a submission is no part of the case that was opened again.
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
  const own = heads.find((head) => head.tab === tab);
  if (own && isUnsaved(own)) return replay(db, own);
  const gone: Head[] = [];
  for (const head of heads) if (head !== own && !(await isAlive(head.tab))) gone.push(head);
  gone.sort((a, b) => b.touchedAt - a.touchedAt);
  const found = own ? [own, ...gone] : gone;
  const drawn = gone.find(isUnsaved);
  // One polygon can be open: where both have one, this tab's comes first and the other stays kept.
  const taken = drawn?.polygon && own?.polygon ? own : drawn;
  const head = taken ?? found.find(isBegun) ?? found[0];
  return head ? replay(db, own && head !== own ? withBegun(head, own) : head) : null;
}

/** What is begun in both, since where another tab's work is taken over this tab's records go. */
function withBegun(head: Head, own: Head): Head {
  const [older, newer] = own.touchedAt > head.touchedAt ? [head, own] : [own, head];
  const jotted =
    hasUnsentNote(head) || hasUnsentNote(own) ? { ...older.jotted, ...newer.jotted } : null;
  return { ...head, polygon: head.polygon ?? own.polygon ?? null, jotted };
}

export function dropTab(transaction: IDBTransaction, assignment: string, tab: string): void {
  transaction.objectStore("heads").delete([assignment, tab]);
  transaction.objectStore("bases").delete([assignment, tab]);
  transaction.objectStore("deltas").delete(everythingOf(assignment, tab));
  transaction.objectStore("steps").delete(everythingOf(assignment, tab));
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
    const isSaved = !isUnsaved(head) && !isBegun(head);
    if (head.tab !== tab && isSaved && !(await isAlive(head.tab))) done.push(head.tab);
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
