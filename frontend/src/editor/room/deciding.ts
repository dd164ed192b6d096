/** Sends what the reader decides about a case. Everything drawn is saved before. */

import type { Decision, ExclusionReason, Problem } from "../../api/types";
import { words } from "../../words";
import type { RoomState } from "../actions/state";
import { isInteracting, waitUntilIdle } from "../drawing/idle";
import type { Prepared } from "../film/prepare";
import { isReopened } from "../film/state";
import type { OpenCase } from "../saving/opencase";
import { refusalOf } from "./casetransitions";
import type { CaseSetAside, Room } from "./room";
import { confirmCase, type FlowContext, showAfter, showCase } from "./showing";

/** One write to the server. Null: the server took it. */
export type Write = (openCase: OpenCase) => Promise<Problem | null>;

/** Save everything drawn, then write. An exception counts as a refusal too. */
async function saveAndWrite(openCase: OpenCase, write: Write): Promise<Problem | null> {
  try {
    if (await openCase.saver.flush()) return await write(openCase);
    return openCase.saver.state().problem ?? { status: 0, code: "", detail: "" };
  } catch (error) {
    const detail = words.problems.notSent((error as Error).message);
    return { status: 0, code: "broken", detail };
  }
}

function refuse({ store }: Room, { saver }: OpenCase, problem: Problem): void {
  const refusal = refusalOf(problem, saver.state().phase);
  store.set(refusal.change);
  if (refusal.saver === "dispute") saver.dispute(problem);
  else if (refusal.saver === "end") saver.end(problem);
}

/** Write while nothing else can be decided. Returns whether the server took it. */
export async function writeLocked(
  { room, pendingSubmission }: FlowContext,
  openCase: OpenCase,
  write: Write,
): Promise<boolean> {
  room.store.set({ isBusy: true, notice: "" });
  await pendingSubmission.emptied();
  if (room.openCase() !== openCase) return false;
  const problem = await saveAndWrite(openCase, write);
  if (room.openCase() !== openCase) return false;
  if (problem) refuse(room, openCase, problem);
  return !problem;
}

/** Return the case that can be decided now, after giving up a gesture under way; null: none can. */
export function caseToDecide({ room }: FlowContext): OpenCase | null {
  const openCase = room.openCase();
  const { isBusy, outgoing } = room.store.get();
  if (!openCase || isBusy) return null;
  if (outgoing?.problem) {
    room.store.set({ notice: words.notices.lastNotSent });
    return null;
  }
  openCase.maskDocument.cancel();
  return openCase;
}

type Verdict = {
  readonly decision: Decision;
  readonly reason: ExclusionReason | null;
};

/** The note, the flag and the time are those of the moment when the reader decided. */
function submission({ client }: FlowContext, state: RoomState, verdict: Verdict): Write {
  return async ({ case: { assignment }, clientId, label, maskDocument, saver }) => {
    const { candidate, threshold } = maskDocument.basis();
    const reply = await client.submit(assignment, {
      client_id: clientId,
      label,
      decision: verdict.decision,
      draft_etag: saver.state().etag,
      candidate,
      threshold,
      exclusion_reason: verdict.reason,
      note: state.note,
      flagged: state.isFlagged,
      active_seconds: state.activeSeconds,
      strokes: maskDocument.stroke(),
    });
    return reply.ok ? null : reply.problem;
  };
}

/** Show the refused case again with the reason. The newer case is saved and prefetched again. */
function bringBackRefused(
  { room, prefetch }: FlowContext,
  refused: CaseSetAside,
  problem: Problem,
): void {
  const newer = room.setAside()?.openCase;
  prefetch.drop();
  room.bringBack(refused);
  refuse(room, refused.openCase, problem);
  // Prefetching waits for the save: what was drawn on the newer case is in its draft then.
  const saved = newer?.saver.flush().finally(newer.stop) ?? Promise.resolve();
  void saved.catch(() => false).then(() => prefetch.fetch(refused.openCase));
}

/** Show the next case at once, while the decision on this one is sent. */
async function submitBehind(context: FlowContext, next: Prepared, verdict: Verdict): Promise<void> {
  const { room, pendingSubmission } = context;
  const decided = room.setAside() as CaseSetAside;
  const { openCase } = decided;
  void showCase(context, next);
  const write = submission(context, decided.state, verdict);
  const problem = await pendingSubmission.send(() => saveAndWrite(openCase, write));
  if (!problem) {
    await room.finish(openCase, "already_submitted");
    await confirmCase(context, next);
    return;
  }
  if (isInteracting(room)) {
    room.store.set({ isBusy: true }); // nothing new may begin on the newer case
    await waitUntilIdle(room);
  }
  bringBackRefused(context, decided, problem);
}

async function submitFirst(
  context: FlowContext,
  openCase: OpenCase,
  verdict: Verdict,
): Promise<void> {
  const { room } = context;
  const write = submission(context, room.store.get(), verdict);
  if (!(await writeLocked(context, openCase, write))) return;
  room.close();
  await room.finish(openCase, "already_submitted");
  await showAfter(context, openCase);
}

export async function submit(context: FlowContext, verdict: Verdict): Promise<void> {
  const openCase = caseToDecide(context);
  if (!openCase) return;
  // While saving has a problem, the reader stays with the case.
  const isSavingWell = openCase.saver.state().problem === null;
  const next = isSavingWell && !isReopened(openCase.case) ? context.prefetch.take() : null;
  await (next ? submitBehind(context, next, verdict) : submitFirst(context, openCase, verdict));
}
