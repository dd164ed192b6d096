/** The verbs that change the mask: clean up, undo, pick and threshold. */

import { type Mask, wholeRect } from "../../mask/bitmap";
import { type ByteMap, moveThreshold } from "../../mask/probability";
import type { ActionHandlers } from "../actions/handlers";
import type { RoomState } from "../actions/state";
import { cleanUp, clipToLung } from "../drawing/cleanup";
import type { MaskDocument } from "../drawing/maskdocument";
import type { PointerInput } from "../drawing/pointerinput";
import { copySource } from "../drawing/state";
import type { Room } from "./room";

/** While regions are copied their source is outlined, unless another candidate is looked at. */
function peekAtCopySource({ store, openCase, setPeek }: Room): void {
  const heldOf = (state: RoomState) =>
    state.tool === "copy" ? (copySource(state)?.id ?? null) : null;
  store.subscribe((now, before) => {
    const [held, was] = [heldOf(now), heldOf(before)];
    const isOver = held !== was && was !== null && now.peek === was;
    if (isOver || (held !== null && now.peek === null && openCase())) setPeek(held);
  });
}

export function createMaskHandlers(room: Room, pointerInput: () => PointerInput) {
  const { store } = room;
  peekAtCopySource(room);

  /** The desk, for what changes its mask: what is held there ends first, an entry of its own. */
  function endGesture(): MaskDocument | undefined {
    pointerInput().end();
    return room.openCase()?.maskDocument;
  }

  /**
   * What is being drawn or slides is what Undo takes back; a ruler leaves nothing on the mask to take
   * back.
   */
  function undo(): void {
    const before = store.get();
    const maskDocument = endGesture();
    const { stroke, corners } = store.get();
    const isMarked = stroke !== before.stroke || corners !== before.corners;
    if (before.isDrawing && !isMarked) return;
    if (!pointerInput().takeCorner()) maskDocument?.undo();
  }

  /** The probability map comes from the server when it is first wanted. */
  let map: { readonly candidate: string; readonly values: ByteMap } | null = null;

  async function pick(index: number): Promise<void> {
    const openCase = room.openCase();
    const candidate = openCase?.case.candidates[index];
    if (!openCase || !candidate || store.get().isBusy) return;
    store.set({ picked: candidate.id });
    let [mask, isLast]: [Mask | undefined, boolean] = [undefined, false];
    try {
      mask = await openCase.prepared.candidates.get(candidate.id);
    } finally {
      isLast = store.get().picked === candidate.id;
      if (isLast) store.set({ picked: null });
    }
    if (!mask || !isLast || room.openCase() !== openCase) return;
    endGesture()?.replace(mask, { candidate: candidate.id, threshold: candidate.threshold });
    store.set({ threshold: candidate.threshold });
  }

  async function loadMap(candidate: string): Promise<void> {
    const openCase = room.openCase();
    const values = await openCase?.prepared.probability(candidate);
    const isStill = room.openCase() === openCase && store.get().basis.candidate === candidate;
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
      endGesture();
      cleanUp(room, kind);
    },
    clipToLung: () =>
      void clipToLung(room, endGesture).catch((error: Error) =>
        store.set({ notice: error.message }),
      ),
    undo,
    redo: () => void endGesture()?.redo(),
    pick: (index) => void pick(index).catch((error: Error) => store.set({ notice: error.message })),
    slideThreshold: (t8) => {
      if (store.get().isDrawing) pointerInput().end();
      const maskDocument = room.openCase()?.maskDocument;
      const from = maskDocument?.basis().threshold ?? null;
      if (!maskDocument || !map || from === null || store.get().isBusy) return;
      maskDocument.restart();
      moveThreshold(maskDocument.mask, map.values, from, t8);
      maskDocument.touch(wholeRect(maskDocument.mask));
      store.set({ threshold: t8 });
    },
    settleThreshold: () => {
      const maskDocument = room.openCase()?.maskDocument;
      // What ended it before, as Undo in the middle of a drag, may have moved it: the slider follows.
      if (!pointerInput().end() && maskDocument)
        store.set({ threshold: maskDocument.basis().threshold });
    },
  } satisfies Partial<ActionHandlers>;
}
