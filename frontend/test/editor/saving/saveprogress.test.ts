import { describe, expect, it, test } from "vitest";
import type { Problem } from "../../../src/api/types";
import {
  nextProgress,
  retryDelay,
  type SaveProgress,
  type SaveState,
  startProgress,
} from "../../../src/editor/saving/saveprogress";

const START = startProgress({ savedAt: null, savedStroke: 2, etag: "e2", sent: [] });
const during = (change: Partial<SaveState>, more: Partial<SaveProgress> = {}): SaveProgress => ({
  ...START,
  ...more,
  state: { ...START.state, ...change },
});
const problem = (status: number, code = "x", more: Partial<Problem> = {}): Problem => ({
  status,
  code,
  detail: "",
  ...more,
});
const refused = (given: Problem, isOwnSave = false) =>
  ({ kind: "refused", problem: given, isOwnSave }) as const;

test("a change of a saved mask is sent after a pause; more changes do not move the time", () => {
  const first = nextProgress(START, { kind: "changed" });
  expect(first.progress.state.phase).toBe("dirty");
  expect(first.sendAfter).toBeGreaterThan(0);
  const second = nextProgress(first.progress, { kind: "changed" });
  expect(second).toEqual({ progress: first.progress, sendAfter: null });
});

test("the last eight unanswered masks are remembered until one is answered", () => {
  let progress = START;
  for (let at = 0; at < 10; at++)
    progress = nextProgress(progress, { kind: "sent", fingerprint: `f${at}` }).progress;
  expect(progress.state.sent).toEqual(["f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"]);
  const saved = { etag: "e3", stroke: 3, lease_expires_at: "" };
  const step = nextProgress(progress, { kind: "saved", sentStroke: 3, stroke: 3, saved, at: 7 });
  expect(step.progress.state).toEqual({
    phase: "saved",
    savedAt: 7,
    savedStroke: 3,
    etag: "e3",
    sent: [],
    problem: null,
  });
  expect(step.sendAfter).toBeNull();
});

test("strokes drawn during a save are sent at once afterwards", () => {
  const saved = { etag: "e3", stroke: 3, lease_expires_at: "" };
  const step = nextProgress(START, { kind: "saved", sentStroke: 3, stroke: 4, saved, at: 7 });
  expect([step.progress.state.phase, step.sendAfter]).toEqual(["dirty", 0]);
});

describe("a refused save", () => {
  it.each([
    [problem(0, "offline"), "offline"],
    [problem(503), "offline"],
    [problem(429), "offline"],
    [problem(401), "signed_out"],
    [problem(403, "another_account"), "signed_out"],
  ] as const)("is tried again after %j, later each time", (given, phase) => {
    let progress = START;
    for (let failures = 0; failures < 7; failures++) {
      const step = nextProgress(progress, refused(given));
      expect([step.progress.state.phase, step.sendAfter]).toEqual([phase, retryDelay(failures)]);
      progress = step.progress;
    }
  });

  it.each([
    [problem(409, "stale_draft"), "conflict"],
    [problem(410, "lease_lost"), "lost"],
  ] as const)("is not tried again after %j", (given, phase) => {
    const step = nextProgress(START, refused(given));
    expect([step.progress.state.phase, step.sendAfter]).toEqual([phase, null]);
  });

  it("goes on at once where the server's mask is one of ours", () => {
    const stale = problem(409, "stale_draft", { current_etag: "e9" });
    const step = nextProgress(during({ phase: "saving", sent: ["f"] }), refused(stale, true));
    expect(step.progress.state).toMatchObject({ phase: "dirty", etag: "e9", sent: ["f"] });
    expect(step.sendAfter).toBe(0);
  });
});

test("a success forgets the failures before it", () => {
  const saved = { etag: "e3", stroke: 3, lease_expires_at: "" };
  const tired = during({ phase: "offline" }, { failures: 4 });
  const step = nextProgress(tired, { kind: "saved", sentStroke: 3, stroke: 3, saved, at: 7 });
  expect(step.progress.failures).toBe(0);
});

test("a resolved conflict sends only what is not on the server", () => {
  const conflict = during({ phase: "conflict", problem: problem(409, "stale_draft") });
  const behind = nextProgress(conflict, { kind: "resolved", etag: "e5", stroke: 3 });
  expect(behind.progress.state).toMatchObject({ phase: "dirty", etag: "e5", problem: null });
  const even = nextProgress(conflict, { kind: "resolved", etag: "e5", stroke: 2 });
  expect(even.progress.state.phase).toBe("saved");
});

test("nothing that comes after the end of the case changes its state", () => {
  const gone = problem(410, "lease_lost");
  const over = nextProgress(START, { kind: "ended", problem: gone }).progress;
  expect(over.state).toMatchObject({ phase: "lost", problem: gone });
  for (const event of [
    { kind: "changed" },
    { kind: "broken" },
    { kind: "sent", fingerprint: "f" },
    refused(problem(409, "stale_draft", { current_etag: "e9" }), true),
    { kind: "disputed", problem: gone },
    { kind: "resolved", etag: "e9", stroke: 9 },
  ] as const)
    expect(nextProgress(over, event)).toEqual({ progress: over, sendAfter: null });
});
