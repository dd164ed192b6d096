/**
 * Lasso and polygon: outlines in image points that change the mask only when they are closed. A
 * lasso is one drag; a polygon grows by a corner a click, over as many gestures as it takes.
 */

import type { Rect } from "../mask/bitmap";
import type { Point } from "../mask/brush";
import { solidInk } from "../mask/ink";
import { sweepPolygon } from "../mask/polygon";
import type { Desk } from "./desk";

export type Outline = {
  readonly points: readonly Point[];
  /** Which of the points to mark. */
  readonly corners: readonly Point[];
  readonly takesAway: boolean;
};

/** A gesture of a drawing tool, from the pointer's press to its release. */
export type Drawing = {
  readonly move: (to: Point) => void;
  readonly end: () => void;
  readonly cancel: () => void;
  readonly outline: () => Outline | null;
};

/** What closing an outline does to the mask; returns what to redraw. */
export type Enclose = (desk: Desk, points: readonly Point[]) => Rect;

export function enclosing(takesAway: boolean): Enclose {
  return ({ mask }, points) => sweepPolygon(mask, points, solidInk(mask, takesAway ? 0 : 1));
}

export function startLasso(
  desk: Desk,
  from: Point,
  takesAway: boolean,
  enclose = enclosing(takesAway),
): Drawing {
  const points = [from];
  return {
    move: (to) => void points.push(to),
    end: () => {
      desk.touch(enclose(desk, points));
      desk.commit();
    },
    cancel: () => undefined,
    outline: () => ({ points, corners: [], takesAway }),
  };
}

export type Polygon = ReturnType<typeof createPolygon>;

/** `isNear`: whether two points are so near on the screen that a click on one means the other. */
export function createPolygon(isNear: (a: Point, b: Point) => boolean) {
  let open: { desk: Desk; corners: readonly Point[]; takesAway: boolean } | null = null;
  let next: Point | null = null;

  const drop = () => {
    open = null;
    next = null;
  };

  /** Close it; false where there is none, or where it has too few corners to enclose anything. */
  const close = (): boolean => {
    const done = open;
    if (!done || done.corners.length < 3) return false;
    drop();
    done.desk.touch(enclosing(done.takesAway)(done.desk, done.corners));
    done.desk.commit();
    return true;
  };

  const add = (corner: Point) => {
    if (!open) return;
    const [first] = open.corners;
    if (first && open.corners.length >= 3 && isNear(first, corner)) close();
    else open = { ...open, corners: [...open.corners, corner] };
  };

  return {
    /** Press for a corner: it is set where the pointer is released. */
    press: (desk: Desk, at: Point, takesAway: boolean): Drawing => {
      if (open?.desk !== desk) open = { desk, corners: [], takesAway };
      next = at;
      return {
        move: (to) => {
          next = to;
        },
        end: () => {
          if (next) add(next);
        },
        cancel: () => {
          if (open?.corners.length === 0) drop();
        },
        outline: () => null,
      };
    },
    hover: (at: Point) => {
      if (open) next = at;
    },
    isOpen: () => open !== null,
    close,
    drop,
    outline: (): Outline | null => {
      if (!open) return null;
      const { corners, takesAway } = open;
      return { points: next ? [...corners, next] : corners, corners, takesAway };
    },
  };
}
