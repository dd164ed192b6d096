/** The verbs, bound to the room, the flow between cases and the dialogs. */

import type { ReadingConfig } from "../api/types";
import { isBlank, wholeRect } from "../mask/bitmap";
import { type ByteMap, moveThreshold } from "../mask/probability";
import { words } from "../words";
import type { Registry } from "./actions";
import { cleanUp, clipToLung } from "./cleanup";
import { isCompareShown } from "./comparison";
import {
  askExclusionReason,
  askNote,
  confirmNoInfection,
  showGuideline,
  showShortcutSheet,
} from "./dialogs";
import { filmVerbs } from "./filmverbs";
import type { Flow } from "./flow";
import type { Hand } from "./hand";
import { toggled } from "./layers";
import type { Room } from "./room";
import { copySource, type MaskLook, type RoomState, shownLook } from "./state";
import type { Verbs } from "./verbs";

const NEXT_LOOK: Readonly<Record<MaskLook, MaskLook>> = {
  fill: "outline",
  outline: "hidden",
  hidden: "fill",
  difference: "fill",
};

export type VerbParts = {
  readonly room: Room;
  readonly flow: Flow;
  readonly registry: Registry;
  readonly config: ReadingConfig;
  /** What the pointer does; it is made after the verbs, which it calls. */
  readonly hand: () => Hand;
  readonly askLastCase: () => Promise<string | null>;
  readonly signIn: () => void;
};

function compareVerbs({ room, hand }: VerbParts) {
  const { store } = room;
  return {
    toggleCompare: () => {
      // The panes change their size, which must not move the film under a stroke.
      if (room.sitting()?.desk.isRunning()) return;
      store.set({ isComparing: !store.get().isComparing });
    },
    compareWith: (film) => {
      const { comparison } = store.get();
      if (!comparison || comparison.films.length === 0) return;
      const chosen = film ?? (comparison.chosen + 1) % comparison.films.length;
      store.set({ comparison: { ...comparison, chosen } });
    },
    retryCompare: () => store.set({ comparison: null }),
    escape: () => {
      if (!hand().escape() && isCompareShown(store.get())) store.set({ isComparing: false });
    },
  } satisfies Partial<Verbs>;
}

function viewVerbs({ room, hand }: VerbParts) {
  const { store } = room;
  return {
    chooseTool: (tool) => store.set({ tool, isRegionNext: false }),
    toggleSubtract: () => store.set({ isSubtracting: !store.get().isSubtracting }),
    setRadius: (radius) => store.set({ radius }),
    cycleLook: () => store.set({ look: NEXT_LOOK[shownLook(store.get())] }),
    toggleDifference: () =>
      store.set({ look: store.get().look === "difference" ? "fill" : "difference" }),
    toggleLayer: (layer) => store.set({ layers: toggled(store.get().layers, layer) }),
    setOpacity: (opacity) => store.set({ opacity }),
    prefer: (change) => store.set(change),
    setNaked: (isNaked) => store.get().isNaked !== isNaked && store.set({ isNaked }),
    setPeek: room.setPeek,
    copyFrom: (copyFrom) => store.set({ copyFrom, tool: "copy", isRegionNext: false }),
    cleanUp: (kind) => {
      hand().cancel();
      cleanUp(room, kind);
    },
    clipToLung: () =>
      void clipToLung(room, hand().cancel).catch((error: Error) =>
        store.set({ notice: error.message }),
      ),
    undo: () => void (hand().takeCorner() || room.sitting()?.desk.undo()),
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
function candidateVerbs({ room, hand }: VerbParts) {
  const { store } = room;
  holdPeek(room);
  let map: { readonly candidate: string; readonly values: ByteMap } | null = null;

  async function pick(index: number): Promise<void> {
    const sitting = room.sitting();
    const candidate = sitting?.case.candidates[index];
    if (!sitting || !candidate || store.get().isBusy) return;
    const mask = await sitting.prepared.candidates.get(candidate.id);
    if (!mask || room.sitting() !== sitting) return;
    hand().cancel();
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
  const { room, flow, config, registry, hand, askLastCase, signIn } = parts;
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

  async function showLastCases(): Promise<void> {
    if (hand().settle()) return;
    // The case accepted a moment ago is the first that one goes back to.
    if (!store.get().outgoing?.problem) await flow.sent();
    const chosen = await askLastCase();
    if (chosen === null || chosen === store.get().current?.assignment) return;
    hand().cancel();
    await flow.reopen(chosen);
  }

  async function noInfection(): Promise<void> {
    const sitting = room.sitting();
    if (!sitting) return;
    const isSure = isBlank(sitting.desk.mask) || (await confirmNoInfection());
    if (isSure && room.sitting() === sitting) await flow.submit("no_infection");
  }

  // What is begun and not ended is work: it ends first, and is seen before anything is sent.
  return {
    askExclusion: () => void (hand().settle() || askExclusion()),
    toggleFlag: () => {
      const isFlagged = !store.get().isFlagged;
      store.set({ isFlagged });
      void flow.patch({ flagged: isFlagged });
    },
    editNote: () => void editNote(),
    noInfection: () => void (hand().settle() || noInfection()),
    saveForLater: () => void (hand().settle() || flow.saveForLater()),
    accept: () => {
      if (hand().settle()) return;
      hand().cancel();
      const sitting = room.sitting();
      if (!sitting) return;
      if (isBlank(sitting.desk.mask)) store.set({ notice: words.notices.nothingMarked });
      else void flow.submit("accept");
    },
    leaveAsItWas: () => void (hand().settle() || flow.leaveAsItWas()),
    showLastCases: () => void showLastCases(),
    showGuideline: () => showGuideline(config),
    showShortcuts: () => showShortcutSheet(registry),
    skip: () => {
      hand().settle();
      void flow.skip();
    },
    retry: () => {
      flow.retry();
      room.sitting()?.saver.retry();
    },
    signIn,
  } satisfies Partial<Verbs>;
}

export function createVerbs(parts: VerbParts): Verbs {
  return {
    ...filmVerbs(parts.room, parts.hand),
    ...viewVerbs(parts),
    ...compareVerbs(parts),
    ...candidateVerbs(parts),
    ...caseVerbs(parts),
  };
}
