/** What the room shows: one value, replaced on every change. Pixels live on the desk, not here. */

import type { Candidate, Case } from "../api/types";
import type { Window } from "./film";
import type { SaveState } from "./saver";
import { type Basis, NO_BASIS } from "./undo";
import { EMPTY_VIEWPORT, type Viewport } from "./viewport";

export type Tool =
  | "pan"
  | "window"
  | "brush"
  | "eraser"
  | "threshold"
  | "lasso"
  | "polygon"
  | "copy";
export type MaskLook = "fill" | "outline" | "hidden";
export type LayerName = "infection" | "activation" | "lung" | "disagreement";
export type Phase = "loading" | "reading" | "empty" | "failed";

/** Figures about one candidate and the mask on the desk; open reads only. */
export type Figure = { readonly changed: number; readonly dice: number };

export type RoomState = {
  readonly phase: Phase;
  readonly message: string;
  readonly notice: string;
  readonly current: Case | null;
  readonly isBusy: boolean;
  readonly hasFilm: boolean;
  readonly tool: Tool;
  readonly radius: number;
  /** Whether the tools that add take away; the eraser does without. */
  readonly isSubtracting: boolean;
  readonly view: Viewport;
  readonly window: Window;
  readonly isWindowing: boolean;
  readonly isInverted: boolean;
  readonly look: MaskLook;
  readonly opacity: number;
  readonly layers: Readonly<Record<LayerName, boolean>>;
  readonly isNaked: boolean;
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
  readonly journalFailure: string | null;
};

/** The tools that paint a disc along the way. */
export const BRUSHES: readonly Tool[] = ["brush", "eraser", "threshold"];
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
  notice: "",
  isBusy: false,
  hasFilm: false,
  isWindowing: false,
  isInverted: false,
  isNaked: false,
  peek: null,
  copyFrom: null,
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
  journalFailure: null,
} as const;

export const INITIAL_STATE: RoomState = {
  ...FRESH_CASE,
  phase: "loading",
  message: "",
  current: null,
  tool: "brush",
  radius: 20,
  isSubtracting: false,
  view: EMPTY_VIEWPORT,
  window: { center: 128, width: 256 },
  look: "fill",
  opacity: 0.3,
  layers: { infection: false, activation: false, lung: false, disagreement: false },
};
