/** Binds all actions to the room, to the flow between cases and to the dialogs. */

import type { ReadingConfig } from "../../api/types";
import { isBlank } from "../../mask/bitmap";
import { words } from "../../words";
import type { ActionHandlers } from "../actions/handlers";
import type { Registry } from "../actions/registry";
import { isCompareShown } from "../actions/state";
import { isInteracting } from "../drawing/idle";
import type { PointerInput } from "../drawing/pointerinput";
import { type MaskLook, shownLook } from "../drawing/state";
import { toggled } from "../film/layers";
import { askExclusionReason, askNote, confirmNoInfection } from "../panels/questions";
import { showGuideline, showShortcutSheet } from "../panels/sheets";
import { createFilmHandlers } from "./filmhandlers";
import type { Flow } from "./flow";
import { createMaskHandlers } from "./maskhandlers";
import type { Room } from "./room";

const NEXT_LOOK: Readonly<Record<MaskLook, MaskLook>> = {
  fill: "outline",
  outline: "hidden",
  hidden: "fill",
  difference: "fill",
};

export type HandlerParts = {
  readonly room: Room;
  readonly flow: Flow;
  readonly registry: Registry;
  readonly config: ReadingConfig;
  /** The pointer input. It calls the handlers, so it is made after them. */
  readonly pointerInput: () => PointerInput;
  readonly askLastCase: () => Promise<string | null>;
  readonly signIn: () => void;
};

function createCompareHandlers({ room, pointerInput }: HandlerParts) {
  const { store } = room;
  return {
    toggleCompare: () => {
      // The panes change their size. That must not move the film under a stroke.
      if (isInteracting(room)) return;
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
      if (!pointerInput().escape() && isCompareShown(store.get()))
        store.set({ isComparing: false });
    },
  } satisfies Partial<ActionHandlers>;
}

function createViewHandlers({ room }: HandlerParts) {
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
    setOnlyFilmShown: (isOn) =>
      store.get().isOnlyFilmShown !== isOn && store.set({ isOnlyFilmShown: isOn }),
    showCandidate: room.showCandidate,
    copyFrom: (copyFrom) => store.set({ copyFrom, tool: "copy", isRegionNext: false }),
  } satisfies Partial<ActionHandlers>;
}

function createCaseHandlers(parts: HandlerParts) {
  const { room, flow, config, registry, pointerInput, askLastCase, signIn } = parts;
  const { store } = room;

  async function askExclusion(): Promise<void> {
    const openCase = room.openCase();
    const reason = await askExclusionReason();
    if (reason && room.openCase() === openCase) await flow.submit("exclude", reason);
  }

  async function editNote(): Promise<void> {
    const openCase = room.openCase();
    const note = await askNote(store.get().note);
    if (note === null || room.openCase() !== openCase) return;
    store.set({ note });
    openCase?.noteSaver.write({ note });
  }

  async function showLastCases(): Promise<void> {
    if (pointerInput().settle()) return;
    // The reader most likely wants the case accepted a moment ago: it must be in the list.
    if (!store.get().outgoing?.problem) await flow.sent();
    const chosen = await askLastCase();
    if (chosen === null || chosen === store.get().current?.assignment) return;
    pointerInput().end();
    await flow.reopen(chosen);
  }

  async function noInfection(): Promise<void> {
    const openCase = room.openCase();
    if (!openCase) return;
    const isSure = isBlank(openCase.maskDocument.mask) || (await confirmNoInfection());
    if (isSure && room.openCase() === openCase) await flow.submit("no_infection");
  }

  // An unfinished drawing is work. It is ended first, and the reader sees it before anything is sent.
  return {
    askExclusion: () => void (pointerInput().settle() || askExclusion()),
    toggleFlag: () => {
      const isFlagged = !store.get().isFlagged;
      store.set({ isFlagged });
      room.openCase()?.noteSaver.write({ flagged: isFlagged });
    },
    editNote: () => void editNote(),
    noInfection: () => void (pointerInput().settle() || noInfection()),
    saveForLater: () => void (pointerInput().settle() || flow.saveForLater()),
    accept: () => {
      if (pointerInput().settle()) return;
      const openCase = room.openCase();
      if (!openCase) return;
      const isPickComing = openCase.case.candidates.some(({ id }) => id === store.get().picked);
      // Until the pick has loaded, the shown mask is the one that the reader wants to replace.
      if (isPickComing) store.set({ notice: words.notices.pickComing });
      else if (isBlank(openCase.maskDocument.mask))
        store.set({ notice: words.notices.nothingMarked });
      else void flow.submit("accept");
    },
    leaveAsItWas: () => void (pointerInput().settle() || flow.leaveAsItWas()),
    showLastCases: () => void showLastCases(),
    showGuideline: () => showGuideline(config),
    showShortcuts: () => showShortcutSheet(registry),
    skip: () => {
      pointerInput().settle();
      void flow.skip();
    },
    retry: () => {
      flow.retry();
      room.openCase()?.saver.retry();
      room.openCase()?.noteSaver.retry();
    },
    signIn: () => {
      pointerInput().end(); // the dialog waits until the gesture has ended
      signIn();
    },
  } satisfies Partial<ActionHandlers>;
}

export function createHandlers(parts: HandlerParts): ActionHandlers {
  return {
    ...createFilmHandlers(parts.room, parts.pointerInput),
    ...createViewHandlers(parts),
    ...createCompareHandlers(parts),
    ...createMaskHandlers(parts.room, parts.pointerInput),
    ...createCaseHandlers(parts),
  };
}
