import { IDBKeyRange } from "fake-indexeddb";
import { beforeEach, expect, it, vi } from "vitest";
import { type CleanUp, cleanUp, clipToLung } from "../../../src/editor/drawing/cleanup";
import { countSet, createMask } from "../../../src/mask/bitmap";
import { openServer, openTab } from "../room/world";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

async function openRoom() {
  const tab = await openTab(openServer(["one"]));
  const { maskDocument } = tab.openCase();
  const ring = () => {
    for (const [x0, x1, y] of [
      [3, 10, 3],
      [3, 10, 9],
    ] as const)
      for (let x = x0; x < x1; x++) maskDocument.mask.data[y * 16 + x] = 1;
    for (let y = 3; y < 10; y++)
      maskDocument.mask.data[y * 16 + 3] = maskDocument.mask.data[y * 16 + 9] = 1;
    maskDocument.touch({ x0: 3, y0: 3, x1: 10, y1: 10 });
    maskDocument.commit();
  };
  return { ...tab, maskDocument, ring };
}

it.each<[CleanUp, number]>([
  ["fillHoles", 49],
  ["grow", 72],
  ["shrink", 0],
])("%s is one gesture that one undo takes back", async (kind, pixels) => {
  const { maskDocument, ring, room, state } = await openRoom();
  ring();
  const before = maskDocument.mask.data.slice();
  cleanUp(room, kind);
  expect(countSet(maskDocument.mask)).toBe(pixels);
  expect([maskDocument.history().past.length, state().notice]).toEqual([2, ""]);
  maskDocument.undo();
  expect(maskDocument.mask.data).toEqual(before);
});

it.each<[CleanUp, string]>([
  ["fillHoles", "The mask has no hole to fill."],
  ["removeIslands", "No part of the mask is smaller than 0.05 % of the film."],
  ["smooth", "The outline is smooth already."],
  ["grow", "There is nothing to grow."],
  ["shrink", "There is nothing to shrink."],
])("%s says so where it changes nothing, and makes no entry", async (kind, words) => {
  const { maskDocument, room, state } = await openRoom();
  cleanUp(room, kind);
  expect(state().notice).toBe(words);
  expect([maskDocument.canUndo(), state().stroke]).toEqual([false, 0]);
});

async function openRoomWithLung(lung: (x: number) => 0 | 1) {
  const opened = await openRoom();
  const mask = createMask(16, 16);
  mask.data.forEach((_, i) => {
    mask.data[i] = lung(i % 16);
  });
  const openCase = opened.openCase();
  const prepared = { ...openCase.prepared, layer: () => Promise.resolve(mask) };
  const now = { ...openCase, prepared };
  return { ...opened, room: { store: opened.room.store, openCase: () => now } };
}

it("clips to the lungs in one gesture, and says so where nothing lies outside", async () => {
  const { maskDocument, ring, room, state } = await openRoomWithLung((x) => (x < 8 ? 1 : 0));
  ring();
  const before = maskDocument.mask.data.slice();
  let ended = 0;
  await clipToLung(room, () => ended++);
  expect([...maskDocument.mask.data]).toEqual(
    [...before].map((value, i) => (i % 16 < 8 ? value : 0)),
  );
  expect([maskDocument.history().past.length, ended, state().notice]).toEqual([2, 1, ""]);
  await clipToLung(room, () => ended++);
  expect(state().notice).toBe("The whole mask lies inside the lungs already.");
  maskDocument.undo();
  expect(maskDocument.mask.data).toEqual(before);
});

it("does not clip everything away where no lung was found", async () => {
  const { maskDocument, ring, room, state } = await openRoomWithLung(() => 0);
  ring();
  const before = maskDocument.mask.data.slice();
  await clipToLung(room, () => undefined);
  expect(maskDocument.mask.data).toEqual(before);
  expect(state().notice).toBe("No lung was found on this film, so nothing was clipped.");
});
