/** Draws the film: window and level looked up for what the screen shows, and kept until they change. */

import { clipRect, isEmptyRect, joinRects, type Rect } from "../../mask/bitmap";
import { clear, context, place } from "./canvas";
import { type Film, greyTable, type Level, levelFor, type Window } from "./film";
import type { Size, Viewport } from "./viewport";

const PIXELS_SHOW_FROM = 6;

export type FilmScene = {
  readonly image: Size | null;
  readonly film: Film | null;
  readonly preview: ImageBitmap | null;
  readonly view: Viewport;
  readonly window: Window;
  readonly isWindowing: boolean;
  readonly isInverted: boolean;
};

function fillLevel(
  ctx: CanvasRenderingContext2D,
  level: Level,
  rect: Rect,
  table: Uint32Array,
): void {
  const width = rect.x1 - rect.x0;
  const strip = Math.max(1, Math.floor(1_000_000 / width));
  for (let y0 = rect.y0; y0 < rect.y1; y0 += strip) {
    const height = Math.min(strip, rect.y1 - y0);
    const image = ctx.createImageData(width, height);
    const out = new Uint32Array(image.data.buffer);
    for (let row = 0; row < height; row++) {
      const from = (y0 + row) * level.width + rect.x0;
      const to = row * width;
      for (let x = 0; x < width; x++)
        out[to + x] = table[level.pixels[from + x] as number] as number;
    }
    ctx.putImageData(image, rect.x0, y0);
  }
}

/** The part of a level that the screen shows. */
function visible(level: Level, image: Size, view: Viewport): Rect {
  const scale = (view.zoom * image.width) / level.width;
  return clipRect(
    {
      x0: Math.floor(-view.x / scale) - 1,
      y0: Math.floor(-view.y / scale) - 1,
      x1: Math.ceil((view.screen.width - view.x) / scale) + 1,
      y1: Math.ceil((view.screen.height - view.y) / scale) + 1,
    },
    { x0: 0, y0: 0, x1: level.width, y1: level.height },
  );
}

function isInside(inner: Rect, outer: Rect): boolean {
  const joined = joinRects(inner, outer);
  return (
    joined.x0 === outer.x0 &&
    joined.y0 === outer.y0 &&
    joined.x1 === outer.x1 &&
    joined.y1 === outer.y1
  );
}

/** The windowed film on a canvas of its own, refilled only when window, level or need changes. */
function createFilmBuffer() {
  const canvas = document.createElement("canvas");
  const ctx = context(canvas);
  let key = "";
  let film: Film | null = null;
  let filled: Rect = { x0: 0, y0: 0, x1: 0, y1: 0 };
  let table: Uint32Array = new Uint32Array(0);
  let tableKey = "";

  return (scene: FilmScene & { film: Film; image: Size }): HTMLCanvasElement => {
    const { window, isInverted, isWindowing, view } = scene;
    const index = levelFor(scene.film, view.zoom * view.pixelRatio, isWindowing);
    const level = scene.film.levels[index] as Level;
    const nextTableKey = `${scene.film.bits}/${window.center}/${window.width}/${isInverted}`;
    if (tableKey !== nextTableKey) table = greyTable(scene.film.bits, window, isInverted);
    tableKey = nextTableKey;
    const nextKey = `${nextTableKey}/${index}`;
    const need = visible(level, scene.image, view);
    if (key === nextKey && film === scene.film && isInside(need, filled)) return canvas;
    if (canvas.width !== level.width || canvas.height !== level.height) {
      canvas.width = level.width;
      canvas.height = level.height;
    }
    filled = isWindowing ? need : { x0: 0, y0: 0, x1: level.width, y1: level.height };
    if (!isEmptyRect(filled)) fillLevel(ctx, level, filled, table);
    key = nextKey;
    film = scene.film;
    return canvas;
  };
}

export function createFilmDrawer(canvas: HTMLCanvasElement) {
  const ctx = context(canvas);
  const buffer = createFilmBuffer();
  return (scene: FilmScene): void => {
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    clear(ctx);
    const { image, film, preview, view } = scene;
    if (!image) return;
    const at = place(view);
    // At one film pixel a screen pixel smoothing only blurs, unless both grids lie on each other.
    const isActualSize = Math.abs(at.scale - 1) < 1e-6;
    ctx.imageSmoothingEnabled = view.zoom < PIXELS_SHOW_FROM && !isActualSize;
    ctx.imageSmoothingQuality = "medium";
    const source = film ? buffer({ ...scene, film, image }) : preview;
    if (source) ctx.drawImage(source, at.x, at.y, image.width * at.scale, image.height * at.scale);
  };
}
