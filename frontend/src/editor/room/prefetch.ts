/** The case after the one that is read: leased and fetched meanwhile, and free for others unread. */

import type { Client } from "../../api/client";
import type { Codec } from "../film/codec";
import { type Prepared, prepareCase } from "../film/prepare";
import { isReopened } from "../film/state";
import type { OpenCase } from "../saving/opencase";
import { createPause, isPassing, type PendingSubmission } from "../saving/pendingsubmission";
import { retryDelay } from "../saving/saver";
import type { Room } from "./room";

export function createPrefetch(
  client: Client,
  codec: Codec,
  room: Room,
  pendingSubmission: PendingSubmission,
) {
  const pause = createPause();
  let ready: Prepared | null = null;

  /** Lease and fetch the case after this one; while this one is read, a failure is tried again. */
  async function fetch(now: OpenCase, failures = 0): Promise<void> {
    await pendingSubmission.emptied(); // a reader holds two cases at most
    // A case that is open again keeps the one it interrupted, and nothing is fetched beside it.
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
      if (ready !== prepared) return; // it is shown already, and says so
      ready = null;
      later();
    });
  }

  const drop = () => {
    ready = null;
  };

  return {
    fetch,
    /** The case at hand, which is the caller's from now on. */
    take: (): Prepared | null => {
      const taken = ready;
      drop();
      return taken;
    },
    drop,
    /** The server named this case the current one: it is not ahead any more. */
    dropIf: (assignment: string | undefined) => {
      if (ready?.case.assignment === assignment) drop();
    },
    /** Try again now what waits. */
    retry: pause.end,
    /** The page goes: what was only fetched ahead is free for others again. */
    giveBack: () => {
      if (ready) void client.giveBack(ready.case.assignment);
    },
  };
}
