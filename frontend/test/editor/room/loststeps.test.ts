import { IDBKeyRange } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { words } from "../../../src/words";
import { eventually } from "../../eventually";
import { makeFillable } from "../saving/fulldisk";
import { openBrowser, openServer, openTab } from "./world";

beforeEach(() => void vi.stubGlobal("IDBKeyRange", IDBKeyRange));

describe("steps that a full storage gave up", () => {
  const [server, browser] = [openServer(["a"]), openBrowser()];
  const reload = () => openTab(server, browser);

  it("are told of once, when the case comes back without them", async () => {
    const before = await reload();
    const refuse = makeFillable(before.db);
    refuse((holdsSteps) => holdsSteps);
    before.draw(2);
    await eventually(() => expect(before.state().keptStroke).toBe(1));
    expect(before.state()).toMatchObject({ notice: "", canUndo: true });

    const after = await reload();
    expect(after.state()).toMatchObject({ notice: words.notices.stepsLost, canUndo: false });
    expect(after.openCase().maskDocument.mask.data).toEqual(
      before.openCase().maskDocument.mask.data,
    );
    after.draw(9);
    await eventually(() => expect(after.state().keptStroke).toBe(2));
    expect(after.state()).toMatchObject({ notice: "", canUndo: true });

    expect((await reload()).state()).toMatchObject({ notice: "", canUndo: true });
  });
});
