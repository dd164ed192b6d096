/**
 * The only drawer: film, layers, mask, a candidate looked at in passing, and the brush ring, each on
 * its own canvas, at most once a frame, and no more of it than has changed.
 */

import { clipRect, isEmptyRect, joinRects, type Mask, type Rect } from "../mask/bitmap";
import { INFECTION_COLOURS, paintMap, SPREAD_COLOURS } from "../mask/colour";
import { deviceRect, type OverlayStyle, type Placement, paintOverlay } from "../mask/outline";
import type { ByteMap } from "../mask/probability";
import { type Film, greyTable, type Level, levelFor, type Window } from "./film";
import type { LayerPictures } from "./layers";
import type { MaskLook } from "./state";
import { imageToScreen, type ScreenPoint, type Size, type Viewport } from "./viewport";

export type Canvases = {
  readonly film: HTMLCanvasElement;
  readonly heat: HTMLCanvasElement;
  readonly lung: HTMLCanvasElement;
  readonly mask: HTMLCanvasElement;
  readonly peek: HTMLCanvasElement;
  readonly cursor: HTMLCanvasElement;
};

export type Scene = {
  readonly image: Size | null;
  readonly film: Film | null;
  readonly preview: ImageBitmap | null;
  readonly view: Viewport;
  readonly window: Window;
  readonly isWindowing: boolean;
  readonly isInverted: boolean;
  readonly layers: LayerPictures;
  readonly mask: Mask | null;
  readonly look: MaskLook;
  readonly opacity: number;
  readonly peek: Mask | null;
  readonly ring: {
    readonly at: ScreenPoint;
    readonly radius: number;
    readonly erases: boolean;
  } | null;
};

export type Invalid = {
  readonly film?: boolean;
  readonly layers?: boolean;
  readonly mask?: Rect | "all";
  readonly peek?: boolean;
  readonly cursor?: boolean;
};

const MINE = [255, 176, 64] as const;
const THEIRS = [110, 190, 255] as const;
const LUNG = [110, 225, 170] as const;
const PIXELS_SHOW_FROM = 6;

export const abgr = (rgb: readonly [number, number, number], alpha: number): number =>
  ((Math.round(alpha * 255) << 24) | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0]) >>> 0;

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext("2d");
  if (!found) throw new Error("This browser cannot draw on a canvas.");
  return found;
}

function place(view: Viewport): Placement {
  const { zoom, x, y, pixelRatio } = view;
  return { scale: zoom * pixelRatio, x: x * pixelRatio, y: y * pixelRatio };
}

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

  return (scene: Scene & { film: Film; image: Size }): HTMLCanvasElement => {
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

function drawFilm(
  ctx: CanvasRenderingContext2D,
  scene: Scene,
  buffer: ReturnType<typeof createFilmBuffer>,
): void {
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
  const { image, film, preview, view } = scene;
  if (!image) return;
  const at = place(view);
  ctx.imageSmoothingEnabled = view.zoom < PIXELS_SHOW_FROM;
  ctx.imageSmoothingQuality = "medium";
  const source = film ? buffer({ ...scene, film, image }) : preview;
  if (source) ctx.drawImage(source, at.x, at.y, image.width * at.scale, image.height * at.scale);
}

/** A map in its colours on a canvas of its own, made again only for another map. */
function createHeatBuffer(table: Uint32Array) {
  const canvas = document.createElement("canvas");
  const ctx = context(canvas);
  let held: ByteMap | null = null;

  return (map: ByteMap): HTMLCanvasElement => {
    if (map === held) return canvas;
    canvas.width = map.width;
    canvas.height = map.height;
    const image = ctx.createImageData(map.width, map.height);
    paintMap(map, table, new Uint32Array(image.data.buffer));
    ctx.putImageData(image, 0, 0);
    held = map;
    return canvas;
  };
}

function createLayerDrawer(heat: CanvasRenderingContext2D, lung: CanvasRenderingContext2D) {
  const infection = createHeatBuffer(INFECTION_COLOURS);
  const disagreement = createHeatBuffer(SPREAD_COLOURS);
  return ({ image, layers, view }: Scene): void => {
    clear(heat);
    clear(lung);
    if (!image) return;
    const at = place(view);
    heat.imageSmoothingQuality = "high";
    const draw = (source: HTMLCanvasElement) =>
      heat.drawImage(source, at.x, at.y, image.width * at.scale, image.height * at.scale);
    if (layers.infection) draw(infection(layers.infection));
    if (layers.disagreement) draw(disagreement(layers.disagreement));
    if (layers.lung) drawOverlay(lung, layers.lung, view, "all", styleOf(LUNG, 0, view));
  };
}

function styleOf(
  rgb: readonly [number, number, number],
  fill: number,
  view: Viewport,
): OverlayStyle {
  const thickness = Math.max(1, Math.round(view.pixelRatio * 1.5));
  return { fill: abgr(rgb, fill), line: abgr(rgb, 1), thickness };
}

function drawOverlay(
  ctx: CanvasRenderingContext2D,
  mask: Mask,
  view: Viewport,
  rect: Rect | "all",
  style: OverlayStyle,
): void {
  const at = place(view);
  const whole = { x0: 0, y0: 0, x1: ctx.canvas.width, y1: ctx.canvas.height };
  const region = rect === "all" ? whole : clipRect(deviceRect(rect, at, style.thickness), whole);
  if (isEmptyRect(region)) return;
  const image = ctx.createImageData(region.x1 - region.x0, region.y1 - region.y0);
  paintOverlay(mask, at, region, style, new Uint32Array(image.data.buffer));
  ctx.putImageData(image, region.x0, region.y0);
}

function drawRing(ctx: CanvasRenderingContext2D, scene: Scene): void {
  const { ring, view } = scene;
  const ratio = view.pixelRatio;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, view.screen.width, view.screen.height);
  if (!ring) return;
  const radius = Math.max(ring.radius * view.zoom, 1.5);
  for (const [width, colour] of [
    [3, "rgba(0,0,0,.55)"],
    [1.5, ring.erases ? "#e6edf3" : "#ffb040"],
  ] as const) {
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.setLineDash(ring.erases ? [5, 4] : []);
    ctx.beginPath();
    ctx.arc(ring.at.x, ring.at.y, radius, 0, 2 * Math.PI);
    ctx.stroke();
  }
}

function clear(ctx: CanvasRenderingContext2D): void {
  ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
}

export function createRenderer(canvases: Canvases, scene: () => Scene) {
  const film = context(canvases.film);
  const drawLayers = createLayerDrawer(context(canvases.heat), context(canvases.lung));
  const mask = context(canvases.mask);
  const peek = context(canvases.peek);
  const cursor = context(canvases.cursor);
  const buffer = createFilmBuffer();
  let due: {
    film: boolean;
    layers: boolean;
    mask: Rect | "all" | null;
    peek: boolean;
    cursor: boolean;
  } | null = null;

  function drawMask(now: Scene, rect: Rect | "all"): void {
    if (!now.mask || now.look === "hidden") {
      clear(mask);
      return;
    }
    const fill = now.look === "fill" ? now.opacity : 0;
    drawOverlay(mask, now.mask, now.view, rect, styleOf(MINE, fill, now.view));
  }

  function draw(): void {
    const now = scene();
    const work = due;
    due = null;
    if (!work) return;
    if (work.film) drawFilm(film, now, buffer);
    if (work.layers) drawLayers(now);
    if (work.mask) drawMask(now, work.mask);
    if (work.peek) {
      clear(peek);
      if (now.peek) drawOverlay(peek, now.peek, now.view, "all", styleOf(THEIRS, 0, now.view));
    }
    if (work.cursor) drawRing(cursor, now);
  }

  function invalidate(what: Invalid): void {
    if (!due) requestAnimationFrame(draw);
    const before = due ?? { film: false, layers: false, mask: null, peek: false, cursor: false };
    const both = [before.mask, what.mask ?? null];
    const rects = both.filter((rect): rect is Rect => rect !== null && rect !== "all");
    due = {
      film: before.film || what.film === true,
      layers: before.layers || what.layers === true,
      mask: both.includes("all") ? "all" : rects.length ? rects.reduce(joinRects) : null,
      peek: before.peek || what.peek === true,
      cursor: before.cursor || what.cursor === true,
    };
  }

  return {
    invalidate,
    resize: (view: Viewport): void => {
      for (const canvas of Object.values(canvases)) {
        canvas.width = Math.round(view.screen.width * view.pixelRatio);
        canvas.height = Math.round(view.screen.height * view.pixelRatio);
      }
      invalidate({ film: true, layers: true, mask: "all", peek: true, cursor: true });
    },
  };
}

export type Renderer = ReturnType<typeof createRenderer>;

/** The colours of a table from its first to its last, as a legend one pixel high. */
export function drawColours(canvas: HTMLCanvasElement, table: Uint32Array): void {
  const ctx = context(canvas);
  const image = ctx.createImageData(table.length, 1);
  new Uint32Array(image.data.buffer).set(table);
  ctx.putImageData(image, 0, 0);
}

/** A small picture of the film with a mask's outline: cool for theirs, warm for mine. */
export function drawThumbnail(
  canvas: HTMLCanvasElement,
  preview: ImageBitmap | null,
  mask: Mask,
  whose: "mine" | "theirs",
): void {
  const ctx = context(canvas);
  const scale = Math.min(canvas.width / mask.width, canvas.height / mask.height);
  const x = (canvas.width - mask.width * scale) / 2;
  const y = (canvas.height - mask.height * scale) / 2;
  ctx.fillStyle = "#000";
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.imageSmoothingQuality = "high";
  if (preview) ctx.drawImage(preview, x, y, mask.width * scale, mask.height * scale);
  const layer = document.createElement("canvas");
  layer.width = canvas.width;
  layer.height = canvas.height;
  const image = ctx.createImageData(canvas.width, canvas.height);
  const rgb = whose === "mine" ? MINE : THEIRS;
  const style = { fill: abgr(rgb, 0.12), line: abgr(rgb, 1), thickness: 1 };
  const whole = { x0: 0, y0: 0, x1: canvas.width, y1: canvas.height };
  paintOverlay(mask, { scale, x, y }, whole, style, new Uint32Array(image.data.buffer));
  context(layer).putImageData(image, 0, 0);
  ctx.drawImage(layer, 0, 0);
}

/** Where an image point is in the page, for tests and tools. */
export function pagePoint(canvas: HTMLCanvasElement, view: Viewport, x: number, y: number) {
  const box = canvas.getBoundingClientRect();
  const at = imageToScreen(view, { x, y, space: "image" });
  return { x: box.left + at.x, y: box.top + at.y };
}
