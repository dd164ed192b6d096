/** From case to case: lease, prefetch, submit, and the next one in the same movement. */

import type { Client } from "../api/client";
import type { Decision, ExclusionReason, Problem, ReadingConfig } from "../api/types";
import type { Codec } from "./codec";
import { type Prepared, prepareCase } from "./prepare";
import type { Room } from "./room";
import type { Sitting } from "./sitting";

const RETRY_NOTICE = "Your mask is kept in this browser. Try again in a moment.";

export type Flow = ReturnType<typeof createFlow>;

export function sayProblem(problem: Problem): string {
  if (problem.code === "broken") return problem.detail;
  if (problem.status === 0) return `The server does not answer. ${RETRY_NOTICE}`;
  if (problem.status === 401) return "You are signed out. Sign in again, then go on here.";
  if (problem.status === 410)
    return "Your lease on this case has ended and someone else may read it. Your mask is kept in this browser.";
  return problem.detail || `The server refused (${problem.status}). ${RETRY_NOTICE}`;
}

export function createFlow(parts: {
  readonly config: ReadingConfig;
  readonly client: Client;
  readonly codec: Codec;
  readonly room: Room;
}) {
  const { client, codec, room } = parts;
  const { store } = room;
  let ahead: Prepared | null = null;

  function fail(problem: Problem): void {
    store.set({
      phase: "failed",
      current: null,
      message: sayProblem(problem),
      save: { ...store.get().save, problem },
    });
  }

  async function prefetch(): Promise<void> {
    const now = room.sitting();
    if (!now || ahead) return;
    const reply = await client.next(true, [now.case.assignment]);
    if (!reply.ok || !reply.value || reply.value.assignment === now.case.assignment) return;
    ahead = prepareCase(client, codec, reply.value);
  }

  async function show(prepared: Prepared): Promise<void> {
    try {
      await room.open(prepared);
    } catch (error) {
      store.set({ phase: "failed", current: null, message: (error as Error).message });
      return;
    }
    await prepared.film.catch(() => undefined);
    if (room.sitting()?.case.assignment === prepared.case.assignment) await prefetch();
  }

  /** Ask the server which case is ours now; a prefetched lease may have lapsed meanwhile. */
  async function confirm(shown: Prepared): Promise<void> {
    const reply = await client.next(false, []);
    if (!reply.ok) return;
    const now = room.sitting();
    const isUntouched = now?.case.assignment === shown.case.assignment && !now.desk.canUndo();
    if (!isUntouched || reply.value?.assignment === shown.case.assignment) return;
    await room.close(false);
    if (reply.value) await show(prepareCase(client, codec, reply.value));
    else store.set({ phase: "empty", current: null });
  }

  async function advance(): Promise<void> {
    const ready = ahead;
    ahead = null;
    if (ready) {
      void show(ready);
      await confirm(ready);
      return;
    }
    store.set({ phase: "loading", current: null });
    const reply = await client.next(false, []);
    if (!reply.ok) fail(reply.problem);
    else if (reply.value === null) store.set({ phase: "empty", current: null });
    else await show(prepareCase(client, codec, reply.value));
  }

  /** What came of one write, with everything drawn saved before it; an exception is a refusal too. */
  async function outcome(
    now: Sitting,
    work: (now: Sitting) => Promise<Problem | null>,
  ): Promise<Problem | null> {
    try {
      if (await now.saver.flush()) return await work(now);
      return now.saver.state().problem ?? { status: 0, code: "", detail: "" };
    } catch (error) {
      const detail = `This could not be sent: ${(error as Error).message}. ${RETRY_NOTICE}`;
      return { status: 0, code: "broken", detail };
    }
  }

  /** The case stays, unlocked, and says why; another drawing on the server is shown beside it. */
  function refuse(now: Sitting, problem: Problem): void {
    const isDispute = problem.code === "draft_moved" && problem.current_url;
    const isShown = isDispute || now.saver.state().phase === "conflict";
    store.set({ isBusy: false, notice: isShown ? "" : sayProblem(problem) });
    if (isDispute) now.saver.dispute(problem);
  }

  /** Run one write with the verdicts locked, then go on; on refusal the case stays. */
  async function locked(
    work: (now: Sitting) => Promise<Problem | null>,
    isDone: boolean,
  ): Promise<void> {
    const now = room.sitting();
    if (!now || store.get().isBusy) return;
    now.desk.cancel();
    store.set({ isBusy: true, notice: "" });
    const problem = await outcome(now, work);
    if (room.sitting() !== now) return;
    if (problem) {
      refuse(now, problem);
      return;
    }
    await room.close(isDone);
    await advance();
  }

  async function send(
    now: Sitting,
    decision: Decision,
    reason: ExclusionReason | null,
  ): Promise<Problem | null> {
    const { note, isFlagged, activeSeconds } = store.get();
    const basis = now.desk.basis();
    const reply = await client.submit(now.case.assignment, {
      client_id: now.clientId,
      label: now.label,
      decision,
      draft_etag: now.saver.state().etag,
      candidate: basis.candidate,
      threshold: basis.threshold,
      exclusion_reason: reason,
      note,
      flagged: isFlagged,
      active_seconds: activeSeconds,
      strokes: now.desk.stroke(),
    });
    return reply.ok ? null : reply.problem;
  }

  return {
    begin: advance,
    submit: (decision: Decision, reason: ExclusionReason | null = null) =>
      locked((now) => send(now, decision, reason), true),
    /** The case comes back: its journal knows the active time so far and the client id. */
    saveForLater: () =>
      locked(async (now) => {
        const { note, isFlagged } = store.get();
        const change = { note, flagged: isFlagged, saved_for_later: true } as const;
        const reply = await client.patch(now.case.assignment, change);
        return reply.ok ? null : reply.problem;
      }, false),
    /** Leave a case that is no longer ours; what was drawn stays in the journal. */
    skip: async () => {
      await room.close(false);
      await advance();
    },
    patch: async (change: { note?: string; flagged?: boolean }) => {
      const now = room.sitting();
      if (!now) return;
      const reply = await client.patch(now.case.assignment, change);
      if (!reply.ok) store.set({ notice: sayProblem(reply.problem) });
    },
    /** The page goes: what was only fetched ahead is free for others again. */
    leave: () => {
      if (ahead) void client.giveBack(ahead.case.assignment);
    },
  };
}
