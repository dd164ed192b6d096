import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Basis, Problem, Reply, Saved } from "../../../src/api/types";
import type { SaveState } from "../../../src/editor/saving/saveprogress";
import { createSaver } from "../../../src/editor/saving/saver";
import { createMask, fingerprint, type Mask } from "../../../src/mask/bitmap";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const OFFLINE: Reply<Saved> = { ok: false, problem: { status: 0, code: "offline", detail: "" } };
const problem = (status: number, code: string, more: Partial<Problem> = {}): Reply<Saved> => ({
  ok: false,
  problem: { status, code, detail: code, ...more },
});
const saved = (etag: string, stroke: number): Reply<Saved> => ({
  ok: true,
  status: 200,
  value: { etag, stroke, lease_expires_at: "" },
});

function openSaver(answers: (Reply<Saved> | "ok")[], current: Mask | null = null, breaks = 0) {
  let broken = breaks;
  const puts: { etag: string | null; stroke: number }[] = [];
  const bases: Basis[] = [];
  const phases: string[] = [];
  const mask = createMask(8, 8);
  let stroke = 0;
  const saver = createSaver(
    {
      assignment: "a",
      label: "infection",
      client: {
        putDraft: (_a, _l, _b, etag, number, basis) => {
          puts.push({ etag, stroke: number });
          bases.push(basis);
          const answer = answers.shift() ?? "ok";
          return Promise.resolve(answer === "ok" ? saved(`e${number}`, number) : answer);
        },
        draft: () => {
          const basis = { candidate: null, threshold: null };
          const value = { bytes: new Uint8Array(0), etag: null, basis };
          return Promise.resolve({ ok: true, status: 200, value });
        },
      },
      encode: () =>
        broken-- > 0 ? Promise.reject(new Error("worker died")) : Promise.resolve(new Blob()),
      decode: () => Promise.resolve(current ?? createMask(8, 8)),
      mask,
      stroke: () => stroke,
      basis: () => ({ candidate: "c", threshold: stroke }),
      now: () => 5,
      onChange: (state: SaveState) => phases.push(state.phase),
    },
    { savedAt: null, savedStroke: 0, etag: null, sent: [] },
  );
  const draw = () => {
    mask.data[stroke] = 1;
    stroke += 1;
    saver.touch();
  };
  return { saver, draw, puts, bases, phases, mask };
}

describe("the saver", () => {
  it("sends the first save without an etag and the next with the last one, within two seconds", async () => {
    const { saver, draw, puts } = openSaver([]);
    draw();
    await vi.advanceTimersByTimeAsync(1900);
    draw();
    await vi.advanceTimersByTimeAsync(1900);
    expect(puts).toEqual([
      { etag: null, stroke: 1 },
      { etag: "e1", stroke: 2 },
    ]);
    expect(saver.state()).toMatchObject({ phase: "saved", savedStroke: 2, savedAt: 5 });
  });

  it("sends what the mask was made from with the very mask", async () => {
    const { draw, bases } = openSaver([]);
    draw();
    vi.advanceTimersByTime(400);
    draw(); // the threshold moved on while the mask was being packed
    await vi.advanceTimersByTimeAsync(2000);
    expect(bases).toEqual([
      { candidate: "c", threshold: 1 },
      { candidate: "c", threshold: 2 },
    ]);
  });

  it("does not wait for a pause while strokes keep coming", async () => {
    const { draw, puts } = openSaver([]);
    for (let i = 0; i < 10; i++) {
      draw();
      await vi.advanceTimersByTimeAsync(300);
    }
    expect(puts.length).toBeGreaterThan(1);
  });

  it("tries again until the server answers, and loses nothing meanwhile", async () => {
    const { saver, draw, puts, phases } = openSaver([OFFLINE, OFFLINE, problem(503, "down")]);
    draw();
    await vi.advanceTimersByTimeAsync(1000);
    expect(saver.state().phase).toBe("offline");
    draw();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(saver.state()).toMatchObject({ phase: "saved", savedStroke: 2 });
    expect(puts.length).toBe(4);
    expect(phases).toContain("offline");
  });

  it("goes on after the mask could not be packed, and loses nothing", async () => {
    const { saver, draw, puts } = openSaver([], null, 2);
    draw();
    await vi.advanceTimersByTimeAsync(1000);
    expect(saver.state().phase).toBe("offline");
    await vi.advanceTimersByTimeAsync(30_000);
    expect(puts).toEqual([{ etag: null, stroke: 1 }]);
    expect(saver.state()).toMatchObject({ phase: "saved", savedStroke: 1 });
  });

  it("stops at a conflict until the reader has decided", async () => {
    const stale = problem(409, "stale_draft", { current_etag: "theirs", current_url: "/x" });
    const { saver, draw, puts } = openSaver([stale]);
    draw();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(saver.state().phase).toBe("conflict");
    expect(await saver.flush()).toBe(false);
    expect(puts.length).toBe(1);
    saver.resolve("theirs");
    await vi.advanceTimersByTimeAsync(100);
    expect(puts[1]).toEqual({ etag: "theirs", stroke: 1 });
    expect(saver.state().phase).toBe("saved");
  });

  it("knows its own save when only the answer was lost", async () => {
    const stale = problem(409, "stale_draft", { current_etag: "mine", current_url: "/x" });
    const first = createMask(8, 8);
    first.data[0] = 1;
    const { saver, draw, puts, phases } = openSaver([OFFLINE, stale], first);
    draw();
    await vi.advanceTimersByTimeAsync(500);
    expect(saver.state().sent).toEqual([fingerprint(first)]);
    draw();
    await vi.advanceTimersByTimeAsync(5000);
    expect(puts.at(-1)).toEqual({ etag: "mine", stroke: 2 });
    expect(saver.state().phase).toBe("saved");
    expect(phases).not.toContain("conflict");
  });

  it.each([
    [401, "not_signed_in", "signed_out"],
    [410, "lease_lost", "lost"],
    [409, "already_submitted", "lost"],
    [422, "invalid_mask", "lost"],
  ])("says what a %i means", async (status, code, phase) => {
    const { saver, draw } = openSaver([problem(status, code)]);
    draw();
    await vi.advanceTimersByTimeAsync(500);
    expect(saver.state().phase).toBe(phase);
  });

  it("flushes what is not saved at once", async () => {
    const { saver, draw } = openSaver([]);
    draw();
    const flushed = saver.flush();
    await vi.advanceTimersByTimeAsync(0);
    expect(await flushed).toBe(true);
  });
});
