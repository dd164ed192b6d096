/**
 * The saver: the whole mask to the server soon after each gesture, again and again until it is
 * there, never over somebody else's save. It says the truth about saving and holds no mask itself.
 */

import type { Client } from "../../api/client";
import type { Basis, Problem, Reply, Saved } from "../../api/types";
import { fingerprint, type Mask } from "../../mask/bitmap";

const PAUSE_MS = 400;
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000] as const;

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

export type SaverParts = {
  readonly assignment: string;
  readonly label: string;
  readonly client: Pick<Client, "putDraft" | "draft">;
  readonly encode: (mask: Mask) => Promise<Blob>;
  readonly decode: (bytes: Uint8Array<ArrayBuffer>) => Promise<Mask>;
  readonly mask: Mask;
  readonly stroke: () => number;
  /** What the mask was made from: it travels with the mask, for the next machine. */
  readonly basis: () => Basis;
  readonly onChange: (state: SaveState) => void;
  readonly now: () => number;
};

/** How long to wait after so many failures in a row, in milliseconds. */
export function retryDelay(failures: number): number {
  return RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] as number;
}

export type Saver = ReturnType<typeof createSaver>;

export function phaseOf(problem: Problem): SavePhase {
  if (problem.status === 401 || problem.code === "another_account") return "signed_out";
  if (problem.code === "stale_draft") return "conflict";
  const isForGood = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
  return isForGood ? "lost" : "offline";
}

export function createSaver(parts: SaverParts, start: Omit<SaveState, "phase" | "problem">) {
  let state: SaveState = { ...start, phase: "saved", problem: null };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | null = null;
  let failures = 0;
  let isStopped = false;
  let isOver = false;

  function set(change: Partial<SaveState>): void {
    state = { ...state, ...change };
    if (!isStopped) parts.onChange(state);
  }

  const isDirty = () => parts.stroke() > state.savedStroke;

  function schedule(delay: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => void send(), delay);
  }

  function succeeded(stroke: number, saved: Saved): void {
    failures = 0;
    const phase = parts.stroke() > stroke ? "dirty" : "saved";
    set({
      phase,
      etag: saved.etag,
      savedStroke: stroke,
      savedAt: parts.now(),
      sent: [],
      problem: null,
    });
    if (phase === "dirty") schedule(0);
  }

  /** A save whose answer was lost looks like a conflict with ourselves: the mask tells. */
  async function isOwnSave(problem: Problem): Promise<boolean> {
    if (!problem.current_url || state.sent.length === 0) return false;
    const current = await parts.client.draft(problem.current_url);
    return current.ok && state.sent.includes(fingerprint(await parts.decode(current.value.bytes)));
  }

  async function failed(problem: Problem): Promise<void> {
    if (problem.status === 409 && problem.current_etag && (await isOwnSave(problem))) {
      set({ etag: problem.current_etag, phase: "dirty" });
      schedule(0);
      return;
    }
    const phase = phaseOf(problem);
    set({ phase, problem });
    if (phase === "offline" || phase === "signed_out") tryLater();
  }

  function tryLater(): void {
    schedule(retryDelay(failures++));
  }

  /** The mask could not be packed or compared here: the journal has it, and it is tried again. */
  function broke(): void {
    if (isOver) return;
    set({ phase: "offline" });
    tryLater();
  }

  async function put(): Promise<Reply<Saved>> {
    const stroke = parts.stroke();
    const basis = parts.basis();
    const { etag } = state;
    const blob = await parts.encode(parts.mask);
    const { assignment, label, client } = parts;
    return client.putDraft(assignment, label, blob, etag, stroke, basis);
  }

  async function attempt(): Promise<void> {
    const stroke = parts.stroke();
    set({ phase: "saving", sent: [...state.sent.slice(-7), fingerprint(parts.mask)] });
    const reply = await put();
    if (isOver) return;
    if (reply.ok) succeeded(stroke, reply.value);
    else await failed(reply.problem);
  }

  function send(): Promise<void> {
    clearTimeout(timer);
    if (running) return running;
    if (isStopped || isOver || state.phase === "conflict" || state.phase === "lost" || !isDirty())
      return Promise.resolve();
    running = attempt()
      .catch(broke)
      .finally(() => {
        running = null;
      });
    return running;
  }

  return {
    state: () => state,
    isDirty,
    /** A gesture was done. */
    touch: () => {
      if (state.phase !== "saved") return; // a save is on its way already, and starts no later
      set({ phase: "dirty" });
      schedule(PAUSE_MS);
    },
    /** Save now what is not saved; resolves true when the server has everything. */
    flush: async (): Promise<boolean> => {
      for (let turn = 0; turn < 3 && isDirty(); turn++) {
        await running;
        await send();
        if (state.phase !== "dirty" && state.phase !== "saved") break;
      }
      return !isDirty() && state.phase === "saved";
    },
    retry: () => {
      if (state.phase === "offline" || state.phase === "signed_out") void send();
    },
    /** A decision met another drawing on the server: the reader must look at both. */
    dispute: (problem: Problem) => {
      if (!isOver) set({ phase: "conflict", problem });
    },
    /** The reader has decided a conflict: what we save next replaces the mask with this etag. */
    resolve: (etag: string) => {
      if (isOver) return;
      set({ etag, phase: isDirty() ? "dirty" : "saved", problem: null });
      schedule(0);
    },
    /** The case is over and nothing more is saved; the server keeps a refused mask all the same. */
    end: (problem: Problem) => {
      const isUnsent = isDirty() && !running && state.phase !== "conflict" && !isOver;
      isOver = true;
      clearTimeout(timer);
      set({ phase: "lost", problem });
      if (isUnsent) put().catch(() => undefined);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
