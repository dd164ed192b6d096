/** What the room shows about saving: the mask, the note, the flag, and the decision before. */

import type { Problem } from "../../api/types";
import type { SaveState } from "./saveprogress";

export type SavingState = {
  readonly save: SaveState;
  /** The last stroke whose journal transaction completed. */
  readonly keptStroke: number;
  /** Why the note or the flag is not on the server. */
  readonly noteProblem: Problem | null;
  readonly journalFailure: string | null;
  readonly isFlagged: boolean;
  readonly note: string;
  readonly activeSeconds: number;
  /** The decision on the case before, until the server has it, and the problem that delays it. */
  readonly outgoing: { readonly problem: Problem | null } | null;
};

export const CLEAN_SAVE: SaveState = {
  phase: "saved",
  savedAt: null,
  savedStroke: 0,
  etag: null,
  sent: [],
  problem: null,
};

/** What a new case resets. The decision on the case before goes on. */
export const FRESH_SAVING = {
  isFlagged: false,
  note: "",
  activeSeconds: 0,
  save: CLEAN_SAVE,
  keptStroke: 0,
  noteProblem: null,
  journalFailure: null,
} as const;
