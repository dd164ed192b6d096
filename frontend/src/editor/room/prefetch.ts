/**
 * Leases and loads the next case while the reader is at the present one. A case that was only prefetched
 * is given back when the page is left.
 */

import type { Client } from "../../api/client";
import type { Codec } from "../film/codec";
import { type Prepared, prepareCase } from "../film/prepare";
import { isReopened } from "../film/state";
import type { OpenCase } from "../saving/opencase";
import { createPause, isPassing, type PendingSubmission } from "../saving/pendingsubmission";
import { retryDelay } from "../saving/saveprogress";
import type { Room } from "./room";

export type Prefetch = ReturnType<typeof createPrefetch>;

export function createPrefetch(
  client: Client,
  codec: Codec,
  room: Room,
  pendingSubmission: PendingSubmission,
) {
  const pause = createPause();
  let ready: Prepared | null = null;

  /** Lease and load the next case. A failure is tried again as long as `now` is open. */
  async function fetch(now: OpenCase, failures = 0): Promise<void> {
    await pendingSubmission.emptied(); // a reader has two leases at most
    // A reopened case keeps the lease on the case that it interrupted: that is the next one.
    if (room.openCase() !== now || ready || isReopened(now.case)) return;
    const reply = await client.next(true, [now.case.assignment]);
    if (room.openCase() !== now) return;
    const later = () => void pause.take(retryDelay(failures)).then(() => fetch(now, failures + 1));
    if (!reply.ok) {
      if (isPassing(reply.problem)) later();
      return;
    }
    if (!reply.value || reply.value.assignment === now.case.assignment) return;
    const prepared = prepareCase(client, codec, reply.value);
    ready = prepared;
    prepared.film.catch(() => {
      if (ready !== prepared) return; // it is shown already, and the reader is told there
      ready = null;
      later();
    });
  }

  const drop = () => {
    ready = null;
  };

  return {
    fetch,
    /** Return the prefetched case and forget it: it is the caller's from now on. */
    take: (): Prepared | null => {
      const taken = ready;
      drop();
      return taken;
    },
    drop,
    /** Forget the prefetched case if it is this one: the server names it as current now. */
    dropIf: (assignment: string | undefined) => {
      if (ready?.case.assignment === assignment) drop();
    },
    /** Try again now instead of later. */
    retry: pause.end,
    /** The page is being left: other readers can have the prefetched case. */
    giveBack: () => {
      if (ready) void client.giveBack(ready.case.assignment);
    },
  };
}
