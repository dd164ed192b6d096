/**
 * The candidate that the mask is compared with while its difference is shown: the one that is
 * looked at in passing, else the one that it was made from. Open reads only.
 */

import type { Candidate } from "../../api/types";
import type { Mask } from "../../mask/bitmap";
import type { RoomState, ShownRoom } from "../actions/state";
import { shownLook } from "../drawing/state";

export function comparedCandidate(state: RoomState): Candidate | null {
  const { current, shownCandidate, basis } = state;
  if (shownLook(state) !== "difference") return null;
  const wanted = shownCandidate ?? basis.candidate;
  return current?.candidates.find(({ id }) => id === wanted) ?? null;
}

/** Hold its mask, fetched with the case; `onMask` hears of another one. */
export function holdCompared(room: ShownRoom, onMask: () => void): () => Mask | null {
  let held: { readonly candidate: string; readonly mask: Mask } | null = null;
  let wanted: string | null = null;

  async function fetch(candidate: string): Promise<void> {
    const mask = await room.openCase()?.prepared.candidates.get(candidate);
    if (wanted !== candidate) return;
    held = mask ? { candidate, mask } : null;
    onMask();
  }

  room.store.subscribe((state) => {
    const now = comparedCandidate(state)?.id ?? null;
    if (now === wanted) return;
    wanted = now;
    held = null;
    onMask();
    if (now)
      fetch(now).catch((error: Error) => room.store.set({ look: "fill", notice: error.message }));
  });
  return () => held?.mask ?? null;
}
