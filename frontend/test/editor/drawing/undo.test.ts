import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { MaskDocument } from "../../../src/editor/drawing/maskdocument";
import { startLasso } from "../../../src/editor/drawing/outlines";
import {
  type Basis,
  EMPTY_HISTORY,
  HISTORY_BYTES,
  HISTORY_STEPS,
  type History,
  isSameBasis,
  NO_BASIS,
  remember,
  restoreHistory,
} from "../../../src/editor/drawing/undo";
import { openJournal, readJournal } from "../../../src/editor/saving/journal";
import { createMask, type Mask, type Rect, wholeRect } from "../../../src/mask/bitmap";
import type { Point } from "../../../src/mask/brush";
import { changeBetween, NO_CHANGE } from "../../../src/mask/change";
import { grow, shrink, smooth } from "../../../src/mask/morphology";
import { fillHoles, removeIslands } from "../../../src/mask/parts";
import { moveThreshold, thresholdMask } from "../../../src/mask/probability";
import { fillCapsule } from "../../mask/pictures";
import { openKeptDesk, SIZE } from "../saving/keptdocument";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

const nobody = () => Promise.resolve(false);
const MAP = {
  width: SIZE,
  height: SIZE,
  data: Uint8Array.from({ length: SIZE * SIZE }, (_, i) => (i * 37) % 256),
};

type Gesture =
  | { kind: "stroke"; x: number; y: number; radius: number; value: 0 | 1 }
  | { kind: "pick"; candidate: string; threshold: number }
  | { kind: "slide"; stops: number[] }
  | { kind: "clean"; act: (mask: Mask) => Rect }
  | { kind: "lasso"; points: Point[]; takesAway: boolean }
  | { kind: "undo" | "redo" | "cancel" };

const place = fc.integer({ min: -3, max: SIZE + 3 });
const threshold = fc.integer({ min: 1, max: 255 });
const gesture: fc.Arbitrary<Gesture> = fc.oneof(
  fc.record({
    kind: fc.constant("stroke" as const),
    x: place,
    y: place,
    radius: fc.integer({ min: 1, max: 9 }),
    value: fc.constantFrom(0 as const, 1 as const),
  }),
  fc.record({
    kind: fc.constant("pick" as const),
    candidate: fc.constantFrom("a", "b"),
    threshold,
  }),
  fc.record({
    kind: fc.constant("slide" as const),
    stops: fc.array(threshold, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("clean" as const),
    act: fc.constantFrom(fillHoles, removeIslands, smooth, grow, shrink),
  }),
  fc.record({
    kind: fc.constant("lasso" as const),
    points: fc.array(fc.record({ x: place, y: place }), { minLength: 1, maxLength: 6 }),
    takesAway: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom("undo" as const, "redo" as const, "cancel" as const) }),
);

function paint(
  maskDocument: MaskDocument,
  { x, y, radius, value }: Gesture & { kind: "stroke" },
): void {
  maskDocument.touch(
    fillCapsule(maskDocument.mask, { x, y }, { x: x + 9, y: y + 4 }, radius, value),
  );
}

function perform(maskDocument: MaskDocument, gesture: Gesture): void {
  if (gesture.kind === "stroke") {
    paint(maskDocument, gesture);
    maskDocument.keepRunning();
    maskDocument.commit();
  } else if (gesture.kind === "pick") {
    maskDocument.replace(thresholdMask(MAP, gesture.threshold), gesture);
  } else if (gesture.kind === "slide") {
    const from = maskDocument.basis().threshold;
    if (from === null) return;
    for (const to of gesture.stops) {
      maskDocument.restart();
      moveThreshold(maskDocument.mask, MAP, from, to);
      maskDocument.touch(wholeRect(maskDocument.mask));
    }
    maskDocument.commit({ ...maskDocument.basis(), threshold: gesture.stops.at(-1) as number });
  } else if (gesture.kind === "clean") {
    maskDocument.touch(gesture.act(maskDocument.mask));
    maskDocument.commit();
  } else if (gesture.kind === "lasso") {
    const [first, ...rest] = gesture.points as [Point, ...Point[]];
    const lasso = startLasso(maskDocument, first, gesture.takesAway);
    for (const point of rest) lasso.move(point);
    lasso.end();
  } else if (gesture.kind === "cancel") {
    paint(maskDocument, { kind: "stroke", x: 5, y: 5, radius: 6, value: 1 });
    maskDocument.keepRunning();
    maskDocument.cancel();
  } else if (gesture.kind === "undo") maskDocument.undo();
  else maskDocument.redo();
}

type Moment = { data: Uint8Array; basis: Basis };
const momentOf = (maskDocument: MaskDocument): Moment => ({
  data: maskDocument.mask.data.slice(),
  basis: maskDocument.basis(),
});

function expectMoment(maskDocument: MaskDocument, moment: Moment): void {
  expect(Buffer.compare(maskDocument.mask.data, moment.data)).toBe(0);
  expect(isSameBasis(maskDocument.basis(), moment.basis)).toBe(true);
}

/** Every state that undo, and then redo, goes through. */
function walk(maskDocument: MaskDocument): Moment[] {
  const seen: Moment[] = [];
  while (maskDocument.undo()) seen.push(momentOf(maskDocument));
  while (maskDocument.redo()) seen.push(momentOf(maskDocument));
  return seen;
}

describe("undo and redo", () => {
  it("lead from the end to the start and back, mask and basis, before and after a reload", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(gesture, { maxLength: 14 }),
        fc.array(gesture, { maxLength: 5 }),
        async (gestures, more) => {
          const db = await openJournal(new IDBFactory());
          const first = openKeptDesk(db);
          for (const gesture of gestures) perform(first.maskDocument, gesture);
          await first.settled();
          const second = openKeptDesk(db, await readJournal(db, "case", "one", nobody));
          expectMoment(second.maskDocument, momentOf(first.maskDocument));
          expect(second.maskDocument.history()).toEqual(first.maskDocument.history());
          for (const gesture of more) {
            perform(first.maskDocument, gesture);
            perform(second.maskDocument, gesture);
          }
          await second.settled();
          const third = openKeptDesk(db, await readJournal(db, "case", "one", nobody));
          const end = momentOf(first.maskDocument);
          expectMoment(third.maskDocument, end);
          const seen = walk(third.maskDocument);
          expect(seen).toEqual(walk(first.maskDocument));
          while (third.maskDocument.undo());
          expectMoment(third.maskDocument, { data: new Uint8Array(SIZE * SIZE), basis: NO_BASIS });
        },
      ),
      { numRuns: 60 },
    );
  });

  it("count a stroke that a crash cut off as the last gesture", async () => {
    const db = await openJournal(new IDBFactory());
    const { maskDocument, settled } = openKeptDesk(db);
    perform(maskDocument, { kind: "stroke", x: 10, y: 10, radius: 5, value: 1 });
    const before = momentOf(maskDocument);
    paint(maskDocument, { kind: "stroke", x: 12, y: 12, radius: 4, value: 0 });
    maskDocument.keepRunning();
    const cut = momentOf(maskDocument);
    await settled();
    const next = openKeptDesk(db, await readJournal(db, "case", "one", nobody)).maskDocument;
    expectMoment(next, cut);
    next.undo();
    expectMoment(next, before);
    next.undo();
    expect(next.mask.data.indexOf(1)).toBe(-1);
  });

  it("forget what was ahead when something new is drawn, in the journal too", async () => {
    const db = await openJournal(new IDBFactory());
    const { maskDocument, settled } = openKeptDesk(db);
    for (const x of [2, 12, 22])
      perform(maskDocument, { kind: "stroke", x, y: 9, radius: 2, value: 1 });
    maskDocument.undo();
    maskDocument.undo();
    perform(maskDocument, { kind: "stroke", x: 9, y: 30, radius: 3, value: 1 });
    await settled();
    const next = openKeptDesk(db, await readJournal(db, "case", "one", nobody)).maskDocument;
    expect(next.canRedo()).toBe(false);
    expect(next.history().past.length).toBe(2);
  });
});

describe("a history that does not fit", () => {
  const mask = createMask(SIZE, SIZE);
  const basis = { candidate: "a", threshold: 9 };
  const rect = { x0: 0, y0: 0, x1: SIZE, y1: 1 };
  const stripe = { ...NO_CHANGE, rect, set: Uint8Array.of(0, SIZE) };
  const picked = remember(EMPTY_HISTORY, stripe, NO_BASIS, basis);
  const drawn = remember(picked, stripe, basis, basis);
  const [first, second] = drawn.past as [(typeof drawn.past)[0], (typeof drawn.past)[0]];

  it("is kept where it leads to this mask and this basis", () => {
    expect(restoreHistory(drawn.past, 0, mask, basis)).toEqual(drawn);
    expect(restoreHistory(drawn.past, 2, mask, NO_BASIS).future).toEqual(drawn.past);
  });

  it.each<[string, History]>([
    ["another basis", restoreHistory(drawn.past, 0, mask, NO_BASIS)],
    ["a missing step", restoreHistory([first, { ...second, number: 3 }], 0, mask, basis)],
    ["more undone than there is", restoreHistory(drawn.past, 3, mask, basis)],
    ["a broken chain", restoreHistory([first, { ...second, before: NO_BASIS }], 0, mask, basis)],
    ["another size", restoreHistory(drawn.past, 0, createMask(8, 8), basis)],
  ])("is dropped for %s", (_why, history) => expect(history).toBe(EMPTY_HISTORY));
});

describe("the bounds of the history", () => {
  function strokeAt(mask: Mask, before: Mask, i: number) {
    const [x, y] = [(i * 611) % 2600, (i * 373) % 2600];
    const rect = fillCapsule(mask, { x, y }, { x: x + 400, y: y + 300 }, 40, 1);
    return changeBetween(before, mask, rect);
  }

  it("hold hundreds of strokes at 3072 x 3072 in a few megabytes", () => {
    const before = createMask(3072, 3072);
    let history = EMPTY_HISTORY;
    for (let i = 0; i < 300; i++)
      history = remember(
        history,
        strokeAt({ ...before, data: before.data.slice() }, before, i),
        NO_BASIS,
        NO_BASIS,
      );
    expect(history.past.length).toBe(300);
    expect(history.bytes).toBeLessThan(HISTORY_BYTES / 16);
  });

  it("forget the oldest by bytes and by steps", () => {
    const change = { ...NO_CHANGE, rect: { x0: 0, y0: 0, x1: 80, y1: 100 } };
    const noise = { ...change, set: new Uint8Array(500).fill(1), cleared: new Uint8Array(500) };
    let history = EMPTY_HISTORY;
    for (let i = 0; i < 100; i++) history = remember(history, noise, NO_BASIS, NO_BASIS, 12_500);
    expect(history.past.length).toBe(10);
    expect(history.bytes).toBeLessThanOrEqual(12_500);
    for (let i = 0; i < HISTORY_STEPS; i++) history = remember(history, change, NO_BASIS, NO_BASIS);
    expect(history.past.length).toBe(HISTORY_STEPS);
    expect(history.past.at(-1)?.number).toBe(100 + HISTORY_STEPS);
  });
});
