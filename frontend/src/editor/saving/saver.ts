/**
 * The saver sends the whole mask to the server soon after each gesture, and again until the server
 * has it. It never overwrites a save from elsewhere. How it goes on is decided in saveprogress.ts.
 */

import type { Client } from "../../api/client";
import type { Basis, Problem, Reply, Saved } from "../../api/types";
import { fingerprint, type Mask } from "../../mask/bitmap";
import { nextProgress, type SaveEvent, type SaveState, startProgress } from "./saveprogress";

/** How often `flush` sends while the reader goes on drawing. */
const FLUSH_TRIES = 3;

export type SaverParts = {
  readonly assignment: string;
  readonly label: string;
  readonly client: Pick<Client, "putDraft" | "draft">;
  readonly encode: (mask: Mask) => Promise<Blob>;
  readonly decode: (bytes: Uint8Array<ArrayBuffer>) => Promise<Mask>;
  readonly mask: Mask;
  readonly stroke: () => number;
  /** What the mask was made from. It is saved with the mask, for the next machine. */
  readonly basis: () => Basis;
  readonly onChange: (state: SaveState) => void;
  readonly now: () => number;
};

export type Saver = ReturnType<typeof createSaver>;

async function putMask(parts: SaverParts, etag: string | null): Promise<Reply<Saved>> {
  const stroke = parts.stroke();
  const basis = parts.basis();
  const blob = await parts.encode(parts.mask);
  return parts.client.putDraft(parts.assignment, parts.label, blob, etag, stroke, basis);
}

/**
 * Whether the mask on the server is one that we sent. A save whose answer was lost looks like a
 * conflict with somebody else: only the fingerprints tell them apart.
 */
async function isOwnSave(
  parts: SaverParts,
  problem: Problem,
  sent: readonly string[],
): Promise<boolean> {
  if (problem.status !== 409 || !problem.current_etag || !problem.current_url) return false;
  if (sent.length === 0) return false;
  const current = await parts.client.draft(problem.current_url);
  return current.ok && sent.includes(fingerprint(await parts.decode(current.value.bytes)));
}

/** Send the mask once and return what came of it. */
async function attempt(parts: SaverParts, { etag, sent }: SaveState): Promise<SaveEvent> {
  const sentStroke = parts.stroke();
  const reply = await putMask(parts, etag);
  if (reply.ok)
    return {
      kind: "saved",
      sentStroke,
      stroke: parts.stroke(),
      saved: reply.value,
      at: parts.now(),
    };
  const { problem } = reply;
  return { kind: "refused", problem, isOwnSave: await isOwnSave(parts, problem, sent) };
}

export function createSaver(parts: SaverParts, start: Omit<SaveState, "phase" | "problem">) {
  let progress = startProgress(start);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | null = null;
  let isStopped = false;

  const isDirty = () => parts.stroke() > progress.state.savedStroke;
  const isHeld = () => ["conflict", "lost"].includes(progress.state.phase);

  function apply(event: SaveEvent): void {
    const before = progress;
    const step = nextProgress(before, event);
    progress = step.progress;
    if (!isStopped && progress !== before) parts.onChange(progress.state);
    if (step.sendAfter === null) return;
    clearTimeout(timer);
    timer = setTimeout(() => void send(), step.sendAfter);
  }

  async function sendNow(): Promise<void> {
    apply({ kind: "sent", fingerprint: fingerprint(parts.mask) });
    apply(await attempt(parts, progress.state));
  }

  function send(): Promise<void> {
    clearTimeout(timer);
    if (running) return running;
    if (isStopped || progress.isOver || isHeld() || !isDirty()) return Promise.resolve();
    running = sendNow()
      .catch(() => apply({ kind: "broken" }))
      .finally(() => {
        running = null;
      });
    return running;
  }

  return {
    state: () => progress.state,
    isDirty,
    /** Tell the saver that a gesture changed the mask. */
    touch: () => apply({ kind: "changed" }),
    /** Save now; resolves true when the server has everything. */
    flush: async (): Promise<boolean> => {
      for (let tries = 0; tries < FLUSH_TRIES && isDirty(); tries++) {
        await running;
        await send();
        if (!["dirty", "saved"].includes(progress.state.phase)) break;
      }
      return !isDirty() && progress.state.phase === "saved";
    },
    retry: () => {
      if (["offline", "signed_out"].includes(progress.state.phase)) void send();
    },
    dispute: (problem: Problem) => apply({ kind: "disputed", problem }),
    resolve: (etag: string) => apply({ kind: "resolved", etag, stroke: parts.stroke() }),
    /** The case has ended. An unsent mask is sent once more: the server keeps refused masks too. */
    end: (problem: Problem) => {
      const { state, isOver } = progress;
      const isUnsent = isDirty() && !running && state.phase !== "conflict" && !isOver;
      clearTimeout(timer);
      apply({ kind: "ended", problem });
      if (isUnsent) putMask(parts, state.etag).catch(() => undefined);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
