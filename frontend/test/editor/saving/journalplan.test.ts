import { describe, expect, it } from "vitest";
import {
  EMPTY_HISTORY,
  type Entry,
  type History,
  NO_BASIS,
} from "../../../src/editor/drawing/undo";
import { planSteps, planWrite, type Write } from "../../../src/editor/saving/journalplan";
import { EMPTY_RECT, type Rect } from "../../../src/mask/bitmap";
import { type Change, NO_CHANGE } from "../../../src/mask/change";

const rectAt = (x0: number): Rect => ({ x0, y0: 0, x1: x0 + 10, y1: 10 });
const changeAt = (x0: number): Change => ({ ...NO_CHANGE, rect: rectAt(x0) });
const ended = (x0: number): Write => ({
  done: changeAt(x0),
  running: EMPTY_RECT,
  history: EMPTY_HISTORY,
});
const running = (x0: number): Write => ({
  done: null,
  running: rectAt(x0),
  history: EMPTY_HISTORY,
});
const journalAfter = (changesSinceBase: number) => ({ isBased: true, changesSinceBase });

describe("a write to the journal", () => {
  it("stores the whole mask first, and changes after that", () => {
    const unbased = { isBased: false, changesSinceBase: 0 };
    expect(planWrite([ended(0)], unbased, false)).toMatchObject({ hasBase: true, changes: [] });
    const next = planWrite([ended(0)], journalAfter(0), false);
    expect(next).toEqual({ hasBase: false, changes: [changeAt(0)], running: EMPTY_RECT });
  });

  it("repeats the changes of writes that are not known to be stored, in their order", () => {
    const plan = planWrite([ended(0), running(20), ended(40)], journalAfter(1), false);
    expect(plan.changes).toEqual([changeAt(0), changeAt(40)]);
  });

  it("covers all that the running gesture has changed, but nothing of ended ones", () => {
    const plan = planWrite(
      [running(0), ended(20), running(40), running(60)],
      journalAfter(1),
      true,
    );
    expect(plan.running).toEqual({ x0: 40, y0: 0, x1: 70, y1: 10 });
  });

  it("stores the whole mask again after 200 changes, but not during a gesture", () => {
    expect(planWrite([ended(0)], journalAfter(199), false).hasBase).toBe(false);
    expect(planWrite([ended(0)], journalAfter(200), false).hasBase).toBe(true);
    expect(planWrite([running(0)], journalAfter(200), true).hasBase).toBe(false);
  });
});

const entry = (number: number): Entry => ({
  number,
  change: changeAt(number),
  before: NO_BASIS,
  after: NO_BASIS,
});
const [first, second, third] = [entry(1), entry(2), entry(3)];
const historyOf = (past: readonly Entry[], future: readonly Entry[] = []): History => ({
  past,
  future,
  bytes: 0,
});

describe("the stored steps of undo", () => {
  it("stay if the history is the stored one", () => {
    const history = historyOf([first]);
    expect(planSteps([history], history)).toEqual({ dropBelow: null, dropAbove: null, added: [] });
  });

  it("get the new entry only", () => {
    const plan = planSteps([historyOf([first])], historyOf([first, second]));
    expect(plan).toEqual({ dropBelow: null, dropAbove: null, added: [second] });
  });

  it("stay when a gesture is undone: its entry moves from the past to the future", () => {
    const plan = planSteps([historyOf([first, second])], historyOf([first], [second]));
    expect(plan).toEqual({ dropBelow: null, dropAbove: null, added: [] });
  });

  it("lose the undone entries after another gesture, and the oldest ones at the limit", () => {
    const drawnAfterUndo = entry(2);
    const redrawn = planSteps(
      [historyOf([first], [second, third])],
      historyOf([first, drawnAfterUndo]),
    );
    expect(redrawn).toEqual({ dropBelow: null, dropAbove: 2, added: [drawnAfterUndo] });
    const limited = planSteps([historyOf([first, second])], historyOf([second, third]));
    expect(limited).toEqual({ dropBelow: 2, dropAbove: null, added: [third] });
  });

  it("are all dropped if the history is empty", () => {
    const plan = planSteps([historyOf([first, second])], EMPTY_HISTORY);
    expect(plan).toEqual({ dropBelow: null, dropAbove: -1, added: [] });
  });

  it("get every entry that one of the possible stored histories lacks", () => {
    const plan = planSteps(
      [historyOf([first, second]), historyOf([first])],
      historyOf([first, second]),
    );
    expect(plan.added).toEqual([second]);
  });
});
