/** How saving the mask goes on after each event. Pure: the saver sends, waits and reports. */

import type { Problem, Saved } from "../../api/types";

const PAUSE_MS = 400;
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000] as const;
/** How many unanswered masks are remembered. */
const SENT_KEPT = 8;

export type SavePhase =
  | "saved"
  | "dirty"
  | "saving"
  | "offline"
  | "signed_out"
  | "conflict"
  | "lost";

export type SaveState = {
  readonly phase: SavePhase;
  readonly savedAt: number | null;
  readonly savedStroke: number;
  readonly etag: string | null;
  /** Fingerprints of what was sent since the last answer. */
  readonly sent: readonly string[];
  readonly problem: Problem | null;
};

export type SaveProgress = {
  readonly state: SaveState;
  /** How many attempts failed in a row. */
  readonly failures: number;
  /** Whether the case has ended. Then nothing more is saved. */
  readonly isOver: boolean;
};

export type SaveEvent =
  | { readonly kind: "changed" }
  | { readonly kind: "sent"; readonly fingerprint: string }
  /** The server has the mask of `sentStroke`; meanwhile the reader is at `stroke`. */
  | {
      readonly kind: "saved";
      readonly sentStroke: number;
      readonly stroke: number;
      readonly saved: Saved;
      readonly at: number;
    }
  /** `isOwnSave`: the server's newer mask is one that we sent and whose answer was lost. */
  | { readonly kind: "refused"; readonly problem: Problem; readonly isOwnSave: boolean }
  /** The mask could not be encoded or compared in this browser. */
  | { readonly kind: "broken" }
  /** A decision met another mask on the server. */
  | { readonly kind: "disputed"; readonly problem: Problem }
  /** The reader has chosen. The next save replaces the server's mask with this etag. */
  | { readonly kind: "resolved"; readonly etag: string; readonly stroke: number }
  | { readonly kind: "ended"; readonly problem: Problem };

export type SaveStep = {
  readonly progress: SaveProgress;
  /** In how many milliseconds to send. Null: leave the timer as it is. */
  readonly sendAfter: number | null;
};

/** How long to wait after this many failures in a row, in milliseconds. */
export function retryDelay(failures: number): number {
  return RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] as number;
}

export function phaseOf(problem: Problem): SavePhase {
  if (problem.status === 401 || problem.code === "another_account") return "signed_out";
  if (problem.code === "stale_draft") return "conflict";
  const isForGood = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
  return isForGood ? "lost" : "offline";
}

export function startProgress(start: Omit<SaveState, "phase" | "problem">): SaveProgress {
  return { state: { ...start, phase: "saved", problem: null }, failures: 0, isOver: false };
}

/** Return the progress with some of its shown state changed. */
function changed(
  progress: SaveProgress,
  change: Partial<SaveState>,
  sendAfter: number | null = null,
): SaveStep {
  return { progress: { ...progress, state: { ...progress.state, ...change } }, sendAfter };
}

function retried(progress: SaveProgress, change: Partial<SaveState>): SaveStep {
  const { failures } = progress;
  return changed({ ...progress, failures: failures + 1 }, change, retryDelay(failures));
}

function afterSaved(
  progress: SaveProgress,
  { sentStroke, stroke, saved, at }: SaveEvent & { kind: "saved" },
): SaveStep {
  const isBehind = stroke > sentStroke;
  const phase = isBehind ? "dirty" : "saved";
  const known = { etag: saved.etag, savedStroke: sentStroke, savedAt: at };
  const change = { ...known, phase, sent: [], problem: null } as const;
  return changed({ ...progress, failures: 0 }, change, isBehind ? 0 : null);
}

function afterRefusal(progress: SaveProgress, problem: Problem, isOwnSave: boolean): SaveStep {
  if (isOwnSave && problem.current_etag)
    return changed(progress, { etag: problem.current_etag, phase: "dirty" }, 0);
  const phase = phaseOf(problem);
  const mayPass = phase === "offline" || phase === "signed_out";
  return (mayPass ? retried : changed)(progress, { phase, problem });
}

/** Return the progress after an event, and when to send next. A case that ended stays as it is. */
export function nextProgress(progress: SaveProgress, event: SaveEvent): SaveStep {
  const { state, isOver } = progress;
  if (event.kind === "ended")
    return changed({ ...progress, isOver: true }, { phase: "lost", problem: event.problem });
  if (isOver) return { progress, sendAfter: null };
  switch (event.kind) {
    case "changed":
      // In any other phase a save is due already, and must not start later because of this.
      return state.phase === "saved"
        ? changed(progress, { phase: "dirty" }, PAUSE_MS)
        : { progress, sendAfter: null };
    case "sent": {
      const sent = [...state.sent, event.fingerprint].slice(-SENT_KEPT);
      return changed(progress, { phase: "saving", sent });
    }
    case "saved":
      return afterSaved(progress, event);
    case "refused":
      return afterRefusal(progress, event.problem, event.isOwnSave);
    case "broken":
      return retried(progress, { phase: "offline" });
    case "disputed":
      return changed(progress, { phase: "conflict", problem: event.problem });
    case "resolved": {
      const phase = event.stroke > state.savedStroke ? "dirty" : "saved";
      return changed(progress, { etag: event.etag, phase, problem: null }, 0);
    }
  }
}
