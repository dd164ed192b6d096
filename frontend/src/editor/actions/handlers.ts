/** Everything a reader can do in the room, as the buttons, keys and pointers call it. */

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
  readonly setNaked: (isNaked: boolean) => void;
  readonly setPeek: (candidate: string | null) => void;
  readonly toggleCompare: () => void;
  /** Hang another of the patient's films beside the case; without one, the next in their order. */
  readonly compareWith: (film?: number) => void;
  readonly retryCompare: () => void;
  /** Cancel the gesture under way; where there is none, put the other film away. */
  readonly escape: () => void;
  /** Take the keyboard's cross out, or put it away. */
  readonly toggleCross: () => void;
  /** By image pixels, the way it is seen. */
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
