/** What each action of the reader does: the functions that buttons, keys and pointers call. */

import type { CleanUp } from "../drawing/cleanup";
import type { Tool } from "../drawing/state";
import type { Window } from "../film/film";
import type { Preset } from "../film/presets";
import type { LayerName } from "../film/state";
import type { Viewport } from "../film/viewport";
import type { Preferences } from "./state";

export type ActionHandlers = {
  readonly chooseTool: (tool: Tool) => void;
  readonly copyFrom: (candidate: string) => void;
  readonly toggleSubtract: () => void;
  readonly setRadius: (radius: number) => void;
  readonly setView: (view: Viewport) => void;
  readonly fit: () => void;
  readonly actualSize: () => void;
  readonly rotate: () => void;
  readonly flip: () => void;
  readonly setWindow: (window: Window, isDragging: boolean) => void;
  readonly setPreset: (preset: Preset) => void;
  readonly chooseRegion: () => void;
  readonly resetWindow: () => void;
  readonly toggleInvert: () => void;
  readonly cycleLook: () => void;
  readonly toggleDifference: () => void;
  readonly toggleLayer: (layer: LayerName) => void;
  readonly setOpacity: (opacity: number) => void;
  readonly prefer: (change: Partial<Preferences>) => void;
  readonly setOnlyFilmShown: (isOnlyFilmShown: boolean) => void;
  readonly showCandidate: (candidate: string | null) => void;
  readonly toggleCompare: () => void;
  /** Show this film of the patient beside the case. Without a number: the next film. */
  readonly compareWith: (film?: number) => void;
  readonly retryCompare: () => void;
  /** Cancel the gesture under way. If there is none, close the other film. */
  readonly escape: () => void;
  /** Show the keyboard's cross, or hide it. */
  readonly toggleCross: () => void;
  /** Move by image pixels, in the directions that the reader sees. */
  readonly moveCross: (right: number, down: number) => void;
  readonly pressCross: () => void;
  readonly cleanUp: (kind: CleanUp) => void;
  readonly clipToLung: () => void;
  readonly undo: () => void;
  readonly redo: () => void;
  readonly pick: (index: number) => void;
  readonly slideThreshold: (t8: number) => void;
  readonly settleThreshold: () => void;
  readonly askExclusion: () => void;
  readonly toggleFlag: () => void;
  readonly editNote: () => void;
  readonly noInfection: () => void;
  readonly saveForLater: () => void;
  readonly accept: () => void;
  readonly leaveAsItWas: () => void;
  readonly showLastCases: () => void;
  readonly showGuideline: () => void;
  readonly showShortcuts: () => void;
  readonly retry: () => void;
  readonly signIn: () => void;
  readonly skip: () => void;
};
