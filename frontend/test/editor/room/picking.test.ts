import { IDBKeyRange } from "fake-indexeddb";
import { beforeEach, expect, it, vi } from "vitest";
import type { PointerInput } from "../../../src/editor/drawing/pointerinput";
import { createMaskHandlers } from "../../../src/editor/room/maskhandlers";
import { countSet, createMask, type Mask } from "../../../src/mask/bitmap";
import { openServer, openTab } from "./world";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

/** A case with a candidate whose mask is loaded when the test says so. */
async function openPicking() {
  const tab = await openTab(openServer(["a", "b"]));
  let loaded: (mask: Mask) => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const mask = new Promise<Mask>((done, fail) => {
    [loaded, failed] = [done, fail];
  });
  const { prepared } = tab.openCase();
  Object.assign(tab.openCase().case, { candidates: [{ id: "c", threshold: 140 }] });
  Object.assign(prepared, { candidates: new Map([["c", mask]]) });
  const input = { end: () => false } as PointerInput;
  const { pick } = createMaskHandlers(tab.room, () => input);
  const settled = () => new Promise((done) => setTimeout(done));
  return { ...tab, pick, loaded, failed, settled };
}
const full = () => ({ ...createMask(16, 16), data: new Uint8Array(256).fill(1) });

it("a picked candidate replaces the mask once it has been loaded", async () => {
  const { pick, loaded, settled, state, openCase } = await openPicking();
  pick(0);
  expect(state().picked).toBe("c");
  loaded(full());
  await settled();
  expect(state()).toMatchObject({ picked: null, threshold: 140 });
  expect(countSet(openCase().maskDocument.mask)).toBe(256);
});

it("a pick that fails is over, and the reader is told why", async () => {
  const { pick, failed, settled, state } = await openPicking();
  pick(0);
  failed(new Error("gone"));
  await settled();
  expect(state()).toMatchObject({ picked: null, notice: "gone" });
});

it("a pick leaves nothing behind where another case opens before it is loaded", async () => {
  const { pick, loaded, settled, state, room, openCase } = await openPicking();
  pick(0);
  room.setAside();
  expect(state().picked).toBe("c");
  loaded(full());
  await settled();
  expect(state().picked).toBeNull();
  await room.open({ ...(await nextCase()) });
  expect(countSet(openCase().maskDocument.mask)).toBe(0);
});

async function nextCase() {
  return (await openTab(openServer(["b"]))).openCase().prepared;
}
