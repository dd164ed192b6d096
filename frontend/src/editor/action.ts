/** What a verb of the room is: its name, its keys, its place, and what it does. */

import type { RoomState } from "./state";
import type { Verbs } from "./verbs";

export type Place =
  | "tool"
  | "view"
  | "cleanup"
  | "edit"
  | "case"
  | "verdict"
  | "candidate"
  | "help";

export type Action = {
  readonly id: string;
  /** The accessible name; it ends with the key where the surface promises that. */
  readonly name: string;
  readonly label?: string;
  readonly keys: readonly string[];
  readonly place: Place;
  readonly icon?: string;
  readonly isOn?: (state: RoomState) => boolean;
  readonly isEnabled?: (state: RoomState) => boolean;
  readonly perform: (verbs: Verbs, state: RoomState) => void;
};

/** Whether the mask may be changed now. */
export const isReading = (state: RoomState) => state.phase === "reading" && !state.isBusy;
