/**
 * The renderer: film, layers, mask, a candidate looked at in passing, and the cursor, each on
 * its own canvas, drawn at most once a frame, and no more of it than has changed.
 */

import { joinRects, type Mask, type Rect } from "../../mask/bitmap";
import { createDifferenceDrawer } from "../compare/differencedrawer";
import {
  drawCross,
  drawOutline,
  drawRing,
  drawRuler,
  type Ring,
  startCursor,
} from "../drawing/cursor";
import type { Outline } from "../drawing/outlines";
import type { MaskLook, Ruler } from "../drawing/state";
import { clear, context } from "../film/canvas";
import { createFilmDrawer, type FilmScene } from "../film/draw";
import type { ShownLayers } from "../film/layers";
import { createLayerDrawer, drawMask, MINE, THEIRS } from "../film/overlays";
import type { ScreenPoint, Viewport } from "../film/viewport";

export type Canvases = {
  readonly film: HTMLCanvasElement;
  readonly heat: HTMLCanvasElement;
  readonly lung: HTMLCanvasElement;
  readonly mask: HTMLCanvasElement;
  readonly candidateMask: HTMLCanvasElement;
  readonly cursor: HTMLCanvasElement;
};

export type Scene = FilmScene & {
  readonly layers: ShownLayers;
  readonly mask: Mask | null;
  readonly look: MaskLook;
  readonly opacity: number;
  /** The mask that the difference is shown from. */
  readonly compared: Mask | null;
  readonly candidateMask: Mask | null;
  readonly ring: Ring | null;
  readonly outline: Outline | null;
  readonly cross: ScreenPoint | null;
  readonly ruler: Ruler | null;
};

export type Invalid = {
  readonly film?: boolean;
  readonly layers?: boolean;
  readonly mask?: Rect | "all";
  readonly candidateMask?: boolean;
  readonly cursor?: boolean;
};

export function createRenderer(canvases: Canvases, scene: () => Scene) {
  const drawFilm = createFilmDrawer(canvases.film);
  const drawLayers = createLayerDrawer(canvases.heat, canvases.lung);
  const mask = context(canvases.mask);
  const drawDifference = createDifferenceDrawer(mask);
  const candidateMask = context(canvases.candidateMask);
  const cursor = context(canvases.cursor);
  let due: {
    film: boolean;
    layers: boolean;
    mask: Rect | "all" | null;
    candidateMask: boolean;
    cursor: boolean;
  } | null = null;

  function drawMine(now: Scene, rect: Rect | "all"): void {
    if (!now.mask || now.look === "hidden") {
      clear(mask);
      return;
    }
    if (now.compared) {
      drawDifference(now.mask, now.compared, now.view, rect);
      return;
    }
    const fill = now.look === "outline" ? 0 : now.opacity;
    drawMask(mask, now.mask, now.view, rect, MINE, fill);
  }

  function draw(): void {
    const now = scene();
    const work = due;
    due = null;
    if (!work) return;
    if (work.film) drawFilm(now);
    if (work.layers) drawLayers(now.image, now.layers, now.view);
    if (work.mask) drawMine(now, work.mask);
    if (work.candidateMask) {
      clear(candidateMask);
      if (now.candidateMask) drawMask(candidateMask, now.candidateMask, now.view, "all", THEIRS, 0);
    }
    if (work.cursor) {
      startCursor(cursor, now.view);
      if (now.ring) drawRing(cursor, now.ring, now.view);
      if (now.ruler) drawRuler(cursor, now.ruler, now.view);
      if (now.outline) drawOutline(cursor, now.outline, now.view);
      if (now.cross) drawCross(cursor, now.cross);
    }
  }

  function invalidate(what: Invalid): void {
    if (!due) requestAnimationFrame(draw);
    const before = due ?? {
      film: false,
      layers: false,
      mask: null,
      candidateMask: false,
      cursor: false,
    };
    const both = [before.mask, what.mask ?? null];
    const rects = both.filter((rect): rect is Rect => rect !== null && rect !== "all");
    due = {
      film: before.film || what.film === true,
      layers: before.layers || what.layers === true,
      mask: both.includes("all") ? "all" : rects.length ? rects.reduce(joinRects) : null,
      candidateMask: before.candidateMask || what.candidateMask === true,
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
      invalidate({ film: true, layers: true, mask: "all", candidateMask: true, cursor: true });
    },
  };
}

export type Renderer = ReturnType<typeof createRenderer>;
