import { describe, expect, it } from "vitest";
import { buildFilm, dragWindow, greyTable, levelFor } from "../../../src/editor/film/film";

const film = buildFilm({
  width: 2048,
  height: 1024,
  bits: 16,
  pixels: new Uint16Array(2048 * 1024).fill(700),
});

describe("the film", () => {
  it("halves by averaging down to a small level", () => {
    expect(film.levels.map(({ width }) => width)).toEqual([2048, 1024, 512]);
    expect(film.levels.every(({ pixels }) => pixels.every((value) => value === 700))).toBe(true);
  });

  it("draws from the finest level needed, and from a coarser one while dragging", () => {
    expect([levelFor(film, 1, false), levelFor(film, 4, false)]).toEqual([0, 0]);
    expect([levelFor(film, 0.4, false), levelFor(film, 0.4, true)]).toEqual([1, 2]);
    expect(levelFor(film, 0.01, true)).toBe(2);
  });

  it("windows 16-bit values and inverts them", () => {
    const window = { center: 1000, width: 500 };
    const grey = greyTable(16, window, false);
    expect([700, 750, 1000, 1250, 60000].map((value) => (grey[value] as number) & 255)).toEqual([
      0, 0, 128, 255, 255,
    ]);
    expect((greyTable(16, window, true)[60000] as number) & 255).toBe(0);
  });

  it("keeps the window sensible however far it is dragged", () => {
    expect(dragWindow({ center: 10, width: 10 }, -1e6, 1e6, 8)).toEqual({ center: 0, width: 2 });
  });
});
