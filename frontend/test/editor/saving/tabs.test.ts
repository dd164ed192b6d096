import { IDBKeyRange } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { readJournal } from "../../../src/editor/saving/journal";
import { connectOtherTabs } from "../../../src/editor/saving/tabs";
import { eventually } from "../../eventually";
import { maskOf, openBrowser, openServer, openTab } from "../room/world";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));
const everybody = () => Promise.resolve(true);

async function twoTabs() {
  const server = openServer(["a", "b"]);
  const browser = openBrowser();
  const first = await openTab(server, browser, "one");
  first.draw(2);
  await first.openCase().saver.flush();
  const second = await openTab(server, browser, "two");
  return { server, browser, first, second };
}

describe("a case that is submitted in one tab while another one has it", () => {
  it("leaves the other tab's unsaved strokes where they are, and says so there", async () => {
    const { server, browser, first, second } = await twoTabs();
    second.draw(9, 9);
    second.draw(12, 12);
    const drawn = second.openCase().maskDocument.mask.data.slice();
    await eventually(() => expect(second.state().keptStroke).toBe(3));
    await first.flow.submit("accept");
    expect(server.submissions.map(({ assignment }) => assignment)).toEqual(["a"]);
    expect(second.state().save.phase).toBe("lost");
    expect(second.state().save.problem?.detail).toBe(
      "In another tab, you submitted this case, without the last 2 strokes drawn here. " +
        "The mask stays in this browser for up to 30 days. " +
        "If the mask reached the server, a curator can get it back for 30 days.",
    );
    const db = await browser.db();
    expect((await readJournal(db, "a", "two", everybody))?.mask.data).toEqual(drawn);
    expect(await readJournal(db, "a", "one", everybody)).toBeNull();
    await eventually(() => expect(maskOf(server.refused[0]).data).toEqual(drawn));
    await second.flow.submit("accept"); // refused with the same words, not taken silently
    expect(server.submissions.length).toBe(1);
    expect(second.state().notice).toContain("without the last 2 strokes");
    await second.flow.skip();
    await eventually(() => expect(second.openCase().case.assignment).toBe("b"));
    expect((await readJournal(db, "a", "two", everybody))?.mask.data).toEqual(drawn);
  });

  it("says so where nothing is unsaved, too", async () => {
    const { first, second } = await twoTabs();
    await first.flow.submit("no_infection");
    expect(second.state().save).toMatchObject({ phase: "lost" });
    expect(second.state().save.problem?.detail).toBe(
      "In another tab, you submitted this case. What you draw here is not added to it.",
    );
  });

  it("does not disturb a tab that reads another case", async () => {
    const { first, second } = await twoTabs();
    await second.flow.submit("accept");
    expect(second.openCase().case.assignment).toBe("b");
    await first.flow.skip();
    second.draw(3);
    expect(await second.openCase().saver.flush()).toBe(true);
  });
});

describe("a case that is put back in one tab while another one has it", () => {
  it("is not called submitted there, and what was drawn stays", async () => {
    const { server, browser, first } = await twoTabs();
    await first.flow.submit("accept");
    await first.flow.reopen("a");
    const second = await openTab(server, browser, "three");
    await second.flow.reopen("a");
    second.draw(9);
    await first.flow.leaveAsItWas();
    expect(second.openCase().case.assignment).toBe("a");
    const { save } = second.state();
    expect(save).toMatchObject({ phase: "lost", problem: { code: "put_back" } });
    expect(save.problem?.detail).toBe(
      "In another tab, you left this case as it was, without the last stroke " +
        "drawn here. The mask stays in this browser for up to 30 days. " +
        "If the mask reached the server, a curator can get it back for 30 days.",
    );
  });

  it("can be gone on from, where the server says it on a verdict", async () => {
    const { server, first } = await twoTabs();
    await first.flow.submit("accept");
    await first.flow.reopen("a");
    const problem = { status: 409, code: "put_back", detail: "This case went back." };
    vi.spyOn(server.client, "submit").mockResolvedValueOnce({ ok: false, problem });
    await first.flow.submit("accept");
    expect(first.state().save.phase).toBe("lost");
    expect(first.state().notice).toBe("This case went back.");
  });
});

describe("tabs of one browser", () => {
  it("hear which case is over and how, and not themselves", async () => {
    const [first, second] = [connectOtherTabs(), connectOtherTabs()];
    const lastState: string[] = [];
    first.onEnd(({ assignment, ending }) => lastState.push(`first ${assignment} ${ending}`));
    second.onEnd(({ assignment, ending }) => lastState.push(`second ${assignment} ${ending}`));
    first.announceEnd({ assignment: "a", ending: "put_back" });
    await eventually(() => expect(lastState).toEqual(["second a put_back"]));
  });
});
