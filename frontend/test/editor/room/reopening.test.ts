import { IDBKeyRange } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { LastCase } from "../../../src/api/types";
import { ACTIONS } from "../../../src/editor/actions/registry";
import { saveWords } from "../../../src/editor/panels/header";
import { caseWords, decidedWords } from "../../../src/editor/panels/lastcases";
import { eventually } from "../../eventually";
import { maskOf, openBrowser, openServer, openTab } from "./world";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

/** The reader submitted "a" and drew on "b". */
async function submitted() {
  const server = openServer(["a", "b"]);
  const browser = openBrowser();
  const tab = await openTab(server, browser);
  tab.draw(2);
  tab.room.store.set({ activeSeconds: 40 });
  await tab.flow.submit("accept");
  tab.draw(9);
  tab.room.store.set({ activeSeconds: 7 });
  return { server, browser, tab };
}

describe("a case that is opened again", () => {
  it("starts with the submitted mask, no history and a clock of its own", async () => {
    const { server, tab } = await submitted();
    const mask = maskOf(server.drafts.get("a")).data;
    await tab.flow.reopen("a");
    expect(tab.openCase().case.assignment).toBe("a");
    expect(tab.openCase().maskDocument.mask.data).toEqual(mask);
    expect(tab.state()).toMatchObject({ activeSeconds: 0, canUndo: false, stroke: 0 });
    expect(tab.state().notice).toContain("Your submission counts until you decide again");
    expect(saveWords(tab.state(), 0).text).toBe("as you submitted it");
  });

  it("is submitted anew under an id of its own, and reading goes on where it was", async () => {
    const { server, tab } = await submitted();
    const drawn = tab.openCase().maskDocument.mask.data.slice();
    await tab.flow.reopen("a");
    tab.draw(5);
    tab.room.store.set({ activeSeconds: 3 });
    await tab.flow.submit("accept");
    const [first, second] = server.submissions;
    expect([first?.assignment, second?.assignment]).toEqual(["a", "a"]);
    expect(second?.client_id).not.toBe(first?.client_id);
    expect([second?.active_seconds, second?.strokes]).toEqual([3, 1]);
    expect(tab.openCase().case.assignment).toBe("b");
    expect(tab.openCase().maskDocument.mask.data).toEqual(drawn);
    expect(tab.state()).toMatchObject({ activeSeconds: 7, canUndo: true });
  });

  it("is left as it was, and what was changed is on the server before", async () => {
    const { server, tab } = await submitted();
    await tab.flow.reopen("a");
    tab.draw(5);
    const changed = tab.openCase().maskDocument.mask.data.slice();
    const leave = vi.spyOn(server.client, "leaveAsItWas");
    await tab.flow.leaveAsItWas();
    expect(leave).toHaveBeenCalledWith("a");
    expect(maskOf(server.drafts.get("a")).data).toEqual(changed);
    expect(server.submissions.length).toBe(1);
    expect(tab.openCase().case.assignment).toBe("b");
  });

  it("stays, with the reason, where it cannot be opened", async () => {
    const { server, tab } = await submitted();
    const problem = { status: 409, code: "withdrawn", detail: "This image was withdrawn." };
    vi.spyOn(server.client, "reopen").mockResolvedValueOnce({ ok: false, problem });
    await tab.flow.reopen("a");
    expect(tab.openCase().case.assignment).toBe("b");
    expect(tab.state()).toMatchObject({ isBusy: false, notice: "This image was withdrawn." });
  });

  it("can be opened when nothing is left to read", async () => {
    const { tab } = await submitted();
    await tab.flow.submit("accept");
    expect(tab.state().phase).toBe("empty");
    await tab.flow.reopen("b");
    expect(tab.openCase().case.assignment).toBe("b");
    await tab.flow.leaveAsItWas();
    expect(tab.state().phase).toBe("empty");
  });

  it("goes on after a reload with the strokes that the server never had", async () => {
    const { server, browser, tab } = await submitted();
    await tab.flow.reopen("a");
    vi.spyOn(server.client, "putDraft").mockResolvedValue({
      ok: false,
      problem: { status: 0, code: "offline", detail: "" },
    });
    tab.draw(5);
    const drawn = tab.openCase().maskDocument.mask.data.slice();
    await eventually(() => expect(tab.state().keptStroke).toBe(1));
    const again = await openTab(server, browser);
    await again.flow.reopen("a");
    expect(again.openCase().maskDocument.mask.data).toEqual(drawn);
    expect(again.state().canUndo).toBe(true);
  });

  it("takes nothing from a journal that the submission left behind", async () => {
    const server = openServer(["a", "b"]);
    const browser = openBrowser();
    const before = await openTab(server, browser);
    const putDraft = vi.spyOn(server.client, "putDraft");
    putDraft.mockResolvedValue({ ok: false, problem: { status: 0, code: "offline", detail: "" } });
    before.draw(12); // never saved, so another tab's submission leaves it where it is
    await eventually(() => expect(before.state().keptStroke).toBe(1));
    putDraft.mockRestore();
    const other = await openTab(server, browser, "other");
    other.draw(2);
    await other.flow.submit("accept");
    const reloaded = await openTab(server, browser);
    await reloaded.flow.reopen("a");
    expect(reloaded.openCase().maskDocument.mask.data).toEqual(maskOf(server.drafts.get("a")).data);
    expect(reloaded.openCase().clientId).not.toBe(before.openCase().clientId);
  });
});

describe("saving for later and leaving", () => {
  it("take turns in the verdict bar", async () => {
    const { tab } = await submitted();
    const shown = () =>
      ACTIONS.filter((action) => ["later", "leave"].includes(action.id))
        .filter((action) => action.isShown?.(tab.state()) && action.isEnabled?.(tab.state()))
        .map((action) => action.id);
    expect(shown()).toEqual(["later"]);
    await tab.flow.reopen("a");
    expect(shown()).toEqual(["leave"]);
  });
});

describe("the list of the last cases", () => {
  const row = { case_key: "3fa2b1", day: 4, view: "PA", verdict: "picked" } as LastCase;

  it("names the case by what a blind reader may know", () => {
    expect(caseWords(row)).toBe("case 3fa2b1 · day 4 · PA");
    expect(caseWords({ ...row, day: null, view: "" })).toBe("case 3fa2b1");
  });

  it("says what the reader decided", () => {
    expect(decidedWords(row)).toBe("Picked");
    const excluded = { ...row, verdict: "excluded", exclusion_reason: "not_frontal" } as const;
    expect(decidedWords(excluded)).toBe("Excluded: not a frontal view");
  });
});
