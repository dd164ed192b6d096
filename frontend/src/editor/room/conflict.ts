/** Settles a save conflict: the reader sees both masks and chooses which to continue with. */

import type { Client } from "../../api/client";
import { copyMask } from "../../mask/bitmap";
import { words } from "../../words";
import { waitUntilIdle } from "../drawing/idle";
import type { Codec } from "../film/codec";
import { askConflict } from "../panels/merge";
import { mixMasks } from "../panels/mixer";
import type { OpenCase } from "../saving/opencase";
import type { Room } from "./room";

export async function settleConflict(
  client: Client,
  codec: Codec,
  room: Room,
  openCase: OpenCase,
  ask = askConflict,
): Promise<void> {
  const { problem } = openCase.saver.state();
  if (!problem?.current_url || !problem.current_etag) {
    room.store.set({ notice: problem?.detail ?? words.notices.changedElsewhere });
    return;
  }
  const reply = await client.draft(problem.current_url);
  const theirs = reply.ok ? await codec.mask(reply.value.bytes).catch(() => null) : null;
  if (!reply.ok || !theirs) {
    room.store.set({ notice: words.notices.reloadToSee });
    return;
  }
  const { etag, basis: theirBasis } = reply.value;
  await waitUntilIdle(room);
  const answer = await ask(openCase.maskDocument.mask, theirs, room.preview());
  if (room.openCase() !== openCase) return;
  // Replacing is a gesture, so that Undo brings the other mask back. Each mask keeps its own basis,
  // against which the verdict is computed. A mix keeps the basis of mine.
  const mine = copyMask(openCase.maskDocument.mask);
  const basis = openCase.maskDocument.basis();
  openCase.maskDocument.replace(theirs, theirBasis);
  if (answer === "mine") openCase.maskDocument.replace(mine, basis);
  else if (answer !== "theirs")
    openCase.maskDocument.replace(mixMasks(mine, theirs, answer), basis);
  openCase.saver.resolve(etag ?? problem.current_etag);
}
