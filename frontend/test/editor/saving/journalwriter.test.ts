import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { openJournal, readJournal } from "../../../src/editor/saving/journal";
import { makeFillable } from "./fulldisk";
import { openKeptDesk, SIZE } from "./keptdocument";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

const nobody = () => Promise.resolve(false);

async function openDisk() {
  const db = await openJournal(new IDBFactory());
  return { db, refuse: makeFillable(db) };
}

describe("the keeper", () => {
  it("keeps the whole mask with the first write that goes through, whatever failed before", async () => {
    const write = fc.record({
      x: fc.integer({ min: 0, max: SIZE - 10 }),
      isFull: fc.boolean(),
      isLong: fc.boolean(),
      isAwaited: fc.boolean(),
      undoes: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
        const { db, refuse } = await openDisk();
        const { maskDocument, draw, settled, written } = openKeptDesk(db);
        await settled();
        for (const { x, isFull, isLong, isAwaited, undoes } of writes) {
          refuse(() => isFull);
          if (undoes) maskDocument.undo();
          else draw(x, isLong);
          if (isAwaited) await Promise.allSettled(written);
        }
        await Promise.allSettled(written);
        refuse(() => false);
        draw(3, false, 30);
        await written.at(-1);
        const kept = await readJournal(db, "case", "one", nobody);
        expect(kept?.mask.data).toEqual(maskDocument.mask.data);
        const { history } = kept ?? {};
        if (history?.past.length) expect(history).toEqual(maskDocument.history());
      }),
      { numRuns: 60 },
    );
  });

  it("leaves what was kept as it was while nothing more can be written", async () => {
    const { db, refuse } = await openDisk();
    const { maskDocument, draw, settled, written } = openKeptDesk(db);
    draw(5, false);
    await settled();
    const before = maskDocument.mask.data.slice();
    refuse(() => true);
    for (const x of [10, 20, 30]) draw(x, true);
    const fates = await Promise.allSettled(written);
    expect(fates.at(-1)).toMatchObject({ status: "rejected" });
    const kept = await readJournal(db, "case", "one", nobody);
    expect(kept?.mask.data).toEqual(before);
    expect(kept?.history.past.length).toBe(1);
    expect(kept?.head.hasLostSteps).toBeUndefined();
  });

  it("gives up the history before a stroke", async () => {
    const { db, refuse } = await openDisk();
    const { maskDocument, draw, settled } = openKeptDesk(db);
    refuse((holdsSteps) => holdsSteps);
    for (const x of [5, 15, 25]) draw(x, false);
    await settled();
    const kept = await readJournal(db, "case", "one", nobody);
    expect(kept?.mask.data).toEqual(maskDocument.mask.data);
    expect(kept?.history.past).toEqual([]);
    expect(kept?.head.hasLostSteps).toBe(true);
    expect(maskDocument.canUndo()).toBe(true);
  });
});
