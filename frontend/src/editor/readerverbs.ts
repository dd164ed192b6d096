/** The verbs, bound to the room, the flow between cases and the dialogs. */

import type { ReadingConfig } from "../api/types";
import { isBlank, wholeRect } from "../mask/bitmap";
import { type ByteMap, moveThreshold } from "../mask/probability";
import type { Registry } from "./actions";
import { cleanUp, clipToLung } from "./cleanup";
import { askExclusionReason, askNote, confirmNoInfection, showShortcutSheet } from "./dialogs";
import type { Flow } from "./flow";
import { toggled } from "./layers";
import type { Room } from "./room";
import { copySource, type MaskLook, type RoomState } from "./state";
import type { Verbs } from "./verbs";
import { fitImage } from "./viewport";

const NEXT_LOOK: Readonly<Record<MaskLook, MaskLook>> = {
  fill: "outline",
  outline: "hidden",
  hidden: "fill",
};

export type VerbParts = {
  readonly room: Room;
  readonly flow: Flow;
  readonly registry: Registry;
  readonly config: ReadingConfig;
  readonly cancelGesture: () => void;
  readonly closePolygon: () => boolean;
  readonly signIn: () => void;
};

function viewVerbs({ room, cancelGesture }: VerbParts) {
  const { store } = room;
  return {
    chooseTool: (tool) => store.set({ tool }),
    toggleSubtract: () => store.set({ isSubtracting: !store.get().isSubtracting }),
    setRadius: (radius) => store.set({ radius }),
    setView: (view) => store.set({ view }),
    fit: () => {
      const { view, current } = store.get();
      if (current) store.set({ view: fitImage(view, current.image) });
    },
    setWindow: (window, isWindowing) => store.set({ window, isWindowing }),
    resetWindow: () => {
      const image = store.get().current?.image;
      if (!image) return;
      const window = { center: image.window_center, width: image.window_width };
      store.set({ window, isInverted: false });
    },
    toggleInvert: () => store.set({ isInverted: !store.get().isInverted }),
    cycleLook: () => store.set({ look: NEXT_LOOK[store.get().look] }),
    toggleLayer: (layer) => store.set({ layers: toggled(store.get().layers, layer) }),
    setOpacity: (opacity) => store.set({ opacity }),
    setNaked: (isNaked) => store.get().isNaked !== isNaked && store.set({ isNaked }),
    setPeek: room.setPeek,
    copyFrom: (copyFrom) => store.set({ copyFrom, tool: "copy" }),
    cancelGesture,
    cleanUp: (kind) => {
      cancelGesture();
      cleanUp(room, kind);
    },
    clipToLung: () =>
      void clipToLung(room, cancelGesture).catch((error: Error) =>
        store.set({ notice: error.message }),
      ),
    undo: () => void room.sitting()?.desk.undo(),
    redo: () => void room.sitting()?.desk.redo(),
  } satisfies Partial<Verbs>;
}

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

/** Picking and thresholding; the probability map comes from the server when it is first wanted. */
function candidateVerbs({ room, cancelGesture }: VerbParts) {
  const { store } = room;
  holdPeek(room);
  let map: { readonly candidate: string; readonly values: ByteMap } | null = null;

  async function pick(index: number): Promise<void> {
    const sitting = room.sitting();
    const candidate = sitting?.case.candidates[index];
    if (!sitting || !candidate || store.get().isBusy) return;
    const mask = await sitting.prepared.candidates.get(candidate.id);
    if (!mask || room.sitting() !== sitting) return;
    cancelGesture();
    sitting.desk.replace(mask, { candidate: candidate.id, threshold: candidate.threshold });
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
    pick: (index) => void pick(index).catch((error: Error) => store.set({ notice: error.message })),
    slideThreshold: (t8) => {
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
      if (!desk) return;
      const { threshold } = store.get();
      // Undo in the middle of a drag took the slide back: the slider follows the mask.
      if (desk.isRunning()) desk.commit({ ...desk.basis(), threshold });
      else store.set({ threshold: desk.basis().threshold });
    },
  } satisfies Partial<Verbs>;
}

function caseVerbs(parts: VerbParts) {
  const { room, flow, config, registry, cancelGesture, closePolygon, signIn } = parts;
  const { store } = room;

  async function askExclusion(): Promise<void> {
    const sitting = room.sitting();
    const reason = await askExclusionReason();
    if (reason && room.sitting() === sitting) await flow.submit("exclude", reason);
  }

  async function editNote(): Promise<void> {
    const sitting = room.sitting();
    const note = await askNote(store.get().note);
    if (note === null || room.sitting() !== sitting) return;
    store.set({ note });
    await flow.patch({ note });
  }

  async function noInfection(): Promise<void> {
    const sitting = room.sitting();
    if (!sitting) return;
    const isSure = isBlank(sitting.desk.mask) || (await confirmNoInfection());
    if (isSure && room.sitting() === sitting) await flow.submit("no_infection");
  }

  return {
    askExclusion: () => void askExclusion(),
    toggleFlag: () => {
      const isFlagged = !store.get().isFlagged;
      store.set({ isFlagged });
      void flow.patch({ flagged: isFlagged });
    },
    editNote: () => void editNote(),
    noInfection: () => void noInfection(),
    saveForLater: () => void flow.saveForLater(),
    accept: () => {
      // An outline that is still open is work: it ends first, and is seen before it is sent.
      if (closePolygon()) return;
      cancelGesture();
      const sitting = room.sitting();
      if (!sitting) return;
      if (isBlank(sitting.desk.mask))
        store.set({ notice: "Nothing is marked. Press 0 if there is no infection." });
      else void flow.submit("accept");
    },
    showShortcuts: () => showShortcutSheet(registry, config),
    skip: () => void flow.skip(),
    retry: () => room.sitting()?.saver.retry(),
    signIn,
  } satisfies Partial<Verbs>;
}

export function createVerbs(parts: VerbParts): Verbs {
  return { ...viewVerbs(parts), ...candidateVerbs(parts), ...caseVerbs(parts) };
}
