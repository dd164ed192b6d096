import { IDBKeyRange } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Problem } from "../../../src/api/types";
import type { Film } from "../../../src/editor/film/film";
import { saveWords } from "../../../src/editor/panels/header";
import { eventually } from "../../eventually";
import { codec, maskOf, openBrowser, openServer, openTab } from "./world";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

describe("a case saved for later", () => {
  const basis = { candidate: "c", threshold: 140 };

  async function putAside() {
    const server = openServer(["a"]);
    const browser = openBrowser();
    const tab = await openTab(server, browser);
    const mask = { ...tab.openCase().maskDocument.mask, data: new Uint8Array(256).fill(1, 3, 9) };
    tab.openCase().maskDocument.replace(mask, basis);
    tab.room.store.set({ activeSeconds: 41 });
    tab.openCase().recordTime();
    await tab.flow.saveForLater();
    return { server, tab };
  }

  it("comes back in the same tab with its base and its active time", async () => {
    const { tab, server } = await putAside();
    expect(tab.openCase().case.assignment).toBe("a");
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
    await eventually(() =>
      expect(tab.state().journalFailure).toContain("cannot keep your strokes"),
    );
    expect(await tab.openCase().saver.flush()).toBe(true);
    expect(maskOf(server.drafts.get("a")).data).toEqual(tab.openCase().maskDocument.mask.data);
  });
});

describe("a newer version of the room in another tab", () => {
  it("takes the journal away: the reader is told to reload, and the server gets the rest", async () => {
    const [server, browser] = [openServer(["a"]), openBrowser()];
    const tab = await openTab(server, browser);
    await new Promise((done) => {
      browser.factory.open("roundtruth", 99).onsuccess = done;
    });
    tab.draw(2);
    await eventually(() => expect(tab.state().journalFailure).toContain("A newer version"));
    expect(await tab.openCase().saver.flush()).toBe(true);
    expect(maskOf(server.drafts.get("a")).data).toEqual(tab.openCase().maskDocument.mask.data);
  });
});

describe("the next case", () => {
  const signedOut: Problem = { status: 401, code: "not_authenticated", detail: "" };

  it("is fetched ahead once the reader is signed in again", async () => {
    const server = openServer(["a", "b"]);
    const taken = server.client.next;
    let isIn = false;
    const next = vi.spyOn(server.client, "next").mockImplementation(async (isAhead, exclude) => {
      if (isAhead && !isIn) return { ok: false, problem: signedOut };
      return taken(isAhead, exclude);
    });
    const tab = await openTab(server);
    expect(next).toHaveBeenLastCalledWith(true, ["a"]);
    isIn = true;
    tab.flow.retry();
    await eventually(() => expect(next).toHaveBeenCalledTimes(3));
    next.mockClear();
    void tab.flow.submit("no_infection");
    expect(tab.state().outgoing).toEqual({ problem: null });
    await eventually(() => expect(tab.openCase().case.assignment).toBe("b"));
    await eventually(() => expect(server.submissions.length).toBe(1));
  });
});

describe("a gesture under way", () => {
  it("is not sent: given up, it must not be in the mask that is accepted", async () => {
    const server = openServer(["a"]);
    const { openCase, draw, flow } = await openTab(server);
    draw(2);
    const { maskDocument, saver } = openCase();
    maskDocument.mask.data[200] = 1;
    maskDocument.touch({ x0: 8, y0: 12, x1: 9, y1: 13 });
    expect(await saver.flush()).toBe(true);
    maskDocument.cancel();
    await flow.submit("accept");
    expect(server.submissions.length).toBe(1);
    expect(maskOf(server.drafts.get("a")).data).toEqual(maskDocument.mask.data);
    expect(maskDocument.mask.data[200]).toBe(0);
  });
});

describe("a decision with the next case at hand", () => {
  /** The first case drawn on, the second fetched, and the answer to the decision held back. */
  async function decide() {
    const server = openServer(["a", "b", "c"]);
    const tab = await openTab(server);
    tab.draw(2);
    tab.room.store.set({ note: "of a", activeSeconds: 7 });
    const taken = server.client.submit;
    let answer: (isTaken: boolean | Problem) => void = () => undefined;
    vi.spyOn(server.client, "submit").mockImplementation(
      (id, body) =>
        new Promise((done) => {
          answer = (outcome) =>
            done(outcome === true ? taken(id, body) : refusal(outcome as Problem));
        }),
    );
    const over = tab.flow.submit("accept");
    await eventually(() => expect(tab.openCase().case.assignment).toBe("b"));
    return { server, tab, over, answer: (outcome: boolean | Problem) => answer(outcome) };
  }
  const refusal = (problem: Problem) => ({ ok: false, problem }) as const;
  const leaseLost: Problem = { status: 410, code: "lease_lost", detail: "" };
  const offline: Problem = { status: 0, code: "offline", detail: "" };

  it("shows the next case at once and sends what belonged to the former one", async () => {
    const { server, tab, over, answer } = await decide();
    expect(tab.state().outgoing).toEqual({ problem: null });
    expect(saveWords(tab.state(), 0).text).toBe("sending the last case");
    tab.draw(9);
    await eventually(() => expect(server.client.submit).toHaveBeenCalled());
    answer(true);
    await over;
    expect(server.submissions).toMatchObject([
      { assignment: "a", note: "of a", active_seconds: 7, strokes: 1 },
    ]);
    expect(tab.state()).toMatchObject({ note: "", stroke: 1, outgoing: null });
    expect(await tab.openCase().saver.flush()).toBe(true);
    expect(maskOf(server.drafts.get("b")).data).toEqual(tab.openCase().maskDocument.mask.data);
  });

  it("brings the case back with the reason where it is refused, and keeps both drawings", async () => {
    const { server, tab, over, answer } = await decide();
    const lease = vi.spyOn(server.client, "next");
    tab.draw(9);
    const drawn = tab.openCase().maskDocument.mask.data.slice();
    await eventually(() => expect(server.client.submit).toHaveBeenCalled());
    answer(leaseLost);
    await over;
    expect(tab.openCase().case.assignment).toBe("a");
    expect(tab.state()).toMatchObject({ note: "of a", activeSeconds: 7, isBusy: false });
    expect(tab.state().notice).toContain("Your lease on this case has ended");
    expect(tab.state().save.phase).toBe("lost"); // so that the next case is offered
    expect(tab.openCase().maskDocument.canUndo()).toBe(true);
    await eventually(() => expect(maskOf(server.drafts.get("b")).data).toEqual(drawn));
    // The newer one is at hand again, with its drawing.
    await eventually(() => expect(lease).toHaveBeenLastCalledWith(true, ["a"]));
    await new Promise((done) => setTimeout(done));
    void tab.flow.skip(); // "Go to the next case"
    await eventually(() => expect(tab.openCase().case.assignment).toBe("b"));
    expect(tab.openCase().maskDocument.mask.data).toEqual(drawn);
  });

  it.each(["stroke", "lasso"])("lets a %s end before the refused case is back", async (drawn) => {
    const { server, tab, over, answer } = await decide();
    const { maskDocument } = tab.openCase();
    const paint = () => {
      maskDocument.mask.data[200] = 1;
      maskDocument.touch({ x0: 8, y0: 12, x1: 9, y1: 13 });
    };
    if (drawn === "stroke") paint();
    else tab.room.store.set({ isDrawing: true });
    await eventually(() => expect(server.client.submit).toHaveBeenCalled());
    answer(leaseLost);
    await eventually(() => expect(tab.state()).toMatchObject({ isBusy: true, outgoing: null }));
    expect(tab.openCase().case.assignment).toBe("b");
    if (drawn === "lasso") paint();
    maskDocument.commit();
    tab.room.store.set({ isDrawing: false });
    await over;
    expect(tab.openCase().case.assignment).toBe("a");
    await eventually(() => expect(maskOf(server.drafts.get("b")).data[200]).toBe(1));
  });

  it.each([{ corners: 2 }, { isDrawing: true }])(
    "does not take away a case on which %j",
    async (begun) => {
      const { server, tab, over, answer } = await decide();
      await eventually(() => expect(server.client.submit).toHaveBeenCalled());
      tab.room.store.set(begun);
      vi.spyOn(server.client, "next").mockResolvedValue({ ok: true, status: 204, value: null });
      answer(true);
      await over;
      expect(tab.openCase().case.assignment).toBe("b");
    },
  );

  it("fetches the next case anew where its film was lost on the way", async () => {
    const server = openServer(["a", "b"]);
    const film = vi.spyOn(codec, "film");
    film.mockResolvedValueOnce({} as Film).mockRejectedValueOnce(new Error("cut off"));
    const lease = vi.spyOn(server.client, "next");
    const tab = await openTab(server);
    await eventually(() => expect(film).toHaveBeenCalledTimes(2));
    const asked = lease.mock.calls.length;
    await new Promise((done) => setTimeout(done));
    tab.flow.retry();
    await eventually(() => expect(film).toHaveBeenCalledTimes(3));
    expect(lease.mock.calls.length).toBe(asked + 1);
    film.mockRestore();
  });

  it("waits for the network and is sent again, the same decision", async () => {
    const { server, tab, over, answer } = await decide();
    await eventually(() => expect(server.client.submit).toHaveBeenCalled());
    answer(offline);
    await eventually(() => expect(tab.state().outgoing?.problem).toEqual(offline));
    expect(saveWords(tab.state(), 0)).toMatchObject({ tone: "bad" });
    expect(saveWords(tab.state(), 0).text).toContain("last case not sent yet");
    await tab.flow.submit("no_infection"); // has to wait its turn, and says so
    expect(tab.state()).toMatchObject({ isBusy: false, phase: "reading" });
    expect(tab.state().notice).toContain(
      "Your last decision is kept here, but has not been sent yet",
    );
    expect(tab.openCase().case.assignment).toBe("b");
    tab.flow.retry();
    await eventually(() => expect(server.client.submit).toHaveBeenCalledTimes(2));
    const [first, second] = vi.mocked(server.client.submit).mock.calls;
    expect(second).toEqual(first);
    answer(true);
    await over;
    expect(server.submissions.length).toBe(1);
    expect(tab.openCase().case.assignment).toBe("b");
  });

  it("comes back where the server fails on it again and again", async () => {
    const { server, tab, over, answer } = await decide();
    for (let times = 1; times <= 5; times++) {
      await eventually(() => expect(server.client.submit).toHaveBeenCalledTimes(times));
      answer({ status: 500, code: "http_500", detail: "" });
      await eventually(() =>
        expect(times < 5 ? tab.state().outgoing?.problem?.status : 500).toBe(500),
      );
      await new Promise((done) => setTimeout(done));
      tab.flow.retry();
    }
    await over;
    expect(tab.openCase().case.assignment).toBe("a");
    expect(tab.state().notice).toContain("The server refused (500)");
  });

  it("is taken before the next one goes", async () => {
    const { server, tab, over, answer } = await decide();
    tab.draw(5);
    const next = tab.flow.submit("accept");
    expect(tab.state().isBusy).toBe(true);
    await eventually(() => expect(server.client.submit).toHaveBeenCalledTimes(1));
    answer(true);
    await over;
    await eventually(() => expect(server.client.submit).toHaveBeenCalledTimes(2));
    answer(true);
    await next;
    expect(server.submissions.map(({ assignment }) => assignment)).toEqual(["a", "b"]);
    await eventually(() => expect(tab.openCase().case.assignment).toBe("c"));
  });
});
