/** A stroke of a brush: each move paints, the release commits. */

import { MAX_RADIUS, MIN_RADIUS, type Point, sweepCapsule } from "../../mask/brush";
import { brightInk, type Ink, solidInk } from "../../mask/ink";
import type { Film } from "../film/film";
import type { MaskDocument } from "./maskdocument";
import type { Drawing, Sample } from "./outlines";

/** How much darker than where the stroke began still counts, as a share of the window's width. */
const TOLERANCE = 1 / 20;
/** What the lightest touch of a pen leaves of the radius. */
const LIGHTEST = 0.2;

/** The radius that is set is the one of the full pressure. */
export function pressedRadius(radius: number, pressure: number): number {
  const share = Math.min(Math.max(pressure, 0), 1);
  return Math.max(MIN_RADIUS, radius * (LIGHTEST + (1 - LIGHTEST) * share));
}

type Radius = (sample: Sample) => number;

function startSweep(maskDocument: MaskDocument, from: Sample, radius: Radius, ink: Ink): Drawing {
  let last = { at: from, radius: radius(from) };
  const paint = (at: Sample) => {
    const next = { at, radius: radius(at) };
    maskDocument.touch(sweepCapsule(maskDocument.mask, last.at, at, last.radius, ink, next.radius));
    last = next;
  };
  paint(from);
  return {
    move: paint,
    end: maskDocument.commit,
    cancel: maskDocument.cancel,
    outline: () => null,
  };
}

export function startStroke(
  maskDocument: MaskDocument,
  from: Sample,
  radius: Radius,
  takesAway: boolean,
): Drawing {
  return startSweep(maskDocument, from, radius, solidInk(maskDocument.mask, takesAway ? 0 : 1));
}

/** The film's mean value in the 3 x 3 pixels around a point, or around the film's nearest one. */
export function valueAt(film: Film, point: Point): number {
  const level = film.levels[0];
  if (!level) return 0;
  const clamp = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);
  let sum = 0;
  for (const dy of [-1, 0, 1])
    for (const dx of [-1, 0, 1]) {
      const x = clamp(Math.floor(point.x) + dx, level.width);
      const y = clamp(Math.floor(point.y) + dy, level.height);
      sum += level.pixels[y * level.width + x] as number;
    }
  return sum / 9;
}

/** A stroke that takes only pixels about as bright as where it began, or brighter. */
export function startThreshold(
  maskDocument: MaskDocument,
  from: Sample,
  radius: Radius,
  takesAway: boolean,
  film: Film,
  windowWidth: number,
): Drawing | null {
  const [level] = film.levels;
  if (level?.width !== maskDocument.mask.width || level.height !== maskDocument.mask.height)
    return null;
  const floor = valueAt(film, from) - windowWidth * TOLERANCE;
  return startSweep(
    maskDocument,
    from,
    radius,
    brightInk(maskDocument.mask, level.pixels, floor, takesAway ? 0 : 1),
  );
}

const RADIUS_STEP = 1.2;

export function stepRadius(radius: number, steps: number): number {
  const next = radius * RADIUS_STEP ** steps;
  const least = steps > 0 ? radius + 1 : radius - 1;
  const wanted = steps > 0 ? Math.max(next, least) : Math.min(next, least);
  return Math.min(Math.max(Math.round(wanted), MIN_RADIUS), MAX_RADIUS);
}
