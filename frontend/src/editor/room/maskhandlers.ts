/** The verbs that change the mask: clean up, undo, pick and threshold. */

import { type Mask, wholeRect } from "../../mask/bitmap";
import { type ByteMap, moveThreshold } from "../../mask/probability";
import type { Verbs } from "../actions/handlers";
import type { RoomState } from "../actions/state";
import { cleanUp, clipToLung } from "../drawing/cleanup";
import type { Desk } from "../drawing/maskdocument";
import type { Hand } from "../drawing/pointerinput";
import { copySource } from "../drawing/state";
import type { Room } from "./room";

/** While regions are copied their source is outlined, unless another candidate is looked at. */
function holdPeek({ store, sitting, setPeek }: Room): void {
  const heldOf = (state: RoomState) =>
    state.tool === "copy" ? (copySource(state)?.id ?? null) : null;
  store.subscribe((now, before) => {
    const [held, was] = [heldOf(now), heldOf(before)];
    const isOver = held !== was && was !== null && now.peek === was;
    if (isOver || (held !== null && now.peek === null && sitting())) setPeek(held);
  });
}

export function maskVerbs(room: Room, hand: () => Hand) {
  const { store } = room;
  holdPeek(room);

  /** The desk, for what changes its mask: what is held there ends first, an entry of its own. */
  function deskAtRest(): Desk | undefined {
    hand().end();
    return room.sitting()?.desk;
  }

  /**
   * What is being drawn or slides is what Undo takes back; a ruler leaves nothing on the mask to take
   * back.
   */
  function undo(): void {
    const before = store.get();
    const desk = deskAtRest();
    const { stroke, corners } = store.get();
    const isMarked = stroke !== before.stroke || corners !== before.corners;
    if (before.isDrawing && !isMarked) return;
    if (!hand().takeCorner()) desk?.undo();
  }

  /** The probability map comes from the server when it is first wanted. */
  let map: { readonly candidate: string; readonly values: ByteMap } | null = null;

  async function pick(index: number): Promise<void> {
    const sitting = room.sitting();
    const candidate = sitting?.case.candidates[index];
    if (!sitting || !candidate || store.get().isBusy) return;
    store.set({ picked: candidate.id });
    let [mask, isLast]: [Mask | undefined, boolean] = [undefined, false];
    try {
      mask = await sitting.prepared.candidates.get(candidate.id);
    } finally {
      isLast = store.get().picked === candidate.id;
      if (isLast) store.set({ picked: null });
    }
    if (!mask || !isLast || room.sitting() !== sitting) return;
    deskAtRest()?.replace(mask, { candidate: candidate.id, threshold: candidate.threshold });
    store.set({ threshold: candidate.threshold });
  }

  async function loadMap(candidate: string): Promise<void> {
    const sitting = room.sitting();
    const values = await sitting?.prepared.probability(candidate);
    const isStill = room.sitting() === sitting && store.get().basis.candidate === candidate;
    if (!isStill) return;
    map = values ? { candidate, values } : null;
    store.set({ hasProbability: map !== null });
  }

  store.subscribe((state, before) => {
    if (state.basis.candidate === before.basis.candidate) return;
    map = null;
    if (state.hasProbability) store.set({ hasProbability: false });
    if (state.basis.candidate && !state.current?.blind)
      loadMap(state.basis.candidate).catch(() => undefined);
  });

  return {
    cleanUp: (kind) => {
      deskAtRest();
      cleanUp(room, kind);
    },
    clipToLung: () =>
      void clipToLung(room, deskAtRest).catch((error: Error) =>
        store.set({ notice: error.message }),
      ),
    undo,
    redo: () => void deskAtRest()?.redo(),
    pick: (index) => void pick(index).catch((error: Error) => store.set({ notice: error.message })),
    slideThreshold: (t8) => {
      if (store.get().isDrawing) hand().end();
      const desk = room.sitting()?.desk;
      const from = desk?.basis().threshold ?? null;
      if (!desk || !map || from === null || store.get().isBusy) return;
      desk.restart();
      moveThreshold(desk.mask, map.values, from, t8);
      desk.touch(wholeRect(desk.mask));
      store.set({ threshold: t8 });
    },
    settleThreshold: () => {
      const desk = room.sitting()?.desk;
      // What ended it before, as Undo in the middle of a drag, may have moved it: the slider follows.
      if (!hand().end() && desk) store.set({ threshold: desk.basis().threshold });
    },
  } satisfies Partial<Verbs>;
}
