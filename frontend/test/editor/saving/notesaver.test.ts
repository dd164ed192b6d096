import { IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Problem } from "../../../src/api/types";
import { saveWords } from "../../../src/editor/panels/header";
import { createNoteSaver } from "../../../src/editor/saving/notesaver";
import { eventually } from "../../eventually";
import { openBrowser, openServer, openTab } from "../room/world";

const OFFLINE: Problem = { status: 0, code: "offline", detail: "" };
const GONE: Problem = { status: 410, code: "lease_lost", detail: "" };

beforeEach(() => {
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => void vi.useRealTimers());

/** A server that answers each patch with the next of `answers`, then takes all. */
function openJotter(...answers: Problem[]) {
  const sent: object[] = [];
  const lastState: (Problem | null)[] = [];
  const patch = vi.fn((_: string, change: object) => {
    sent.push(change);
    const problem = answers.shift();
    const value = null;
    return Promise.resolve(
      problem ? ({ ok: false, problem } as const) : ({ ok: true, status: 200, value } as const),
    );
  });
  const onChange = (problem: Problem | null) => void lastState.push(problem);
  const noteSaver = createNoteSaver({ assignment: "a", client: { patch }, onChange }, null);
  return { noteSaver, sent, lastState };
}

describe("a note and a flag", () => {
  it("are sent again until the server has them, both together", async () => {
    const { noteSaver, sent, lastState } = openJotter(OFFLINE, OFFLINE);
    noteSaver.write({ note: "lead" });
    await vi.advanceTimersByTimeAsync(0);
    expect([noteSaver.unsent(), lastState.at(-1)]).toEqual([{ note: "lead" }, OFFLINE]);
    noteSaver.write({ flagged: true });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent.at(-1)).toEqual({ note: "lead", flagged: true });
    expect([noteSaver.unsent(), lastState.at(-1), sent.length]).toEqual([null, null, 3]);
  });

  it("are sent as they are last, though changed while they were on their way", async () => {
    const { noteSaver, sent } = openJotter();
    noteSaver.write({ note: "l" });
    noteSaver.write({ note: "lead" });
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual([{ note: "l" }, { note: "lead" }]);
    expect(noteSaver.unsent()).toBeNull();
  });

  it("are not sent again where the server refuses them for good, nor once the case is left", async () => {
    const { noteSaver, sent, lastState } = openJotter(GONE, OFFLINE);
    noteSaver.write({ note: "lead" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect([sent.length, lastState.at(-1)]).toEqual([1, GONE]);
    noteSaver.retry();
    await vi.advanceTimersByTimeAsync(0);
    noteSaver.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent.length).toBe(2);
  });
});

describe("a note made while the server is away", () => {
  it("is there after a reload, and is sent then", async () => {
    vi.useRealTimers();
    const [server, browser] = [openServer(["a"]), openBrowser()];
    const patch = vi.spyOn(server.client, "patch");
    patch.mockResolvedValue({ ok: false, problem: OFFLINE });
    const tab = await openTab(server, browser);
    tab.openCase().noteSaver.write({ note: "lead over the left base", flagged: true });
    await eventually(() => expect(tab.state().noteProblem).toEqual(OFFLINE));
    expect(saveWords(tab.state(), 0).text).toContain("note or flag kept here");
    tab.openCase().stop();
    patch.mockResolvedValue({ ok: true, status: 200, value: null });
    patch.mockClear();
    const next = await openTab(server, browser);
    expect(next.state()).toMatchObject({ note: "lead over the left base", isFlagged: true });
    const all = { note: "lead over the left base", flagged: true };
    await eventually(() => expect(patch).toHaveBeenCalledWith("a", all));
    await eventually(() => expect(next.openCase().noteSaver.unsent()).toBeNull());
    expect(next.state().noteProblem).toBeNull();
  });
});
