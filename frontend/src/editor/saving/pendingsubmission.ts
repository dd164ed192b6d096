/** The decision that is on its way while the next case is already read: one, until it is taken. */

import type { Problem } from "../../api/types";
import type { Store } from "../page/store";
import { phaseOf, retryDelay } from "./saveprogress";
import type { SavingState } from "./state";

/** A server that fails so often on one decision may do so for ever: the reader must hear of it. */
const SERVER_FAILURES = 4;

/** Send the decision once; null: the server has it. The same one may be sent again and again. */
export type Post = () => Promise<Problem | null>;

/** Whether waiting helps: the network or the session may come back. */
export function isPassing(problem: Problem): boolean {
  const phase = phaseOf(problem);
  return problem.code !== "broken" && (phase === "offline" || phase === "signed_out");
}

/** A wait between two tries that can be cut short. */
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
    /** Resolves null once the server has taken it, or with the reason why it never will. */
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
