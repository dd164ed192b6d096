import { expect, test } from "vitest";
import type { Case, Findings } from "../../../src/api/types";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import {
  isLayerShown,
  layerUrl,
  NO_PICTURES,
  shownPictures,
  toggled,
} from "../../../src/editor/film/layers";
import { areaWords, percent, placeWords, restWords } from "../../../src/editor/panels/findings";

const open = {
  blind: false,
  candidates: [
    { name: "unet-resnet18", probability_url: "/unet" },
    { name: "ensemble", probability_url: "/ensemble" },
  ],
  layers: { lung_url: "/lung", disagreement_url: null, activation_url: "/look" },
} as unknown as Case;
const allOn = { infection: true, activation: true, lung: true, disagreement: true };
const stateOf = (change: Partial<RoomState>): RoomState => ({ ...INITIAL_STATE, ...change });
const map = { width: 1, height: 1, data: new Uint8Array(1) };

test("an open read has the ensemble's map and the layers that the server names", () => {
  expect(layerUrl(open, "infection")).toBe("/ensemble");
  expect(layerUrl(open, "lung")).toBe("/lung");
  expect(layerUrl(open, "disagreement")).toBeNull();
  expect(layerUrl(null, "infection")).toBeNull();
});

test("a blind read shows no layer, whatever was switched on before", () => {
  const state = stateOf({ current: { ...open, blind: true }, layers: allOn });
  const pictures = { infection: map, activation: map, lung: map, disagreement: map };
  expect(shownPictures(state, pictures)).toEqual({ ...NO_PICTURES, borders: [] });
});

test("a layer is shown once it is on, and not while everything is lifted off the film", () => {
  expect(isLayerShown(stateOf({ current: open }), "infection")).toBe(false);
  const state = stateOf({ current: open, layers: allOn });
  expect(isLayerShown(state, "infection")).toBe(true);
  expect(isLayerShown(state, "disagreement")).toBe(false);
  expect(isLayerShown({ ...state, isOnlyFilmShown: true }, "infection")).toBe(false);
  const pictures = { infection: map, activation: null, lung: null, disagreement: map };
  expect(shownPictures(state, pictures)).toEqual({ ...NO_PICTURES, infection: map, borders: [] });
});

test("infection map and activation map take turns on the film; the others stay as they are", () => {
  const none = { infection: false, activation: false, lung: true, disagreement: false };
  const first = toggled(none, "infection");
  expect(first).toEqual({ ...none, infection: true });
  expect(toggled(first, "activation")).toEqual({ ...none, activation: true });
  expect(toggled(toggled(first, "activation"), "activation")).toEqual(none);
  expect(toggled(first, "lung")).toEqual({ ...first, lung: false });
  expect(layerUrl(open, "activation")).toBe("/look");
});

test("shares and areas are said as people read them", () => {
  expect([null, 0, 0.001, 0.126, 1].map(percent)).toEqual(["–", "0 %", "<1 %", "13 %", "100 %"]);
  expect(areaWords({ pixels: 4210, area_mm2: null })).toBe("4,210 px");
  expect(areaWords({ pixels: 1, area_mm2: 64.4 })).toBe("64 mm²");
  expect(areaWords({ pixels: 1, area_mm2: 1230 })).toBe("12.3 cm²");
  expect(placeWords({ side: "right", zone: "lower" })).toBe("right lower");
  expect(placeWords({ side: "outside", zone: null })).toBe("outside the lungs");
  expect(placeWords({ side: null, zone: null })).toBe("place not known");
});

test("what is not listed is said", () => {
  const findings = {
    n_lesions: 8,
    n_smaller: 2,
    smallest_lesion_pixels: 90,
    smaller_pixels: 40,
    outside_pixels: 1200,
    both: { pixels: 5000 },
  } as unknown as Findings;
  expect(restWords(findings)).toEqual([
    "and 2 more",
    "2 under 90 px not listed (40 px)",
    "1,200 px lie outside the lungs",
  ]);
  const none = { ...findings, n_lesions: 1, n_smaller: 0, outside_pixels: 0 };
  expect(restWords(none)).toEqual([]);
});
