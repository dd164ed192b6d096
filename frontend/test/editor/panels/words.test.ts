import { describe, expect, it } from "vitest";
import type { Candidate, Case } from "../../../src/api/types";
import { ACTIONS } from "../../../src/editor/actions/registry";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import { shownLook } from "../../../src/editor/drawing/state";
import { clock, saveWords } from "../../../src/editor/panels/header";
import { brushWords } from "../../../src/editor/panels/hud";
import { candidateName, candidateWords } from "../../../src/editor/panels/sidebar";
import { CLEAN_SAVE } from "../../../src/editor/saving/state";

const withSave = (save: Partial<RoomState["save"]>, more: Partial<RoomState> = {}): RoomState => ({
  ...INITIAL_STATE,
  save: { ...CLEAN_SAVE, ...save },
  ...more,
});

const SUBMITTED = { status: 409, code: "already_submitted", detail: "" };

describe("the truth about saving", () => {
  it.each([
    [withSave({}), "nothing drawn yet"],
    [withSave({ savedAt: 9_000, savedStroke: 2 }), "saved 1 s ago"],
    [withSave({ savedAt: 10_000 - 47 * 3_600_000, savedStroke: 2 }), "saved 47 h ago"],
    [withSave({ savedAt: 10_000 - 49 * 3_600_000, savedStroke: 2 }), "saved 2 days ago"],
    [withSave({ phase: "dirty" }), "saving"],
    [
      withSave({ phase: "offline", savedStroke: 3 }, { keptStroke: 15 }),
      "offline, 12 strokes kept here",
    ],
    [
      withSave({ phase: "offline", savedStroke: 3 }, { keptStroke: 4 }),
      "offline, 1 stroke kept here",
    ],
    [
      withSave({ phase: "offline" }, { stroke: 2, journalFailure: "full" }),
      "offline, none of 2 strokes kept here",
    ],
    [
      withSave({ phase: "saving" }, { stroke: 7, keptStroke: 5, journalFailure: "full" }),
      "saving, 5 of 7 strokes kept here",
    ],
    [withSave({ phase: "conflict" }), "changed elsewhere"],
    [
      withSave({ phase: "lost", problem: SUBMITTED, savedStroke: 3 }, { keptStroke: 5 }),
      "not saved, 2 strokes kept here",
    ],
    [
      withSave({ phase: "lost", problem: SUBMITTED, savedStroke: 3 }, { keptStroke: 3 }),
      "submitted elsewhere",
    ],
    [withSave({ phase: "signed_out" }, { keptStroke: 1 }), "signed out, 1 stroke kept here"],
  ])("says it", (state, words) => {
    expect(saveWords(state, 10_000).text).toBe(words);
  });
});

describe("candidates", () => {
  const candidate: Candidate = {
    id: "c",
    letter: "B",
    mask_url: "",
    probability_url: null,
    threshold: null,
    name: null,
  };
  const figures = { c: { added: 212, removed: 0, dice: 0.8123 } };
  const state = (blind: boolean, picked: boolean): RoomState => ({
    ...INITIAL_STATE,
    current: { blind } as Case,
    basis: { candidate: picked ? "c" : null, threshold: null },
    figures,
  });

  it("have letters and no figures in a blind read, even if figures were known", () => {
    expect(candidateName(candidate)).toBe("Candidate B");
    expect(candidateWords(state(true, false), candidate)).toBe("");
    expect(candidateWords(state(true, true), candidate)).toBe("picked");
  });

  it("have names as people write them in an open read", () => {
    const names = ["unetplusplus-resnet18", "ensemble", "new-thing"];
    expect(names.map((name) => candidateName({ ...candidate, name }))).toEqual([
      "U-Net++ resnet18",
      "Ensemble mean",
      "new thing",
    ]);
  });

  it("have figures in an open read", () => {
    expect(candidateWords(state(false, false), candidate)).toBe("Dice with mine 0.81");
    expect(candidateWords(state(false, true), candidate)).toBe("picked, 212 px changed");
  });
});

describe("small words", () => {
  it("tell time and size", () => {
    expect([clock(0), clock(41.7), clock(605)]).toEqual(["0:00", "0:41", "10:05"]);
    expect([brushWords(20, null), brushWords(20, 0.45), brushWords(2, 0.2)]).toEqual([
      "40 px",
      "18 mm",
      "0.8 mm",
    ]);
  });
});

it("shows a mask as a difference only in an open read with candidates, and its button says so", () => {
  const isOn = ACTIONS.find(({ id }) => id === "outline")?.isOn;
  const look = (blind: boolean, candidates: readonly Candidate[]) => {
    const current = { blind, candidates } as Case;
    const state: RoomState = { ...INITIAL_STATE, look: "difference", current };
    return [shownLook(state), isOn?.(state)];
  };
  const [one] = [{ id: "a" } as Candidate];
  expect(look(false, [one])).toEqual(["difference", true]);
  expect(look(true, [one])).toEqual(["fill", false]);
  expect(look(false, [])).toEqual(["fill", false]); // drawn by hand: nothing to differ from
});
