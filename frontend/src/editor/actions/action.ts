/** What an action is: its name, its keys, its place on the page, and what it does. */

import { words } from "../../words";
import type { ActionHandlers } from "./handlers";
import type { RoomState } from "./state";

export type Place =
  | "tool"
  | "view"
  | "film"
  | "cleanup"
  | "edit"
  | "case"
  | "verdict"
  | "candidate"
  | "header"
  | "help";

/** The actions that the catalogue of words names. */
export type ActionId = keyof typeof words.actions;

export type Action = {
  readonly id: string;
  /** The accessible name. Some names end with the key: people script against them. */
  readonly name: string;
  readonly label?: string;
  readonly keys: readonly string[];
  readonly place: Place;
  readonly icon?: string;
  /** Whether the action is repeated while its key is held. */
  readonly repeats?: boolean;
  readonly isOn?: (state: RoomState) => boolean;
  readonly isEnabled?: (state: RoomState) => boolean;
  /** Whether the button is shown. Two actions may share one place, one at a time. */
  readonly isShown?: (state: RoomState) => boolean;
  readonly perform: (handlers: ActionHandlers, state: RoomState) => void;
};

/** An action before it gets its name from the catalogue of words. Each id must have a name there. */
export type Unnamed = Omit<Action, "id" | "name" | "label"> & {
  readonly id: ActionId;
};

export const named = (action: Unnamed): Action => ({ ...words.actions[action.id], ...action });

/** Whether the mask may be changed now. */
export const isReading = (state: RoomState) => state.phase === "reading" && !state.isBusy;
