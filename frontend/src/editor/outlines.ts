/**
 * Lasso, polygon and copy: outlines in image points that change the mask only when they are closed.
 * A lasso is one drag; a polygon grows by a corner a click, over as many gestures as it takes.
 */

import type { Mask } from "../mask/bitmap";
import type { Point } from "../mask/brush";
import { copyInk, type Ink, solidInk } from "../mask/ink";
import { sweepPolygon } from "../mask/polygon";
import type { Desk } from "./desk";

export type Outline = {
  readonly points: readonly Point[];
  /** Which of the points to mark. */
  readonly corners: readonly Point[];
  /** "look" is no drawing: it marks a place. */
  readonly does: "add" | "remove" | "copy" | "look";
};

/** Where the pointer is on the film, and how hard a pen presses there: 0 to 1. */
export type Sample = Point & { readonly pressure?: number };

/** A gesture of a drawing tool, from the pointer's press to its release. */
export type Drawing = {
  /** Whether a press and a release at one place are all of it. */
  readonly isClick?: boolean;
  readonly move: (to: Sample) => void;
  readonly end: () => void;
  readonly cancel: () => void;
  readonly outline: () => Outline | null;
};

function enclose({ mask, touch, commit }: Desk, points: readonly Point[], ink: Ink): void {
  touch(sweepPolygon(mask, points, ink));
  commit();
}

function solid({ mask }: Desk, takesAway: boolean): Ink {
  return solidInk(mask, takesAway ? 0 : 1);
}

/** `end` is given the points when the outline is let go. */
function drag(
  from: Point,
  does: Outline["does"],
  end: (points: readonly Point[]) => void,
): Drawing {
  const points = [from];
  return {
    move: (to) => void points.push(to),
    end: () => end(points),
    cancel: () => undefined,
    outline: () => ({ points, corners: [], does }),
  };
}

export function startLasso(desk: Desk, from: Point, takesAway: boolean): Drawing {
  return drag(from, takesAway ? "remove" : "add", (points) =>
    enclose(desk, points, solid(desk, takesAway)),
  );
}

/** A lasso whose inside becomes what another mask has there; `onMissing`: it is not there yet. */
export function startCopy(
  desk: Desk,
  from: Point,
  source: Promise<Mask>,
  onMissing: () => void,
): Drawing {
  let theirs: Mask | null = null;
  source.then(
    (mask) => {
      theirs = mask;
    },
    () => undefined,
  );
  return drag(from, "copy", (points) => {
    if (theirs) enclose(desk, points, copyInk(theirs, desk.mask));
    else onMissing();
  });
}

export type Polygon = ReturnType<typeof createPolygon>;

type Open = {
  readonly desk: Desk;
  readonly corners: readonly Point[];
  readonly takesAway: boolean;
};

/**
 * `isNear`: whether two points are so near on the screen that a click on one means the other.
 * `onCorners` hears how many corners are set, 0 where no polygon is open.
 */
export function createPolygon(
  isNear: (a: Point, b: Point) => boolean,
  onCorners: (count: number) => void,
) {
  let open: Open | null = null;
  let next: Point | null = null;

  const become = (now: Open | null) => {
    open = now;
    if (!now) next = null;
    onCorners(now?.corners.length ?? 0);
  };
  const drop = () => open && become(null);

  /** Close it; false where there is none, or where it has too few corners to enclose anything. */
  const close = (): boolean => {
    const done = open;
    if (!done || done.corners.length < 3) return false;
    drop();
    enclose(done.desk, done.corners, solid(done.desk, done.takesAway));
    return true;
  };

  const add = (corner: Point) => {
    if (!open) return;
    const [first] = open.corners;
    if (first && open.corners.length >= 3 && isNear(first, corner)) close();
    else become({ ...open, corners: [...open.corners, corner] });
  };

  /** Take the last corner back; false where none is set. */
  const stepBack = (): boolean => {
    if (!open || open.corners.length === 0) return false;
    const corners = open.corners.slice(0, -1);
    become(corners.length > 0 ? { ...open, corners } : null);
    return true;
  };

  return {
    /** Press for a corner: it is set where the pointer is released. */
    press: (desk: Desk, at: Point, takesAway: boolean): Drawing => {
      if (open?.desk !== desk) open = { desk, corners: [], takesAway };
      next = at;
      return {
        isClick: true,
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
    stepBack,
    drop,
    outline: (): Outline | null => {
      if (!open) return null;
      const { corners, takesAway } = open;
      const does = takesAway ? "remove" : "add";
      return { points: next ? [...corners, next] : corners, corners, does };
    },
  };
}
