/** The verbs, bound to the room, the flow between cases and the dialogs. */

import type { ReadingConfig } from "../../api/types";
import { isBlank } from "../../mask/bitmap";
import { words } from "../../words";
import type { Verbs } from "../actions/handlers";
import type { Registry } from "../actions/registry";
import { isCompareShown } from "../actions/state";
import { isAtWork } from "../drawing/idle";
import type { Hand } from "../drawing/pointerinput";
import { type MaskLook, shownLook } from "../drawing/state";
import { toggled } from "../film/layers";
import {
  askExclusionReason,
  askNote,
  confirmNoInfection,
  showGuideline,
  showShortcutSheet,
} from "../panels/dialogs";
import { filmVerbs } from "./filmhandlers";
import type { Flow } from "./flow";
import { maskVerbs } from "./maskhandlers";
import type { Room } from "./room";

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
      if (isAtWork(room)) return;
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

function viewVerbs({ room }: VerbParts) {
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
    sitting?.jotter.write({ note });
  }

  async function showLastCases(): Promise<void> {
    if (hand().settle()) return;
    // The case accepted a moment ago is the first that one goes back to.
    if (!store.get().outgoing?.problem) await flow.sent();
    const chosen = await askLastCase();
    if (chosen === null || chosen === store.get().current?.assignment) return;
    hand().end();
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
      room.sitting()?.jotter.write({ flagged: isFlagged });
    },
    editNote: () => void editNote(),
    noInfection: () => void (hand().settle() || noInfection()),
    saveForLater: () => void (hand().settle() || flow.saveForLater()),
    accept: () => {
      if (hand().settle()) return;
      const sitting = room.sitting();
      if (!sitting) return;
      const isPickComing = sitting.case.candidates.some(({ id }) => id === store.get().picked);
      // Not the mask before it, which the reader has just turned away from.
      if (isPickComing) store.set({ notice: words.notices.pickComing });
      else if (isBlank(sitting.desk.mask)) store.set({ notice: words.notices.nothingMarked });
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
      room.sitting()?.jotter.retry();
    },
    signIn: () => {
      hand().end(); // the question waits for it
      signIn();
    },
  } satisfies Partial<Verbs>;
}

export function createVerbs(parts: VerbParts): Verbs {
  return {
    ...filmVerbs(parts.room, parts.hand),
    ...viewVerbs(parts),
    ...compareVerbs(parts),
    ...maskVerbs(parts.room, parts.hand),
    ...caseVerbs(parts),
  };
}
