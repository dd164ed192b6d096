/** A save that lost a race: the reader sees both masks and says which one goes on. */

import type { Client } from "../../api/client";
import { copyMask } from "../../mask/bitmap";
import { words } from "../../words";
import { waitUntilIdle } from "../drawing/idle";
import type { Codec } from "../film/codec";
import { askConflict, mixMasks } from "../panels/merge";
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
  // Theirs comes in as a gesture, so that Undo brings back whichever mask was not taken. Each mask
  // has its own base with it: the verdict is judged against that one. A mix is mine, corrected.
  const mine = copyMask(openCase.maskDocument.mask);
  const basis = openCase.maskDocument.basis();
  openCase.maskDocument.replace(theirs, theirBasis);
  if (answer === "mine") openCase.maskDocument.replace(mine, basis);
  else if (answer !== "theirs")
    openCase.maskDocument.replace(mixMasks(mine, theirs, answer), basis);
  openCase.saver.resolve(etag ?? problem.current_etag);
}
