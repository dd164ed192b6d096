import { IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Problem } from "../../../src/api/types";
import { saveWords } from "../../../src/editor/panels/header";
import { createJotter } from "../../../src/editor/saving/notesaver";
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
  const heard: (Problem | null)[] = [];
  const patch = vi.fn((_: string, change: object) => {
    sent.push(change);
    const problem = answers.shift();
    const value = null;
    return Promise.resolve(
      problem ? ({ ok: false, problem } as const) : ({ ok: true, status: 200, value } as const),
    );
  });
  const onChange = (problem: Problem | null) => void heard.push(problem);
  const jotter = createJotter({ assignment: "a", client: { patch }, onChange }, null);
  return { jotter, sent, heard };
}

describe("a note and a flag", () => {
  it("are sent again until the server has them, both together", async () => {
    const { jotter, sent, heard } = openJotter(OFFLINE, OFFLINE);
    jotter.write({ note: "lead" });
    await vi.advanceTimersByTimeAsync(0);
    expect([jotter.unsent(), heard.at(-1)]).toEqual([{ note: "lead" }, OFFLINE]);
    jotter.write({ flagged: true });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent.at(-1)).toEqual({ note: "lead", flagged: true });
    expect([jotter.unsent(), heard.at(-1), sent.length]).toEqual([null, null, 3]);
  });

  it("are sent as they are last, though changed while they were on their way", async () => {
    const { jotter, sent } = openJotter();
    jotter.write({ note: "l" });
    jotter.write({ note: "lead" });
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual([{ note: "l" }, { note: "lead" }]);
    expect(jotter.unsent()).toBeNull();
  });

  it("are not sent again where the server refuses them for good, nor once the case is left", async () => {
    const { jotter, sent, heard } = openJotter(GONE, OFFLINE);
    jotter.write({ note: "lead" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect([sent.length, heard.at(-1)]).toEqual([1, GONE]);
    jotter.retry();
    await vi.advanceTimersByTimeAsync(0);
    jotter.stop();
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
    tab.sitting().jotter.write({ note: "lead over the left base", flagged: true });
    await vi.waitFor(() => expect(tab.state().jotProblem).toEqual(OFFLINE));
    expect(saveWords(tab.state(), 0).text).toContain("note or flag kept here");
    tab.sitting().stop();
    patch.mockResolvedValue({ ok: true, status: 200, value: null });
    patch.mockClear();
    const next = await openTab(server, browser);
    expect(next.state()).toMatchObject({ note: "lead over the left base", isFlagged: true });
    const all = { note: "lead over the left base", flagged: true };
    await vi.waitFor(() => expect(patch).toHaveBeenCalledWith("a", all));
    await vi.waitFor(() => expect(next.sitting().jotter.unsent()).toBeNull());
    expect(next.state().jotProblem).toBeNull();
  });
});
