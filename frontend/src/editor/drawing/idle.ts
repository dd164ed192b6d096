/** Whether the reader is in the middle of something that a dialog or another case would break off. */

import type { DrawingGround } from "./state";

type Place = Pick<DrawingGround, "store" | "openCase">;

const LOOK_EVERY_MS = 50;

/** A drawing that a pointer or the keys hold, with or without pixels yet, or a threshold that slides. */
export const isInteracting = ({ store, openCase }: Place): boolean =>
  store.get().isDrawing || openCase()?.maskDocument.isRunning() === true;

/** Wait until that is over. Nobody forgets a button that is held down, but a pressed cross may be. */
export async function waitUntilIdle(room: Place): Promise<void> {
  room.store.set({ isQuestionDue: true });
  while (isInteracting(room)) await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  room.store.set({ isQuestionDue: false });
}
