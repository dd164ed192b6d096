import { describe, expect, it, test } from "vitest";
import type { Case, Problem } from "../../../src/api/types";
import { INITIAL_STATE } from "../../../src/editor/actions/state";
import {
  failWith,
  gestureState,
  keptState,
  mustGiveWay,
  openingNotice,
  openState,
  refusalOf,
  restoreState,
} from "../../../src/editor/room/casetransitions";
import type { Head } from "../../../src/editor/saving/journal";
import { words } from "../../../src/words";

const CASE = {
  assignment: "a",
  image: { width: 16, height: 16, window_center: 100, window_width: 200 },
  times_submitted: 0,
  note: "from the server",
  flagged: false,
} as unknown as Case;
const problem = (status: number, code: string, more: Partial<Problem> = {}): Problem => ({
  status,
  code,
  detail: code,
  ...more,
});

describe("a case that opens", () => {
  it("starts with its own window and the server's note", () => {
    const former = {
      ...INITIAL_STATE,
      picked: "x",
      notice: "old",
      stroke: 9,
      tool: "lasso",
    } as const;
    const state = { ...former, ...openState(former, CASE) };
    expect(state).toMatchObject({ phase: "reading", current: CASE, note: "from the server" });
    expect(state).toMatchObject({ window: { center: 100, width: 200 }, activeSeconds: 0 });
    expect(state).toMatchObject({ picked: null, notice: "", stroke: 0, tool: "lasso" });
  });

  it("takes the note, the flag and the time from the journal, which is newer", () => {
    const head = { jotted: { note: "here", flagged: true }, activeSeconds: 12 } as unknown as Head;
    const state = openState(INITIAL_STATE, CASE, head);
    expect(state).toMatchObject({ note: "here", isFlagged: true, activeSeconds: 12 });
  });

  it("tells what the reader must know, and nothing else", () => {
    expect(openingNotice(CASE, false)).toBe("");
    const lost = { hasLostSteps: true } as Head;
    const reopened = { ...CASE, times_submitted: 1 };
    const { reopened: again, polygonOpen, stepsLost } = words.notices;
    expect(openingNotice(reopened, true, lost)).toBe(`${again} ${polygonOpen} ${stepsLost}`);
  });

  it("shows a case that was set aside as it was left", () => {
    const former = { ...INITIAL_STATE, current: CASE, note: "mine", keptStroke: 4, isBusy: true };
    const state = restoreState(INITIAL_STATE, former);
    expect(state).toMatchObject({ phase: "reading", note: "mine", keptStroke: 4, isBusy: false });
  });
});

test("a failure keeps what is known about saving, with the problem", () => {
  const state = failWith(INITIAL_STATE, problem(500, "http_500"));
  expect(state).toMatchObject({ phase: "failed", current: null });
  expect(state.save).toEqual({ ...INITIAL_STATE.save, problem: problem(500, "http_500") });
});

test("a gesture moves the threshold only where the mask was made from one", () => {
  const drawn = (threshold: number | null) => ({
    basis: () => ({ candidate: null, threshold }),
    stroke: () => 3,
    canUndo: () => true,
    canRedo: () => false,
  });
  expect(gestureState({ threshold: 90 }, drawn(null))).toMatchObject({ threshold: 90, stroke: 3 });
  expect(gestureState({ threshold: 90 }, drawn(140))).toMatchObject({ threshold: 140 });
});

test("a stroke that the journal has stored ends its failure, and an older one changes nothing", () => {
  const failed = { keptStroke: 5, journalFailure: "full" };
  expect(keptState(failed, 4)).toEqual({ keptStroke: 5, journalFailure: null });
  expect(keptState({ keptStroke: 5, journalFailure: null }, 5)).toBeNull();
  expect(keptState({ keptStroke: 5, journalFailure: null }, 6)).toMatchObject({ keptStroke: 6 });
});

test("a case gives way only if it is open, untouched, and not the server's", () => {
  const shown = { assignment: "b", isOpen: true, isBegun: false, onServer: "c" };
  expect(mustGiveWay(shown)).toBe(true);
  expect(mustGiveWay({ ...shown, onServer: undefined })).toBe(true);
  expect(mustGiveWay({ ...shown, onServer: "b" })).toBe(false);
  expect(mustGiveWay({ ...shown, isBegun: true })).toBe(false);
  expect(mustGiveWay({ ...shown, isOpen: false })).toBe(false);
});

describe("a refused decision", () => {
  const moved = problem(409, "draft_moved", { current_url: "/draft" });

  it("opens the comparison of two masks instead of a notice", () => {
    expect(refusalOf(moved, "saved")).toEqual({
      change: { isBusy: false, notice: "" },
      saver: "dispute",
    });
    expect(refusalOf(problem(409, "draft_moved"), "saved").saver).toBeNull();
  });

  it.each([
    problem(410, "lease_lost"),
    problem(409, "already_submitted"),
    problem(409, "put_back"),
  ])("ends saving where the case is over: %j", (over) =>
    expect(refusalOf(over, "saved").saver).toBe("end"),
  );

  it("says the reason, except while a conflict is shown", () => {
    const refused = problem(422, "nothing_marked");
    expect(refusalOf(refused, "saved").change.notice).toBe("nothing_marked");
    expect(refusalOf(refused, "conflict").change.notice).toBe("");
  });
});
