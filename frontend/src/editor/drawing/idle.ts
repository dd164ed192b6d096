/** Whether the reader is in the middle of a gesture that a dialog or another case would interrupt. */

import type { DrawingGround } from "./state";

type Place = Pick<DrawingGround, "store" | "openCase">;

const LOOK_EVERY_MS = 50;

/** Whether a pointer or the keys hold a drawing, or the threshold slides. */
export const isInteracting = ({ store, openCase }: Place): boolean =>
  store.get().isDrawing || openCase()?.maskDocument.isRunning() === true;

/** Wait until the gesture ends. The state says so: a reader may forget that the cross is pressed. */
export async function waitUntilIdle(room: Place): Promise<void> {
  room.store.set({ isQuestionDue: true });
  while (isInteracting(room)) await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  room.store.set({ isQuestionDue: false });
}
