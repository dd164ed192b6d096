/** What the room shows of the mask and of the tools. The pixels are in the mask document, not here. */

import type { Candidate, Case } from "../../api/types";
import type { Overlap } from "../../mask/bitmap";
import type { Point } from "../../mask/brush";
import type { Film } from "../film/film";
import type { Prepared } from "../film/prepare";
import { type FilmState, FRESH_FILM, INITIAL_FILM } from "../film/state";
import type { Store } from "../page/store";
import type { MaskDocument } from "./maskdocument";
import { type Basis, NO_BASIS } from "./undo";

export type Tool =
  | "pan"
  | "window"
  | "brush"
  | "eraser"
  | "threshold"
  | "lasso"
  | "polygon"
  | "copy"
  | "ruler";

/** `difference`: what was added to a candidate and removed from it. Without a candidate it is `fill`. */
export type MaskLook = "fill" | "outline" | "hidden" | "difference";

/** The line that measures a distance, from one image point to another. */
export type Ruler = { readonly from: Point; readonly to: Point };

/** How a candidate and the reader's mask overlap. Only open reads have figures. */
export type Figure = Overlap;

export type DrawingState = FilmState & {
  /** The candidate that the reader picked last, until its mask has been loaded. */
  readonly picked: string | null;
  readonly tool: Tool;
  readonly radius: number;
  /** Whether the tools that add subtract instead. The eraser always subtracts. */
  readonly isSubtracting: boolean;
  /** How many corners the open polygon has. 0: no polygon is open. */
  readonly corners: number;
  /** Whether a tool is in use, from the press of a pointer or a key to its release. */
  readonly isDrawing: boolean;
  /** Whether a dialog waits until the reader has finished drawing. */
  readonly isQuestionDue: boolean;
  /** The keyboard's cross while it is shown, in image pixels, and whether it is pressed. */
  readonly cross: { readonly at: Point; readonly isDown: boolean } | null;
  readonly look: MaskLook;
  readonly opacity: number;
  /** One finger moves the film instead of drawing. Two fingers always zoom and move it. */
  readonly fingerPans: boolean;
  /** The pressure of a pen sets how much of the brush's radius it paints. */
  readonly usesPressure: boolean;
  readonly ruler: Ruler | null;
  /** The candidate whose outline is shown in passing. */
  readonly shownCandidate: string | null;
  /** The candidate whose regions are copied. Null is the first one. */
  readonly copyFrom: string | null;
  readonly basis: Basis;
  readonly threshold: number | null;
  readonly hasProbability: boolean;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** How many gestures changed the mask. */
  readonly stroke: number;
};

/** The case that is open, as the tools use it. */
export type DrawnCase = {
  readonly case: Case;
  readonly prepared: Prepared;
  readonly maskDocument: MaskDocument;
};

/** What the tools draw on: the shown state, the open case and its film. */
export type DrawingGround = {
  readonly store: Store<DrawingState>;
  readonly openCase: () => DrawnCase | null;
  readonly film: () => Film | null;
};

/** Whether the mask can be shown as the difference from a candidate. Only open reads have any. */
export const hasDifference = (current: Case | null): boolean =>
  current !== null && !current.blind && current.candidates.length > 0;

/** How the mask is shown now. The chosen look stays chosen over a case that has no difference. */
export const shownLook = ({ look, current }: DrawingState): MaskLook =>
  look === "difference" && !hasDifference(current) ? "fill" : look;

/** Whether the reader slides the threshold: the slider is not where the mask was committed. */
export const isSliding = ({ threshold, basis }: DrawingState): boolean =>
  basis.threshold !== null && threshold !== basis.threshold;

/** Whether a pointer draws, so that the film must not move. The cross may: it moves with the film. */
export const isFilmHeld = ({ isDrawing, cross }: DrawingState): boolean =>
  isDrawing && cross?.isDown !== true;

/** The tools that paint a disc along a path. */
export const BRUSHES: readonly Tool[] = ["brush", "eraser", "threshold"];
/** The tools that leave an open polygon open. Any other tool draws, so it ends the polygon. */
export const POLYGON_TOOLS: readonly Tool[] = ["polygon", "pan", "window", "ruler"];
/** The tools that do not draw. With them, the arrows move the film or set its window. */
const FILM_TOOLS: readonly Tool[] = ["pan", "window"];
/** Whether the cross is shown and a press would draw. */
export const isCrossShown = ({
  cross,
  tool,
  isRegionNext,
  isOnlyFilmShown,
  phase,
}: DrawingState): boolean =>
  cross !== null &&
  phase === "reading" &&
  !isOnlyFilmShown &&
  (isRegionNext || !FILM_TOOLS.includes(tool));
/** The tools that add, or subtract on request. */
export const SUBTRACTORS: readonly Tool[] = ["threshold", "lasso", "polygon"];

/** The candidate from which the copy tool takes regions. */
export function copySource({ current, copyFrom }: DrawingState): Candidate | null {
  const candidates = current?.candidates ?? [];
  return candidates.find(({ id }) => id === copyFrom) ?? candidates[0] ?? null;
}

/** The candidate to copy from after the tool is chosen. Choosing it again takes the next candidate. */
export function nextSource(state: DrawingState): Candidate | null {
  const now = copySource(state);
  if (state.tool !== "copy" || !now) return now;
  const candidates = state.current?.candidates ?? [];
  return candidates[(candidates.indexOf(now) + 1) % candidates.length] ?? null;
}

/** What a new case resets. Tools and looks stay as the reader set them. */
export const FRESH_DRAWING = {
  ...FRESH_FILM,
  picked: null,
  ruler: null,
  shownCandidate: null,
  copyFrom: null,
  corners: 0,
  basis: NO_BASIS,
  threshold: null,
  hasProbability: false,
  figures: {},
  canUndo: false,
  canRedo: false,
  stroke: 0,
} as const;

export const INITIAL_DRAWING: DrawingState = {
  ...INITIAL_FILM,
  ...FRESH_DRAWING,
  tool: "brush",
  radius: 20,
  isSubtracting: false,
  isDrawing: false,
  isQuestionDue: false,
  cross: null,
  look: "fill",
  opacity: 0.3,
  fingerPans: false,
  usesPressure: false,
};
