/**
 * From case to case: lease, prefetch, submit, and the next one in the same movement; and back. Where
 * the next case is at hand it is shown at once, while the decision is still on its way.
 */

import type { Client } from "../../api/client";
import type { Case, Decision, ExclusionReason, Problem, ReadingConfig } from "../../api/types";
import { words } from "../../words";
import type { RoomState } from "../actions/state";
import { isInteracting, waitUntilIdle } from "../drawing/idle";
import type { Codec } from "../film/codec";
import { type Prepared, prepareCase } from "../film/prepare";
import { isReopened } from "../film/state";
import type { OpenCase } from "../saving/opencase";
import { createPendingSubmission } from "../saving/pendingsubmission";
import { sayProblem } from "../saving/problems";
import type { Ending } from "../saving/tabs";
import { createPrefetch } from "./prefetch";
import type { Parked, Room } from "./room";

export type Flow = ReturnType<typeof createFlow>;

/** What the server says of a case that is over, whoever ended it. */
const ENDINGS: readonly string[] = ["already_submitted", "put_back"] satisfies readonly Ending[];

export function createFlow(parts: {
  readonly config: ReadingConfig;
  readonly client: Client;
  readonly codec: Codec;
  readonly room: Room;
}) {
  const { client, codec, room } = parts;
  const { store } = room;
  const pendingSubmission = createPendingSubmission(store);
  const ahead = createPrefetch(client, codec, room, pendingSubmission);

  function fail(problem: Problem): void {
    store.set({
      phase: "failed",
      current: null,
      message: sayProblem(problem),
      save: { ...store.get().save, problem },
    });
  }

  async function show(prepared: Prepared): Promise<void> {
    try {
      await room.open(prepared);
    } catch (error) {
      store.set({ phase: "failed", current: null, message: (error as Error).message });
      return;
    }
    await prepared.film.catch(() => undefined);
    const now = room.openCase();
    if (now?.case.assignment === prepared.case.assignment) await ahead.fetch(now);
  }

  /** Ask the server which case is ours now; a prefetched lease may have lapsed meanwhile. */
  async function confirm(shown: Prepared): Promise<void> {
    const reply = await client.next(false, []);
    if (!reply.ok) return;
    const now = room.openCase();
    const isStill = now?.case.assignment === shown.case.assignment;
    const isTouched = now?.maskDocument.canUndo() || isInteracting(room) || store.get().corners > 0;
    if (!isStill || isTouched || reply.value?.assignment === shown.case.assignment) return;
    room.close();
    ahead.dropIf(reply.value?.assignment);
    if (reply.value) await show(prepareCase(client, codec, reply.value));
    else store.set({ phase: "empty", current: null });
  }

  async function advance(): Promise<void> {
    const ready = ahead.take();
    if (!ready) return resume();
    void show(ready);
    await confirm(ready);
  }

  /** The case that the server holds for us now. */
  async function resume(): Promise<void> {
    store.set({ phase: "loading", current: null });
    await pendingSubmission.emptied(); // until then the server takes the last case for the current one
    const reply = await client.next(false, []);
    if (!reply.ok) fail(reply.problem);
    else if (reply.value === null) store.set({ phase: "empty", current: null });
    else {
      ahead.dropIf(reply.value.assignment);
      await show(prepareCase(client, codec, reply.value));
    }
  }

  /** After a case that was open again: back to the one it interrupted. */
  const goOn = (from: OpenCase | null) => (isReopened(from?.case ?? null) ? resume() : advance());

  /** What came of one write, with everything drawn saved before it; an exception is a refusal too. */
  async function outcome(
    now: OpenCase,
    work: (now: OpenCase) => Promise<Problem | null>,
  ): Promise<Problem | null> {
    try {
      if (await now.saver.flush()) return await work(now);
      return now.saver.state().problem ?? { status: 0, code: "", detail: "" };
    } catch (error) {
      const detail = words.problems.notSent((error as Error).message);
      return { status: 0, code: "broken", detail };
    }
  }

  /**
   * The case stays, unlocked, and says why; another drawing on the server is shown beside it. Of a
   * case that is no longer ours nothing more is saved, and the next one is offered.
   */
  function refuse(now: OpenCase, problem: Problem): void {
    const isDispute = problem.code === "draft_moved" && problem.current_url;
    const isShown = isDispute || now.saver.state().phase === "conflict";
    store.set({ isBusy: false, notice: isShown ? "" : sayProblem(problem) });
    if (isDispute) now.saver.dispute(problem);
    else if (problem.status === 410 || ENDINGS.includes(problem.code)) now.saver.end(problem);
  }

  /** Run one write with the verdicts locked; true: it was taken. On refusal the case stays. */
  async function locked(
    now: OpenCase,
    work: (now: OpenCase) => Promise<Problem | null>,
  ): Promise<boolean> {
    store.set({ isBusy: true, notice: "" });
    await pendingSubmission.emptied();
    if (room.openCase() !== now) return false;
    const problem = await outcome(now, work);
    if (room.openCase() !== now) return false;
    if (problem) refuse(now, problem);
    return !problem;
  }

  /** The case that may be decided now, with the gesture under way given up. */
  function decided(): OpenCase | null {
    const now = room.openCase();
    const { isBusy, outgoing } = store.get();
    if (!now || isBusy) return null;
    if (outgoing?.problem) {
      store.set({ notice: words.notices.lastNotSent });
      return null;
    }
    now.maskDocument.cancel();
    return now;
  }

  /** Open a submitted case again; the one on the desk is saved and waits. */
  async function reopen(assignment: string): Promise<void> {
    let opened: Case | null = null;
    const ask = async (): Promise<Problem | null> => {
      const reply = await client.reopen(assignment);
      if (!reply.ok) return reply.problem;
      opened = reply.value;
      return null;
    };
    if (room.openCase()) {
      const now = decided();
      if (!now || !(await locked(now, ask))) return;
      room.close();
    } else {
      await pendingSubmission.emptied();
      const problem = await ask();
      if (problem) fail(problem);
    }
    if (opened) await show(prepareCase(client, codec, opened));
  }

  async function send(
    now: OpenCase,
    { note, isFlagged, activeSeconds }: RoomState,
    decision: Decision,
    reason: ExclusionReason | null,
  ): Promise<Problem | null> {
    const basis = now.maskDocument.basis();
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
      strokes: now.maskDocument.stroke(),
    });
    return reply.ok ? null : reply.problem;
  }

  /** The case that was left comes back with the reason; the one shown meanwhile is kept. */
  function comeBack(parked: Parked, problem: Problem): void {
    const newer = room.park()?.openCase;
    ahead.drop();
    room.bringBack(parked);
    refuse(parked.openCase, problem);
    // Fetched again once what was drawn on it is there: its draft is another one now.
    const put = newer?.saver.flush().finally(newer.stop) ?? Promise.resolve();
    void put.catch(() => false).then(() => ahead.fetch(parked.openCase));
  }

  async function submit(decision: Decision, reason: ExclusionReason | null = null): Promise<void> {
    const now = decided();
    if (!now) return;
    // Where saving is in trouble already, the reader stays with the case.
    const isWell = now.saver.state().problem === null;
    const post = (state: RoomState) => (openCase: OpenCase) =>
      send(openCase, state, decision, reason);
    const ready = isWell && !isReopened(now.case) ? ahead.take() : null;
    if (!ready) {
      if (!(await locked(now, post(store.get())))) return;
      room.close();
      await room.finish(now, "already_submitted");
      await goOn(now);
      return;
    }
    const parked = room.park() as Parked;
    void show(ready);
    const problem = await pendingSubmission.send(() => outcome(now, post(parked.state)));
    if (problem) {
      if (isInteracting(room)) {
        store.set({ isBusy: true }); // nothing is begun or decided any more on the newer case
        await waitUntilIdle(room);
      }
      comeBack(parked, problem);
      return;
    }
    await room.finish(now, "already_submitted");
    await confirm(ready);
  }

  return {
    begin: advance,
    submit,
    /** The case comes back: its journal knows the active time so far and the client id. */
    saveForLater: async () => {
      const now = decided();
      const { note, isFlagged } = store.get();
      const change = { note, flagged: isFlagged, saved_for_later: true } as const;
      const put = async ({ case: { assignment } }: OpenCase) => {
        const reply = await client.patch(assignment, change);
        return reply.ok ? null : reply.problem;
      };
      if (!now || !(await locked(now, put))) return;
      now.noteSaver.taken();
      room.close();
      await goOn(now);
    },
    /** Leave a case that is no longer ours; what was drawn stays in the journal. */
    skip: async () => {
      const from = room.openCase();
      room.close();
      await goOn(from);
    },
    reopen,
    /** What was submitted stands; what was changed since is on the server, which keeps it. */
    leaveAsItWas: async () => {
      const now = decided();
      const leave = async ({ case: { assignment } }: OpenCase) => {
        const reply = await client.leaveAsItWas(assignment);
        return reply.ok ? null : reply.problem;
      };
      if (!now || !(await locked(now, leave))) return;
      room.close();
      await room.finish(now, "put_back");
      await goOn(now);
    },
    /** Try again now what waits for the network or the session. */
    retry: () => {
      pendingSubmission.retry();
      ahead.retry();
    },
    isSending: () => !pendingSubmission.isEmpty(),
    /** Resolves once the server has the last decision. */
    sent: pendingSubmission.emptied,
    /** The page goes. */
    leave: ahead.giveBack,
  };
}
