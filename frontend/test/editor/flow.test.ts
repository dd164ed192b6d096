import { IDBKeyRange } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { maskOf, openBrowser, openServer, openTab } from "./world";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

describe("a case saved for later", () => {
  const basis = { candidate: "c", threshold: 140 };

  async function putAside() {
    const server = openServer(["a"]);
    const browser = openBrowser();
    const tab = await openTab(server, browser);
    const mask = { ...tab.sitting().desk.mask, data: new Uint8Array(256).fill(1, 3, 9) };
    tab.sitting().desk.replace(mask, basis);
    tab.room.store.set({ activeSeconds: 41 });
    tab.sitting().noteTime();
    await tab.flow.saveForLater();
    return { server, tab };
  }

  it("comes back in the same tab with its base and its active time", async () => {
    const { tab, server } = await putAside();
    expect(tab.sitting().case.assignment).toBe("a");
    expect(tab.state().activeSeconds).toBe(41);
    await tab.flow.submit("accept");
    expect(server.submissions).toMatchObject([{ ...basis, active_seconds: 41 }]);
  });

  it("comes back on another machine with its base", async () => {
    const { server } = await putAside();
    const other = await openTab(server, openBrowser(), "elsewhere");
    expect(other.state().basis).toEqual(basis);
    other.draw(9, 9);
    await other.flow.submit("accept");
    expect(server.submissions).toMatchObject([basis]);
  });
});

describe("a verdict that cannot be sent", () => {
  it("unlocks the room and says so when the flush breaks", async () => {
    const server = openServer(["a"]);
    const tab = await openTab(server);
    tab.draw(2);
    let isBroken = true;
    tab.room.store.subscribe(({ save }, before) => {
      if (isBroken && save.phase !== before.save.phase) throw new Error("no screen");
    });
    await tab.flow.submit("accept");
    isBroken = false;
    expect(tab.state()).toMatchObject({ isBusy: false, phase: "reading" });
    expect(tab.state().notice).toContain("no screen");
    expect(tab.state().notice).toContain("Your mask is kept in this browser.");
    await tab.flow.submit("accept");
    expect(server.submissions.length).toBe(1);
  });

  it("unlocks the room when the sending itself breaks", async () => {
    const server = openServer(["a"]);
    const tab = await openTab(server);
    vi.spyOn(server.client, "submit").mockRejectedValueOnce(new Error("no room for the request"));
    await tab.flow.submit("no_infection");
    expect(tab.state()).toMatchObject({ isBusy: false, phase: "reading" });
    expect(tab.state().notice).toContain("no room for the request");
  });
});

describe("a journal that was closed by the browser", () => {
  it("stops no stroke: the server gets it, and the reader is told", async () => {
    const server = openServer(["a"]);
    const tab = await openTab(server);
    tab.db.close();
    tab.draw(2);
    await vi.waitFor(() => expect(tab.state().journalFailure).toContain("does not keep strokes"));
    expect(await tab.sitting().saver.flush()).toBe(true);
    expect(maskOf(server.drafts.get("a")).data).toEqual(tab.sitting().desk.mask.data);
  });
});

describe("a gesture under way", () => {
  it("is not sent: given up, it must not be in the mask that is accepted", async () => {
    const server = openServer(["a"]);
    const { sitting, draw, flow } = await openTab(server);
    draw(2);
    const { desk, saver } = sitting();
    desk.mask.data[200] = 1;
    desk.touch({ x0: 8, y0: 12, x1: 9, y1: 13 });
    expect(await saver.flush()).toBe(true);
    desk.cancel();
    await flow.submit("accept");
    expect(server.submissions.length).toBe(1);
    expect(maskOf(server.drafts.get("a")).data).toEqual(desk.mask.data);
    expect(desk.mask.data[200]).toBe(0);
  });
});
