/**
 * Lasso, polygon and copy: outlines in image points that change the mask only when they are closed.
 * A lasso is one drag. A polygon gets one corner for each click.
 */

import type { Mask } from "../../mask/bitmap";
import type { Point } from "../../mask/brush";
import { copyInk, type Ink, solidInk } from "../../mask/ink";
import { type OpenPolygon, sweepPolygon } from "../../mask/polygon";
import type { MaskDocument } from "./maskdocument";

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
  /** Whether the drawing is only a press and a release in one place. */
  readonly isClick?: boolean;
  readonly move: (to: Sample) => void;
  readonly end: () => void;
  readonly cancel: () => void;
  readonly outline: () => Outline | null;
};

function enclose({ mask, touch, commit }: MaskDocument, points: readonly Point[], ink: Ink): void {
  touch(sweepPolygon(mask, points, ink));
  commit();
}

function solid({ mask }: MaskDocument, takesAway: boolean): Ink {
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

export function startLasso(maskDocument: MaskDocument, from: Point, takesAway: boolean): Drawing {
  return drag(from, takesAway ? "remove" : "add", (points) =>
    enclose(maskDocument, points, solid(maskDocument, takesAway)),
  );
}

/** A lasso whose inside is copied from another mask. `onMissing`: that mask could not be loaded. */
export function startCopy(
  maskDocument: MaskDocument,
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
    if (theirs) enclose(maskDocument, points, copyInk(theirs, maskDocument.mask));
    else onMissing();
  });
}

export type Polygon = ReturnType<typeof createPolygon>;

/**
 * The open polygon of the mask document; each case has its own. `isNear`: whether two points are so
 * near on the screen that a click on one means the other.
 */
export function createPolygon(
  maskDocument: () => MaskDocument | undefined,
  isNear: (a: Point, b: Point) => boolean,
) {
  /** Where the pointer is, for the edge to come. */
  let next: Point | null = null;

  const open = () => maskDocument()?.polygon() ?? null;

  function drop(): void {
    next = null;
    if (open()) maskDocument()?.setPolygon(null);
  }

  /** Close the polygon. Returns false if none is open or it has too few corners. */
  function close(): boolean {
    const [here, done] = [maskDocument(), open()];
    if (!here || !done || done.corners.length < 3) return false;
    // Killed between the two, the journal still has the corners beside what they enclose.
    enclose(here, done.corners, solid(here, done.takesAway));
    drop();
    return true;
  }

  function add({ corners, takesAway }: OpenPolygon, corner: Point): void {
    const [first] = corners;
    if (first && corners.length >= 3 && isNear(first, corner)) close();
    else maskDocument()?.setPolygon({ corners: [...corners, corner], takesAway });
  }

  /** Take the last corner back. Returns false if there is none. */
  function stepBack(): boolean {
    const before = open();
    if (!before) return false;
    const corners = before.corners.slice(0, -1);
    if (corners.length > 0) maskDocument()?.setPolygon({ ...before, corners });
    else drop();
    return true;
  }

  return {
    /** Press for a corner: it is set where the pointer is released. */
    press: (at: Point, takesAway: boolean): Drawing => {
      next = at;
      return {
        isClick: true,
        move: (to) => {
          next = to;
        },
        end: () => {
          if (next) add(open() ?? { corners: [], takesAway }, next);
        },
        cancel: () => undefined,
        outline: () => null,
      };
    },
    hover: (at: Point) => {
      if (open()) next = at;
    },
    /** Another case is open. */
    forget: () => {
      next = null;
    },
    isOpen: () => open() !== null,
    close,
    stepBack,
    drop,
    outline: (): Outline | null => {
      const now = open();
      if (!now) return null;
      const { corners, takesAway } = now;
      const does = takesAway ? "remove" : "add";
      return { points: next ? [...corners, next] : corners, corners, does };
    },
  };
}
