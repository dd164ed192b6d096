/**
 * The candidate that the mask is compared with while the difference is shown: the candidate that
 * the reader points at, otherwise the candidate that the mask was made from. Not in blind reads.
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

/** Hold the compared candidate's mask. Calls `onMask` when the mask changes. */
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
