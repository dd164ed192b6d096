/** The actions that change the mask: clean up, undo, pick a candidate, move its threshold. */

import { wholeRect } from "../../mask/bitmap";
import { type ByteMap, moveThreshold } from "../../mask/probability";
import type { ActionHandlers } from "../actions/handlers";
import { cleanUp, clipToLung } from "../drawing/cleanup";
import type { MaskDocument } from "../drawing/maskdocument";
import type { PointerInput } from "../drawing/pointerinput";
import { copySource, type DrawingState } from "../drawing/state";
import type { Room } from "./room";

/** While the copy tool is chosen, outline the candidate it copies from, if no other is outlined. */
function showCopySource({ store, openCase, showCandidate }: Room): void {
  const sourceOf = (state: DrawingState) =>
    state.tool === "copy" ? (copySource(state)?.id ?? null) : null;
  store.subscribe((now, before) => {
    const [source, former] = [sourceOf(now), sourceOf(before)];
    const isOver = source !== former && former !== null && now.shownCandidate === former;
    if (isOver || (source !== null && now.shownCandidate === null && openCase()))
      showCandidate(source);
  });
}

/** Return the function that picks a candidate: its mask replaces the reader's, as one gesture. */
function createPick(room: Room, endGesture: () => MaskDocument | undefined) {
  const { store } = room;
  let picks = 0;

  return async (index: number): Promise<void> => {
    const openCase = room.openCase();
    const candidate = openCase?.case.candidates[index];
    if (!openCase || !candidate || store.get().isBusy) return;
    const pick = ++picks;
    const isLast = () => pick === picks;
    store.set({ picked: candidate.id });
    try {
      const mask = await openCase.prepared.candidates.get(candidate.id);
      // The reader may have picked another candidate or gone to another case meanwhile.
      if (!mask || !isLast() || room.openCase() !== openCase) return;
      const { id, threshold } = candidate;
      endGesture()?.replace(mask, { candidate: id, threshold });
      store.set({ threshold });
    } finally {
      if (isLast()) store.set({ picked: null });
    }
  };
}

/** Load the probability map of the picked candidate when it is picked. Blind reads have none. */
function holdProbabilityMap({ store, openCase }: Room): () => ByteMap | null {
  let map: ByteMap | null = null;

  async function load(candidate: string): Promise<void> {
    const wantedFor = openCase();
    const loaded = await wantedFor?.prepared.probability(candidate);
    const isWanted = openCase() === wantedFor && store.get().basis.candidate === candidate;
    if (!isWanted) return;
    map = loaded ?? null;
    store.set({ hasProbability: map !== null });
  }

  store.subscribe(({ basis, hasProbability, current }, before) => {
    if (basis.candidate === before.basis.candidate) return;
    map = null;
    if (hasProbability) store.set({ hasProbability: false });
    if (basis.candidate && !current?.blind) load(basis.candidate).catch(() => undefined);
  });
  return () => map;
}

/**
 * Return the undo. An unfinished gesture is ended first, so that undo takes back just that. A ruler
 * leaves nothing on the mask: undo then only ends it.
 */
function createUndo(room: Room, input: () => PointerInput, endGesture: () => unknown) {
  const { store, openCase } = room;
  return (): void => {
    const before = store.get();
    endGesture();
    const { stroke, corners } = store.get();
    const isMarked = stroke !== before.stroke || corners !== before.corners;
    if (before.isDrawing && !isMarked) return;
    if (!input().takeCorner()) openCase()?.maskDocument.undo();
  };
}

function createThresholdHandlers(room: Room, input: () => PointerInput) {
  const { store, openCase } = room;
  const probabilityMap = holdProbabilityMap(room);
  return {
    slideThreshold: (t8) => {
      if (store.get().isDrawing) input().end();
      const maskDocument = openCase()?.maskDocument;
      const map = probabilityMap();
      const from = maskDocument?.basis().threshold ?? null;
      if (!maskDocument || !map || from === null || store.get().isBusy) return;
      maskDocument.restart();
      moveThreshold(maskDocument.mask, map, from, t8);
      maskDocument.touch(wholeRect(maskDocument.mask));
      store.set({ threshold: t8 });
    },
    settleThreshold: () => {
      const maskDocument = openCase()?.maskDocument;
      // Undo in the middle of a drag has ended it already and moved the threshold: show that one.
      if (!input().end() && maskDocument) store.set({ threshold: maskDocument.basis().threshold });
    },
  } satisfies Partial<ActionHandlers>;
}

export function createMaskHandlers(room: Room, input: () => PointerInput) {
  const { store, openCase } = room;
  showCopySource(room);

  /** End the gesture under way, as a step of its own, and return the mask document to change. */
  function endGesture(): MaskDocument | undefined {
    input().end();
    return openCase()?.maskDocument;
  }

  const pick = createPick(room, endGesture);
  const notify = (error: Error) => store.set({ notice: error.message });
  return {
    cleanUp: (kind) => {
      endGesture();
      cleanUp(room, kind);
    },
    clipToLung: () => void clipToLung(room, endGesture).catch(notify),
    undo: createUndo(room, input, endGesture),
    redo: () => void endGesture()?.redo(),
    pick: (index) => void pick(index).catch(notify),
    ...createThresholdHandlers(room, input),
  } satisfies Partial<ActionHandlers>;
}
