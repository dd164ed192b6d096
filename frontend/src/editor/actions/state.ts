/** What the room shows: one value, replaced on every change. Pixels live on the desk, not here. */

import type { Candidate, Case, ComparedFilm, Problem } from "../../api/types";
import type { Overlap } from "../../mask/bitmap";
import type { Point } from "../../mask/brush";
import type { Ruler } from "../drawing/ruler";
import { type Basis, NO_BASIS } from "../drawing/undo";
import type { Window } from "../film/film";
import { type Orientation, UPRIGHT } from "../film/orientation";
import type { Preset } from "../film/presets";
import { EMPTY_VIEWPORT, type Viewport } from "../film/viewport";
import type { SaveState } from "../saving/saver";

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
/** `difference`: what was added to a candidate and removed from it; where there is none, `fill`. */
export type MaskLook = "fill" | "outline" | "hidden" | "difference";
/** Whether the mask may be shown as what differs from a candidate: in open reads that have any. */
export const hasDifference = (current: Case | null): boolean =>
  current !== null && !current.blind && current.candidates.length > 0;
/** How the mask is shown: the look that the reader chose stays over a case that has no difference. */
export const shownLook = ({ look, current }: RoomState): MaskLook =>
  look === "difference" && !hasDifference(current) ? "fill" : look;
export type LayerName = "infection" | "activation" | "lung" | "disagreement";
export type Phase = "loading" | "reading" | "empty" | "failed";

/** Figures about one candidate and the mask on the desk; open reads only. */
export type Figure = Overlap;

/** The patient's other films, by day, and the one that hangs beside the case. */
export type Comparison = {
  readonly films: readonly ComparedFilm[];
  readonly chosen: number;
  readonly hasFilm: boolean;
  readonly problem: string;
};

export type RoomState = {
  readonly phase: Phase;
  readonly message: string;
  /** The candidate that was picked last while its mask is on its way. */
  readonly picked: string | null;
  readonly notice: string;
  readonly current: Case | null;
  /** The decision on the case before that the server has not taken yet, and what holds it up. */
  readonly outgoing: { readonly problem: Problem | null } | null;
  readonly isBusy: boolean;
  readonly hasFilm: boolean;
  readonly tool: Tool;
  readonly radius: number;
  /** Whether the tools that add take away; the eraser does without. */
  readonly isSubtracting: boolean;
  /** The corners that are set of the open polygon; 0 where none is open. */
  readonly corners: number;
  /** Whether a tool is at work, from the press of a pointer or the keys to its release. */
  readonly isDrawing: boolean;
  /** Whether a question waits for what is held to end. */
  readonly isQuestionDue: boolean;
  /** The keyboard's pointer while it is out, in image pixels, and whether it holds a gesture. */
  readonly cross: { readonly at: Point; readonly isDown: boolean } | null;
  readonly view: Viewport;
  /** How the film is turned on the screen; the mask and all that is saved never are. */
  readonly orientation: Orientation;
  readonly window: Window;
  /** The window preset that is on; null is the case's own window, or one set by hand. */
  readonly preset: Preset | null;
  readonly isWindowing: boolean;
  /** The next drag chooses the region that sets the window; then the tool is what it was. */
  readonly isRegionNext: boolean;
  readonly isInverted: boolean;
  readonly look: MaskLook;
  readonly opacity: number;
  /** One finger moves the film instead of drawing; two always zoom and move it. */
  readonly fingerPans: boolean;
  /** How hard a pen presses sets how much of the brush's radius it paints. */
  readonly usesPressure: boolean;
  /** Letters, digits and signs act only while the film has the focus. */
  readonly keysNeedFilm: boolean;
  readonly layers: Readonly<Record<LayerName, boolean>>;
  readonly ruler: Ruler | null;
  readonly isNaked: boolean;
  /** Whether the reader wants another film beside each case that has one. */
  readonly isComparing: boolean;
  /** Null until it is wanted and its list has come. */
  readonly comparison: Comparison | null;
  readonly peek: string | null;
  /** The candidate whose regions are copied; null is the first. */
  readonly copyFrom: string | null;
  readonly basis: Basis;
  readonly threshold: number | null;
  readonly hasProbability: boolean;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly isFlagged: boolean;
  readonly note: string;
  readonly activeSeconds: number;
  readonly save: SaveState;
  readonly stroke: number;
  /** The last stroke whose journal transaction completed. */
  readonly keptStroke: number;
  /** Why the note or the flag is not on the server. */
  readonly jotProblem: Problem | null;
  readonly journalFailure: string | null;
};

/** Whether the threshold is on its way: the slider stands elsewhere than the mask it was taken at. */
export const isSliding = ({ threshold, basis }: RoomState): boolean =>
  basis.threshold !== null && threshold !== basis.threshold;

/** Whether a pointer draws on the film: that must not move away under it. The cross goes with it. */
export const isFilmHeld = ({ isDrawing, cross }: RoomState): boolean =>
  isDrawing && cross?.isDown !== true;

/** Whether a case was submitted before: that stands until it is submitted anew. */
export const isReopened = (current: Case | null) => (current?.times_submitted ?? 0) > 0;

/** The tools that paint a disc along the way. */
export const BRUSHES: readonly Tool[] = ["brush", "eraser", "threshold"];
/** The tools under which an open polygon waits for its next corner: the others draw. */
export const POLYGON_KEEPERS: readonly Tool[] = ["polygon", "pan", "window", "ruler"];
/** The tools that are no pointer's: with the cross out, the arrows move or window the film. */
const PLACELESS: readonly Tool[] = ["pan", "window"];
/** Whether the cross is out and a press there would draw. */
export const isCrossShown = ({ cross, tool, isRegionNext, isNaked, phase }: RoomState): boolean =>
  cross !== null && phase === "reading" && !isNaked && (isRegionNext || !PLACELESS.includes(tool));
/** The tools that add, or subtract on request. */
export const SUBTRACTORS: readonly Tool[] = ["threshold", "lasso", "polygon"];

/** The candidate from which the copy tool takes regions. */
export function copySource({ current, copyFrom }: RoomState): Candidate | null {
  const candidates = current?.candidates ?? [];
  return candidates.find(({ id }) => id === copyFrom) ?? candidates[0] ?? null;
}

/** The next one, when the tool is chosen again. */
export function nextSource(state: RoomState): Candidate | null {
  const now = copySource(state);
  if (state.tool !== "copy" || !now) return now;
  const candidates = state.current?.candidates ?? [];
  return candidates[(candidates.indexOf(now) + 1) % candidates.length] ?? null;
}

export const CLEAN_SAVE: SaveState = {
  phase: "saved",
  savedAt: null,
  savedStroke: 0,
  etag: null,
  sent: [],
  problem: null,
};

/** What belongs to a case and starts afresh with each; tools and looks stay as the reader set them. */
export const FRESH_CASE = {
  picked: null,
  notice: "",
  isBusy: false,
  hasFilm: false,
  preset: null,
  orientation: UPRIGHT,
  isWindowing: false,
  isRegionNext: false,
  isInverted: false,
  ruler: null,
  isNaked: false,
  comparison: null,
  peek: null,
  copyFrom: null,
  corners: 0,
  basis: NO_BASIS,
  threshold: null,
  hasProbability: false,
  figures: {},
  canUndo: false,
  canRedo: false,
  isFlagged: false,
  note: "",
  activeSeconds: 0,
  save: CLEAN_SAVE,
  stroke: 0,
  keptStroke: 0,
  jotProblem: null,
  journalFailure: null,
} as const;

export const INITIAL_STATE: RoomState = {
  ...FRESH_CASE,
  phase: "loading",
  message: "",
  current: null,
  outgoing: null,
  tool: "brush",
  radius: 20,
  isSubtracting: false,
  isDrawing: false,
  isQuestionDue: false,
  cross: null,
  view: EMPTY_VIEWPORT,
  window: { center: 128, width: 256 },
  isComparing: false,
  look: "fill",
  opacity: 0.3,
  fingerPans: false,
  usesPressure: false,
  keysNeedFilm: false,
  layers: { infection: false, activation: false, lung: false, disagreement: false },
};
