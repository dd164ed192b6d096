/** The decision that is being sent while the reader is already at the next case. There is at most one. */

import type { Problem } from "../../api/types";
import type { Store } from "../page/store";
import { phaseOf, retryDelay } from "./saveprogress";
import type { SavingState } from "./state";

/** After so many failures of the server, the case comes back and the reader sees the reason. */
const SERVER_FAILURES = 4;

/** Sends the decision once. Null: the server has it. The same decision can be sent again safely. */
export type Post = () => Promise<Problem | null>;

/** Whether the problem may pass: the network or the session may come back. */
export function isPassing(problem: Problem): boolean {
  const phase = phaseOf(problem);
  return problem.code !== "broken" && (phase === "offline" || phase === "signed_out");
}

/** A wait between two attempts. It can be ended early. */
export function createPause() {
  let wake: () => void = () => undefined;
  return {
    take: (milliseconds: number): Promise<void> =>
      new Promise((done) => {
        const timer = setTimeout(done, milliseconds);
        wake = () => {
          clearTimeout(timer);
          done();
        };
      }),
    end: () => wake(),
  };
}

export type PendingSubmission = ReturnType<typeof createPendingSubmission>;

export function createPendingSubmission(store: Store<SavingState>) {
  let running: Promise<Problem | null> | null = null;
  const pause = createPause();

  async function deliver(post: Post): Promise<Problem | null> {
    for (let failures = 0; ; failures++) {
      const problem = await post();
      if (!problem || !isPassing(problem)) return problem;
      if (problem.status >= 500 && failures >= SERVER_FAILURES) return problem;
      store.set({ outgoing: { problem } });
      await pause.take(retryDelay(failures));
    }
  }

  return {
    isEmpty: () => running === null,
    /** Resolves null when the server has the decision, or with the problem if it refuses for good. */
    send: (post: Post): Promise<Problem | null> => {
      store.set({ outgoing: { problem: null } });
      running = deliver(post).finally(() => {
        running = null;
        store.set({ outgoing: null });
      });
      return running;
    },
    emptied: async (): Promise<void> => void (await running),
    retry: pause.end,
  };
}
