import { describe, expect, it } from "vitest";
import { buildFilm, type Window } from "../../../src/editor/film/film";
import { nextPreset, PRESETS, presetWindow, regionWindow } from "../../../src/editor/film/presets";

const SIDE = 100;

/** Each value as often as any other: the percentiles are known. */
function ramp(bits: 8 | 16, step: number) {
  const pixels = bits === 16 ? new Uint16Array(SIDE * SIDE) : new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < pixels.length; i++) pixels[i] = step * Math.floor(i / SIDE);
  return buildFilm({ width: SIDE, height: SIDE, bits, pixels });
}

const edges = ({ center, width }: Window) => [center - width / 2, center + width / 2];

describe("the window presets", () => {
  it.each([
    ["auto", 0, 98],
    ["lung", 0, 68.6],
    ["mediastinum", 49, 98],
    ["bone", 29.4, 98],
  ] as const)("%s is a part of the film's percentile window", (preset, from, to) => {
    for (const [bits, step] of [
      [8, 2],
      [16, 40],
    ] as const) {
      const [low = 0, high = 0] = edges(presetWindow(ramp(bits, step), preset));
      expect(low / step).toBeCloseTo(from, 6);
      expect(high / step).toBeCloseTo(to, 6);
    }
  });

  it.each([
    [8, 2, 255],
    [16, 1, 255],
    [16, 40, 4095],
    [16, 600, 65535],
  ] as const)("full is what the depth in use can hold (%d bits, %d)", (bits, step, top) => {
    expect(edges(presetWindow(ramp(bits, step), "full"))).toEqual([0, top]);
  });

  it("are not moved by a black border's edge or by letters burnt into the film", () => {
    const pixels = new Uint16Array(SIDE * SIDE).map((_, i) => 1000 + (i % 500));
    const plain = presetWindow(buildFilm({ width: SIDE, height: SIDE, bits: 16, pixels }), "auto");
    pixels.fill(65535, 0, 60);
    const lettered = buildFilm({ width: SIDE, height: SIDE, bits: 16, pixels });
    expect(presetWindow(lettered, "auto").width).toBeLessThan(plain.width + 5);
  });

  it("give a window even for a film of one value", () => {
    const pixels = new Uint8Array(SIDE * SIDE).fill(90);
    const flat = buildFilm({ width: SIDE, height: SIDE, bits: 8, pixels });
    for (const preset of PRESETS) expect(presetWindow(flat, preset).width).toBeGreaterThan(1);
  });

  it("follow one another and begin again", () => {
    expect(nextPreset(null)).toBe("auto");
    expect(PRESETS.map(nextPreset)).toEqual(["lung", "mediastinum", "bone", "full", "auto"]);
  });
});

describe("the window of a region", () => {
  it("spans the values in it, but for the strays", () => {
    const film = ramp(16, 10);
    const window = regionWindow(film, { x0: 5, y0: 20, x1: 95, y1: 60 });
    expect(window && edges(window)).toEqual([200, 590]);
  });

  it("counts only what lies on the film, and is nothing off it", () => {
    const film = ramp(16, 10);
    expect(regionWindow(film, { x0: -50, y0: -50, x1: 150, y1: 150 })).toEqual(
      regionWindow(film, { x0: 0, y0: 0, x1: SIDE, y1: SIDE }),
    );
    expect(regionWindow(film, { x0: 120, y0: 0, x1: 150, y1: 50 })).toBeNull();
  });
});
