/** Shows the next case: the prefetched one at once, otherwise the one that the server names. */

import type { Client } from "../../api/client";
import type { Problem } from "../../api/types";
import { isInteracting } from "../drawing/idle";
import type { Codec } from "../film/codec";
import { type Prepared, prepareCase } from "../film/prepare";
import { isReopened } from "../film/state";
import type { OpenCase } from "../saving/opencase";
import type { PendingSubmission } from "../saving/pendingsubmission";
import { failWith, mustGiveWay } from "./casetransitions";
import type { Prefetch } from "./prefetch";
import type { Room } from "./room";

export type FlowContext = {
  readonly client: Client;
  readonly codec: Codec;
  readonly room: Room;
  readonly prefetch: Prefetch;
  readonly pendingSubmission: PendingSubmission;
};

export function showFailure({ store }: Room, problem: Problem): void {
  store.set(failWith(store.get(), problem));
}

export async function showCase({ room, prefetch }: FlowContext, next: Prepared): Promise<void> {
  try {
    await room.open(next);
  } catch (error) {
    room.store.set({ phase: "failed", current: null, message: (error as Error).message });
    return;
  }
  await next.film.catch(() => undefined);
  const shown = room.openCase();
  if (shown?.case.assignment === next.case.assignment) await prefetch.fetch(shown);
}

/** Ask the server whether the shown case is still leased to this reader; if not, show another. */
export async function confirmCase(context: FlowContext, shown: Prepared): Promise<void> {
  const { client, codec, room, prefetch } = context;
  const reply = await client.next(false, []);
  if (!reply.ok) return;
  const { assignment } = shown.case;
  const open = room.openCase();
  const isBegun =
    open?.maskDocument.canUndo() || isInteracting(room) || room.store.get().corners > 0;
  const isOpen = open?.case.assignment === assignment;
  if (!mustGiveWay({ assignment, isOpen, isBegun, onServer: reply.value?.assignment })) return;
  room.close();
  prefetch.dropIf(reply.value?.assignment);
  if (reply.value) await showCase(context, prepareCase(client, codec, reply.value));
  else room.store.set({ phase: "empty", current: null });
}

export async function showNext(context: FlowContext): Promise<void> {
  const prefetched = context.prefetch.take();
  if (!prefetched) return showCurrent(context);
  void showCase(context, prefetched);
  await confirmCase(context, prefetched);
}

/** Show the case that the server names as this reader's current one. */
export async function showCurrent(context: FlowContext): Promise<void> {
  const { client, codec, room, prefetch, pendingSubmission } = context;
  room.store.set({ phase: "loading", current: null });
  // Until the last decision has arrived, the server names the decided case as the current one.
  await pendingSubmission.emptied();
  const reply = await client.next(false, []);
  if (!reply.ok) showFailure(room, reply.problem);
  else if (reply.value === null) room.store.set({ phase: "empty", current: null });
  else {
    prefetch.dropIf(reply.value.assignment);
    await showCase(context, prepareCase(client, codec, reply.value));
  }
}

/** After a reopened case, go back to the case that it interrupted; otherwise to the next one. */
export function showAfter(context: FlowContext, left: OpenCase | null): Promise<void> {
  return isReopened(left?.case ?? null) ? showCurrent(context) : showNext(context);
}
