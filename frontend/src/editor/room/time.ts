/** Counts the active seconds on a case: the page is visible and the reader did something recently. */

import type { Room } from "./room";

const IDLE_AFTER_MS = 30_000;
const NOTE_EVERY_S = 10;
const SIGNS_OF_LIFE = ["pointermove", "pointerdown", "keydown", "wheel"] as const;

export function watchTime(room: Room): void {
  let lastSign = performance.now();
  for (const sign of SIGNS_OF_LIFE)
    window.addEventListener(sign, () => (lastSign = performance.now()), { passive: true });
  setInterval(() => {
    const { phase, activeSeconds } = room.store.get();
    const isActive = performance.now() - lastSign < IDLE_AFTER_MS && !document.hidden;
    if (phase !== "reading" || !isActive) return;
    room.store.set({ activeSeconds: activeSeconds + 1 });
    if ((activeSeconds + 1) % NOTE_EVERY_S === 0) room.openCase()?.recordTime();
  }, 1000);
}
