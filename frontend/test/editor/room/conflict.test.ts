import { IDBKeyRange } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Choice } from "../../../src/editor/panels/merge";
import { settleConflict } from "../../../src/editor/room/conflict";
import { countSet, type Mask } from "../../../src/mask/bitmap";
import { codec, maskOf, openBrowser, openServer, openTab } from "./world";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

const THEIRS = { candidate: "theirs", threshold: 140 };
const MINE = { candidate: "mine", threshold: 90 };

/** Two browsers on one case: each went on from another candidate, and the second one is refused. */
async function dispute(choice: Choice) {
  const server = openServer(["a"]);
  const first = await openTab(server);
  const second = await openTab(server, openBrowser(), "two");
  const start = (at: number) => ({ ...first.openCase().maskDocument.mask, data: bytesWith(at) });
  first.openCase().maskDocument.replace(start(1), THEIRS);
  expect(await first.openCase().saver.flush()).toBe(true);
  const settled = new Promise<void>((done) => {
    second.room.onConflict((openCase) => {
      const ask = () => Promise.resolve(choice);
      void settleConflict(server.client, codec, second.room, openCase, ask).then(done);
    });
  });
  second.openCase().maskDocument.replace(start(2), MINE);
  await second.openCase().saver.flush();
  await settled;
  expect(await second.openCase().saver.flush()).toBe(true);
  return { server, second };
}

function bytesWith(at: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(256);
  data[at] = 1;
  return data;
}

describe("a conflict between two masks", () => {
  it.each([
    ["mine", 2, MINE],
    ["theirs", 1, THEIRS],
  ] as const)(
    "goes on from %s and from what that mask was made from",
    async (choice, pixel, basis) => {
      const { server, second } = await dispute(choice);
      expect(maskOf(server.drafts.get("a")).data[pixel]).toBe(1);
      expect(server.drafts.get("a")?.basis).toEqual(basis);
      await second.flow.submit("accept");
      expect(server.submissions).toMatchObject([basis]);
    },
  );

  it.each(["no_infection", "exclude"] as const)(
    "is shown when %s meets a drawing of another tab, which is not thrown away",
    async (decision) => {
      const server = openServer(["a"]);
      const blank = await openTab(server);
      const listener = await openTab(server, openBrowser(), "two");
      listener.draw(5);
      await listener.openCase().saver.flush();
      const seen: number[] = [];
      const settled = new Promise<void>((done) => {
        blank.room.onConflict((openCase) => {
          const ask = (_mine: Mask, theirs: Mask) => {
            seen.push(countSet(theirs));
            return Promise.resolve("theirs" as const);
          };
          void settleConflict(server.client, codec, blank.room, openCase, ask).then(done);
        });
      });
      await blank.flow.submit(decision, decision === "exclude" ? "other" : null);
      await settled;
      expect(seen).toEqual([countSet(listener.openCase().maskDocument.mask)]);
      expect(server.submissions).toEqual([]);
      expect(blank.openCase().maskDocument.mask.data).toEqual(
        listener.openCase().maskDocument.mask.data,
      );
      expect(blank.state()).toMatchObject({ isBusy: false, notice: "" });
      await blank.flow.submit("accept");
      expect(server.submissions.length).toBe(1);
    },
  );

  it("goes on from mine with the inside of the regions from theirs, based on mine", async () => {
    const { server, second } = await dispute([{ x0: 0, y0: 0, x1: 2, y1: 1 }]);
    const { data } = maskOf(server.drafts.get("a"));
    expect([data[0], data[1], data[2]]).toEqual([0, 1, 1]);
    expect(server.drafts.get("a")?.basis).toEqual(MINE);
    const { maskDocument } = second.openCase();
    maskDocument.undo();
    expect([maskDocument.mask.data[1], maskDocument.mask.data[2], maskDocument.basis()]).toEqual([
      1,
      0,
      THEIRS,
    ]);
    maskDocument.undo();
    expect([maskDocument.mask.data[1], maskDocument.mask.data[2], maskDocument.basis()]).toEqual([
      0,
      1,
      MINE,
    ]);
  });

  it("waits for the stroke that is being drawn, which is part of mine", async () => {
    const server = openServer(["a"]);
    const first = await openTab(server);
    const second = await openTab(server, openBrowser(), "two");
    first.draw(2);
    await first.openCase().saver.flush();
    const seen = new Promise<Mask>((done) => {
      second.room.onConflict((openCase) => {
        const ask = (mine: Mask) => {
          done(mine);
          return Promise.resolve("mine" as const);
        };
        void settleConflict(server.client, codec, second.room, openCase, ask);
      });
    });
    second.draw(5);
    const { maskDocument, saver } = second.openCase();
    const flushed = saver.flush();
    maskDocument.mask.data[200] = 1;
    maskDocument.touch({ x0: 8, y0: 12, x1: 9, y1: 13 });
    await flushed;
    maskDocument.commit();
    expect((await seen).data[200]).toBe(1);
  });

  it("gives back the other mask with its own base on Undo", async () => {
    const { second } = await dispute("mine");
    second.openCase().maskDocument.undo();
    expect(second.openCase().maskDocument.mask.data[1]).toBe(1);
    expect(second.openCase().maskDocument.basis()).toEqual(THEIRS);
  });
});
