import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { EMPTY_HISTORY, NO_BASIS } from "../../../src/editor/drawing/undo";
import {
  dropCase,
  dropExpired,
  type Head,
  isOutdated,
  openJournal,
  readJournal,
} from "../../../src/editor/saving/journal";
import { createJournalWriter } from "../../../src/editor/saving/journalwriter";
import { copyMask, createMask, type Mask, wholeRect } from "../../../src/mask/bitmap";
import { takePatch } from "../../../src/mask/bits";
import { changeBetween } from "../../../src/mask/change";
import { words } from "../../../src/words";
import { fillCapsule } from "../../mask/pictures";
import { openKeptDesk, SIZE } from "./keptdocument";

const HEAD: Head = {
  assignment: "case",
  tab: "one",
  width: 40,
  height: 30,
  stroke: 0,
  savedStroke: 0,
  etag: null,
  sent: [],
  basis: NO_BASIS,
  undone: 0,
  clientId: "client",
  activeSeconds: 0,
  touchedAt: 1000,
};
const nobody = () => Promise.resolve(false);
const everybody = () => Promise.resolve(true);

let db: IDBDatabase;
beforeEach(async () => {
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  db = await openJournal(new IDBFactory());
});

/** A desk with nothing to undo and no gesture under way. */
const still = (mask: Mask) => ({
  committed: mask,
  mask,
  history: () => EMPTY_HISTORY,
  isRunning: () => false,
});

function writeCase(head: Head) {
  const mask = createMask(40, 30);
  const journalWriter = createJournalWriter(db, still(mask), head, null);
  const draw = (x: number, stroke: number, touchedAt = head.touchedAt) => {
    const before = copyMask(mask);
    const rect = fillCapsule(mask, { x, y: 12 }, { x: x + 5, y: 15 }, 3, 1);
    return journalWriter.keep(changeBetween(before, mask, rect), { ...head, stroke, touchedAt });
  };
  return { mask, draw };
}

describe("a newer version of the journal in another tab", () => {
  it("is not kept waiting, and finds every stroke; the older tab is told", async () => {
    const factory = new IDBFactory();
    const onOutdated = vi.fn();
    db = await openJournal(factory, onOutdated);
    const { mask, draw } = writeCase(HEAD);
    const last = draw(5, 1);
    const newer = await new Promise<IDBDatabase>((done, fail) => {
      const request = factory.open("roundtruth", 99);
      request.onsuccess = () => done(request.result);
      request.onblocked = () => fail(new Error("kept waiting"));
    });
    await last;
    expect(onOutdated).toHaveBeenCalledOnce();
    expect([isOutdated(db), isOutdated(newer)]).toEqual([true, false]);
    await expect(draw(20, 2)).rejects.toThrow();
    db = newer;
    const kept = await readJournal(newer, "case", "one", everybody);
    expect(kept?.head.stroke).toBe(1);
    expect(kept?.mask.data).not.toEqual(mask.data);
  });
});

describe("a journal of a newer version, after the server was put back", () => {
  it("is refused in words of our own, and keeps every stroke for when that is back", async () => {
    const factory = new IDBFactory();
    db = await openJournal(factory);
    const { mask, draw } = writeCase(HEAD);
    await draw(5, 1);
    const upgrade = factory.open("roundtruth", 99);
    const newer = await new Promise<IDBDatabase>((done) => {
      upgrade.onsuccess = () => done(upgrade.result);
    });
    newer.close();
    await expect(openJournal(factory)).rejects.toThrow(words.problems.newerVersion);
    await expect(openJournal(factory)).rejects.toThrow("read in another browser");
    const again = factory.open("roundtruth");
    const kept = await new Promise<IDBDatabase>((done) => {
      again.onsuccess = () => done(again.result);
    });
    expect(kept.version).toBe(99);
    expect((await readJournal(kept, "case", "one", everybody))?.mask.data).toEqual(mask.data);
  });
});

/** What the key of a record has beside the case and the tab. */
const PARTS: Readonly<Record<string, readonly string[]>> = { deltas: ["seq"], steps: ["number"] };

type Records = Readonly<Record<string, readonly object[]>>;

/** What a former version left of a case: its stores, and what is in them. */
function leave(factory: IDBFactory, version: number, records: Records): Promise<void> {
  return new Promise((done, fail) => {
    const request = factory.open("roundtruth", version);
    request.onupgradeneeded = () => {
      for (const [store, each] of Object.entries(records)) {
        const keyPath = ["assignment", "tab", ...(PARTS[store] ?? [])];
        const made = request.result.createObjectStore(store, { keyPath });
        for (const record of each) made.put({ assignment: "case", tab: "one", ...record });
      }
    };
    request.onsuccess = () => {
      request.result.close();
      done();
    };
    request.onerror = () => fail(request.error);
  });
}

describe("a journal of a former version", () => {
  const FORMER = { ...HEAD, width: SIZE, height: SIZE };
  let factory: IDBFactory;
  let mask: Mask;
  const stroke = (x: number) =>
    takePatch(mask, fillCapsule(mask, { x, y: 12 }, { x: x + 5, y: 15 }, 3, 1));
  beforeEach(() => {
    factory = new IDBFactory();
    mask = createMask(SIZE, SIZE);
  });

  it("1 gives back the mask and what it was made from; its strokes are whole ones", async () => {
    const { undone: _, ...head } = {
      ...FORMER,
      stroke: 3,
      basis: { candidate: "c", threshold: 9 },
    };
    stroke(5);
    const { bits } = takePatch(mask, wholeRect(mask));
    const deltas = [
      { seq: 1, ...stroke(15) },
      { seq: 2, ...stroke(25) },
    ];
    await leave(factory, 1, { heads: [head], bases: [{ bits }], deltas });
    db = await openJournal(factory);
    const kept = await readJournal(db, "case", "one", everybody);
    expect(kept?.mask.data).toEqual(mask.data);
    expect(kept?.head).toMatchObject({ stroke: 3, basis: head.basis });
    expect(kept?.history).toEqual(EMPTY_HISTORY);
  });

  it("1 is written on from where it stood", async () => {
    const { undone: _, ...head } = { ...FORMER, stroke: 1 };
    await leave(factory, 1, { heads: [head], bases: [], deltas: [{ seq: 1, ...stroke(5) }] });
    db = await openJournal(factory);
    const kept = await readJournal(db, "case", "one", everybody);
    const { maskDocument, draw, settled } = openKeptDesk(db, kept);
    draw(20, false);
    await settled();
    const after = await readJournal(db, "case", "one", everybody);
    expect(after?.head.stroke).toBe(2);
    expect(after?.mask.data).toEqual(maskDocument.mask.data);
    expect(after?.history.past.length).toBe(1);
  });

  it("2 gives back the mask, a stroke that was cut off included", async () => {
    const deltas = [
      { seq: 1, isRunning: false, ...stroke(5) },
      { seq: 2, isRunning: true, ...stroke(20) },
    ];
    const packed = new Uint8Array([255, 255]);
    const entry = { number: 1, rect: { x0: 0, y0: 0, x1: 8, y1: 1 }, packed };
    const heads = [{ ...FORMER, stroke: 3, undone: 1 }];
    const steps = [{ number: 1, entry }];
    await leave(factory, 2, { heads, bases: [], deltas, steps });
    db = await openJournal(factory);
    const kept = await readJournal(db, "case", "one", everybody);
    expect(kept?.mask.data).toEqual(mask.data);
    expect(kept?.history.future).toEqual([]);
    expect(kept?.history.past.length).toBe(1);
  });

  it("2 says of a case that its steps are gone, until it is written on", async () => {
    const heads = [
      { ...FORMER, stroke: 1 },
      { ...FORMER, assignment: "untouched" },
    ];
    const deltas = [{ seq: 1, isRunning: false, ...stroke(5) }];
    await leave(factory, 2, { heads, bases: [], deltas, steps: [] });
    db = await openJournal(factory);
    const lostOf = async (assignment: string) =>
      (await readJournal(db, assignment, "one", everybody))?.head.hasLostSteps ?? false;
    expect([await lostOf("case"), await lostOf("untouched")]).toEqual([true, false]);
    const { draw, settled } = openKeptDesk(db, await readJournal(db, "case", "one", everybody));
    draw(20, false);
    await settled();
    expect(await lostOf("case")).toBe(false);
  });
});

describe("the journal", () => {
  it("gives back every stroke of a tab that was reloaded", async () => {
    const { mask, draw } = writeCase(HEAD);
    await draw(5, 1);
    await draw(20, 2);
    const kept = await readJournal(db, "case", "one", everybody);
    expect(kept?.head.stroke).toBe(2);
    expect(kept?.mask.data).toEqual(mask.data);
  });

  it("keeps all of more strokes than it holds single records for", async () => {
    const { mask, draw } = writeCase(HEAD);
    for (let stroke = 1; stroke <= 430; stroke++) await draw(stroke % 35, stroke);
    const kept = await readJournal(db, "case", "one", everybody);
    expect(kept?.head.stroke).toBe(430);
    expect(kept?.mask.data).toEqual(mask.data);
  });

  it("takes over from a dead tab, never from a living one", async () => {
    await writeCase(HEAD).draw(5, 1);
    expect(await readJournal(db, "case", "two", everybody)).toBeNull();
    const kept = await readJournal(db, "case", "two", nobody);
    expect(kept?.head.tab).toBe("one");
    if (!kept) return;
    await createJournalWriter(db, still(kept.mask), { ...kept.head, tab: "two" }, "one").started;
    expect((await readJournal(db, "case", "two", everybody))?.mask.data).toEqual(kept.mask.data);
    expect((await readJournal(db, "case", "one", everybody))?.head.tab).toBeUndefined();
  });

  it("gives back what the server never had before newer work that it has", async () => {
    const lost = writeCase({ ...HEAD, tab: "dead", savedStroke: 1 });
    await lost.draw(5, 2, 1000);
    await writeCase({ ...HEAD, tab: "dead too", savedStroke: 4 }).draw(9, 4, 2000);
    const oursWritten = writeCase({ ...HEAD, savedStroke: 3 });
    await oursWritten.draw(20, 3, 3000);
    expect((await readJournal(db, "case", "new", nobody))?.mask.data).toEqual(lost.mask.data);
    expect((await readJournal(db, "case", "one", nobody))?.mask.data).toEqual(lost.mask.data);
    await oursWritten.draw(30, 4, 4000);
    expect((await readJournal(db, "case", "one", nobody))?.mask.data).toEqual(
      oursWritten.mask.data,
    );
  });

  it.each([
    { polygon: { corners: [{ x: 1, y: 1 }], takesAway: false } },
    { jotted: { note: "lead" } },
  ])("gives back strokes before %j, and that before what is all saved", async (begun) => {
    const drawn = { ...HEAD, tab: "gone", stroke: 2, savedStroke: 1, touchedAt: 1 };
    const other = { ...HEAD, tab: "later", stroke: 1, savedStroke: 1, touchedAt: 2, ...begun };
    const ours = { ...HEAD, stroke: 1, savedStroke: 1, touchedAt: 3 };
    for (const head of [ours, other]) await writeCase(head).draw(5, 1);
    expect((await readJournal(db, "case", "one", nobody))?.head).toMatchObject(begun);
    await writeCase(drawn).draw(20, 2);
    expect((await readJournal(db, "case", "one", nobody))?.head.tab).toBe("gone");
    await writeCase({ ...ours, ...begun }).draw(5, 1);
    expect((await readJournal(db, "case", "one", nobody))?.head).toMatchObject({
      tab: "gone",
      ...begun,
    });
  });

  it.each([
    ["older", 9, { note: "new", flagged: true }],
    ["newer", 1, { note: "old", flagged: true }],
  ])("joins this tab's note with the flag and note of an %s dead tab", async (_age, at, jotted) => {
    const gone = { ...HEAD, tab: "gone", savedStroke: 1, touchedAt: 5 };
    await writeCase({ ...gone, jotted: { note: "old", flagged: true } }).draw(20, 2, 5);
    const ours = { ...HEAD, savedStroke: 1, touchedAt: at, jotted: { note: "new" } };
    await writeCase(ours).draw(5, 1, at);
    const head = (await readJournal(db, "case", "one", nobody))?.head;
    expect(head).toMatchObject({ tab: "gone", jotted });
  });

  it("keeps both of two open polygons, this tab's first", async () => {
    const polygonAt = (x: number) => ({ corners: [{ x, y: 1 }], takesAway: false });
    const gone = { ...HEAD, tab: "gone", savedStroke: 1, polygon: polygonAt(7) };
    await writeCase(gone).draw(20, 2);
    await writeCase({ ...HEAD, savedStroke: 1, polygon: polygonAt(3) }).draw(5, 1);
    const seen = async (tab: string) => (await readJournal(db, "case", tab, nobody))?.head;
    expect(await seen("one")).toMatchObject({ tab: "one", polygon: polygonAt(3) });
    expect(await seen("gone")).toMatchObject({ tab: "gone", polygon: polygonAt(7) });
  });

  it("forgets a submitted case and nothing else", async () => {
    await writeCase(HEAD).draw(5, 1);
    await writeCase({ ...HEAD, assignment: "case2" }).draw(5, 1);
    await dropCase(db, "case", "one", nobody);
    expect(await readJournal(db, "case", "one", nobody)).toBeNull();
    expect(await readJournal(db, "case2", "one", nobody)).not.toBeNull();
  });

  it.each([
    ["a living tab with unsaved work", "kept", 3, 1, everybody],
    ["a living tab with everything saved", "kept", 3, 3, everybody],
    ["a dead tab with unsaved work", "kept", 3, 1, nobody],
    ["a dead tab with everything saved", "dropped", 3, 3, nobody],
  ])(
    "when a case is submitted: of %s the mask is %s",
    async (_who, fate, stroke, savedStroke, isAlive) => {
      const other = writeCase({ ...HEAD, tab: "two", savedStroke });
      await other.draw(5, stroke);
      await writeCase(HEAD).draw(20, 1);
      await dropCase(db, "case", "one", isAlive);
      const kept = await readJournal(db, "case", "two", everybody);
      expect(kept?.mask.data).toEqual(fate === "kept" ? other.mask.data : undefined);
      expect(await readJournal(db, "case", "one", everybody)).toBeNull();
    },
  );

  it("forgets after 30 days", async () => {
    await writeCase(HEAD).draw(5, 1);
    await dropExpired(db, 1000 + 29 * 86_400_000);
    expect(await readJournal(db, "case", "one", nobody)).not.toBeNull();
    await dropExpired(db, 1000 + 31 * 86_400_000);
    expect(await readJournal(db, "case", "one", nobody)).toBeNull();
  });
});
