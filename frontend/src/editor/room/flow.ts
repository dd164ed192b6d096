/**
 * The way from case to case: lease, prefetch, submit and show the next case, or go back to an earlier
 * one. A prefetched case is shown at once, while the last decision is still being sent.
 */

import type { Client } from "../../api/client";
import type { Case, Decision, ExclusionReason, Problem } from "../../api/types";
import type { Codec } from "../film/codec";
import { prepareCase } from "../film/prepare";
import { createPendingSubmission } from "../saving/pendingsubmission";
import { caseToDecide, submit, writeLocked } from "./deciding";
import { createPrefetch } from "./prefetch";
import type { Room } from "./room";
import { type FlowContext, showAfter, showCase, showFailure, showNext } from "./showing";

export type Flow = ReturnType<typeof createFlow>;

/** Open a submitted case again. The case that is open now is saved and waits. */
async function reopen(context: FlowContext, assignment: string): Promise<void> {
  const { client, codec, room, pendingSubmission } = context;
  let opened: Case | null = null;
  const ask = async (): Promise<Problem | null> => {
    const reply = await client.reopen(assignment);
    if (!reply.ok) return reply.problem;
    opened = reply.value;
    return null;
  };
  if (room.openCase()) {
    const left = caseToDecide(context);
    if (!left || !(await writeLocked(context, left, ask))) return;
    room.close();
  } else {
    await pendingSubmission.emptied();
    const problem = await ask();
    if (problem) showFailure(room, problem);
  }
  if (opened) await showCase(context, prepareCase(client, codec, opened));
}

/** Put the case back for later. Its journal keeps the active time and the client id. */
async function saveForLater(context: FlowContext): Promise<void> {
  const { client, room } = context;
  const openCase = caseToDecide(context);
  if (!openCase) return;
  const { note, isFlagged } = room.store.get();
  const change = { note, flagged: isFlagged, saved_for_later: true } as const;
  const isTaken = await writeLocked(context, openCase, async ({ case: { assignment } }) => {
    const reply = await client.patch(assignment, change);
    return reply.ok ? null : reply.problem;
  });
  if (!isTaken) return;
  openCase.noteSaver.taken();
  room.close();
  await showAfter(context, openCase);
}

/** Keep the earlier submission. What was changed since then stays on the server as a draft. */
async function leaveAsItWas(context: FlowContext): Promise<void> {
  const { client, room } = context;
  const openCase = caseToDecide(context);
  if (!openCase) return;
  const isTaken = await writeLocked(context, openCase, async ({ case: { assignment } }) => {
    const reply = await client.leaveAsItWas(assignment);
    return reply.ok ? null : reply.problem;
  });
  if (!isTaken) return;
  room.close();
  await room.finish(openCase, "put_back");
  await showAfter(context, openCase);
}

/** Leave a case that is not leased to this reader any more. Its drawing stays in the journal. */
async function skip(context: FlowContext): Promise<void> {
  const left = context.room.openCase();
  context.room.close();
  await showAfter(context, left);
}

export function createFlow(parts: {
  readonly client: Client;
  readonly codec: Codec;
  readonly room: Room;
}) {
  const { client, codec, room } = parts;
  const pendingSubmission = createPendingSubmission(room.store);
  const prefetch = createPrefetch(client, codec, room, pendingSubmission);
  const context: FlowContext = { ...parts, pendingSubmission, prefetch };
  return {
    begin: () => showNext(context),
    submit: (decision: Decision, reason: ExclusionReason | null = null) =>
      submit(context, { decision, reason }),
    saveForLater: () => saveForLater(context),
    skip: () => skip(context),
    reopen: (assignment: string) => reopen(context, assignment),
    leaveAsItWas: () => leaveAsItWas(context),
    /** Try again now what waits for the network or the session. */
    retry: () => {
      pendingSubmission.retry();
      prefetch.retry();
    },
    isSending: () => !pendingSubmission.isEmpty(),
    /** Resolves once the server has the last decision. */
    sent: pendingSubmission.emptied,
    /** The page is being left. */
    leave: prefetch.giveBack,
  };
}
