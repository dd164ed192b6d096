/**
 * Sends the note and the flag of a case when they change, until the server has them. The journal keeps
 * them meanwhile. A decision carries both itself.
 */

import type { Client } from "../../api/client";
import type { Problem } from "../../api/types";
import { isPassing } from "./pendingsubmission";
import { retryDelay } from "./saveprogress";

export type NoteChange = { readonly note?: string; readonly flagged?: boolean };

export type NoteSaver = ReturnType<typeof createNoteSaver>;

export function createNoteSaver(
  parts: {
    readonly assignment: string;
    readonly client: Pick<Client, "patch">;
    /** The unsent part has changed, or an attempt failed with this problem. */
    readonly onChange: (problem: Problem | null) => void;
  },
  start: NoteChange | null,
) {
  let unsent = start;
  let isRunning = false;
  let isStopped = false;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const tell = (problem: Problem | null) => {
    if (!isStopped) parts.onChange(problem);
  };

  async function attempt(sent: NoteChange): Promise<void> {
    const reply = await parts.client.patch(parts.assignment, sent);
    if (reply.ok) {
      failures = 0;
      if (unsent === sent) unsent = null;
      tell(null);
    } else {
      if (isPassing(reply.problem)) timer = setTimeout(send, retryDelay(failures++));
      tell(reply.problem);
      return;
    }
    if (unsent && !isStopped) await attempt(unsent);
  }

  function send(): void {
    clearTimeout(timer);
    if (!unsent || isRunning || isStopped) return;
    isRunning = true;
    void attempt(unsent).finally(() => {
      isRunning = false;
    });
  }

  return {
    unsent: () => unsent,
    write: (change: NoteChange) => {
      unsent = { ...unsent, ...change };
      tell(null);
      send();
    },
    /** Try again now instead of later. */
    retry: send,
    /** The server got the note and the flag in another request. */
    taken: () => {
      unsent = null;
      tell(null);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
