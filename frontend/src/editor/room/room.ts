/** The room: the shown state, the open case and its pictures. Opens and closes cases. */

import type { Client } from "../../api/client";
import type { Case, Problem } from "../../api/types";
import type { Mask, Rect } from "../../mask/bitmap";
import { words } from "../../words";
import { INITIAL_STATE, type RoomState } from "../actions/state";
import type { Codec } from "../film/codec";
import type { Film } from "../film/film";
import type { Prepared } from "../film/prepare";
import { createStore, type Store } from "../page/store";
import { dropCase, type JournaledCase, readJournal } from "../saving/journal";
import { type OpenCase, type OpenCaseListeners, startOpenCase } from "../saving/opencase";
import { isPassing } from "../saving/pendingsubmission";
import { sayProblem } from "../saving/problems";
import type { SaveState } from "../saving/saveprogress";
import { type EndedCase, type Ending, isTabAlive, type OtherTabs } from "../saving/tabs";
import { gestureState, keptState, openingNotice, openState, restoreState } from "./casetransitions";
import { createFigures } from "./figures";
import { createPictures } from "./pictures";

export type RoomParts = {
  readonly client: Client;
  readonly codec: Codec;
  readonly db: IDBDatabase;
  readonly tab: string;
  readonly otherTabs: OtherTabs;
};

export type Room = {
  readonly store: Store<RoomState>;
  readonly openCase: () => OpenCase | null;
  readonly film: () => Film | null;
  readonly preview: () => ImageBitmap | null;
  readonly candidateMask: () => Mask | null;
  readonly onPaint: (listener: (rect: Rect | "all") => void) => void;
  readonly onConflict: (listener: (openCase: OpenCase) => void) => void;
  readonly open: (prepared: Prepared) => Promise<void>;
  /** Leave the case. What was drawn stays in the journal. */
  readonly close: () => void;
  /** Take the case off the screen while its saver goes on. It may be brought back. */
  readonly setAside: () => CaseSetAside | null;
  readonly bringBack: (former: CaseSetAside) => void;
  /** A case was submitted or put back: delete its journal and tell the other tabs. */
  readonly finish: (openCase: OpenCase, ending: Ending) => Promise<void>;
  readonly showCandidate: (candidate: string | null) => void;
};

/** A case that is not shown and has not ended, with the state that the room showed of it. */
export type CaseSetAside = { readonly openCase: OpenCase; readonly state: RoomState };

/** What the room shows of the open case while that is drawn on and saved. */
type Screen = {
  readonly store: Store<RoomState>;
  readonly repaint: (rect: Rect | "all") => void;
  readonly showGesture: () => void;
  readonly countCorners: () => void;
  readonly reportConflict: () => void;
};

function readKept(
  { db, tab }: RoomParts,
  { assignment, times_submitted }: Case,
): Promise<JournaledCase | null> {
  return readJournal(db, assignment, tab, isTabAlive, times_submitted).catch(() => null);
}

/**
 * How an open case reports to the screen. A case that was set aside goes on saving and reports
 * nothing, because another case is shown; `isShown` tells the two apart.
 */
function listenersOf(screen: Screen, isShown: () => boolean): OpenCaseListeners {
  const { store, repaint, showGesture, countCorners, reportConflict } = screen;
  let { activeSeconds } = store.get();
  return {
    activeSeconds: () => {
      if (isShown()) activeSeconds = store.get().activeSeconds;
      return activeSeconds;
    },
    onPaint: repaint,
    onGesture: showGesture,
    onPolygon: countCorners,
    onSave: (save: SaveState) => {
      if (!isShown()) return;
      const before = store.get().save.phase;
      store.set({ save });
      if (before !== "conflict") reportConflict();
    },
    onNote: (noteProblem: Problem | null) => {
      if (!isShown()) return;
      store.set({ noteProblem });
      // A problem that passes is shown in the header only.
      if (noteProblem && !isPassing(noteProblem)) store.set({ notice: sayProblem(noteProblem) });
    },
    onKept: (stroke: number) => {
      const change = keptState(store.get(), stroke);
      if (isShown() && change) store.set(change);
    },
    onJournalFailure: (journalFailure: string) => {
      if (isShown()) store.set({ journalFailure });
    },
  };
}

/** The case was ended in another tab: what is drawn here can no longer be submitted. */
function endHere({ store }: Room, openCase: OpenCase, ending: Ending): void {
  const { maskDocument, saver } = openCase;
  const unsaved = maskDocument.stroke() - saver.state().savedStroke;
  const isKept = store.get().journalFailure === null;
  const detail = words.notices.over(ending === "put_back", unsaved, isKept);
  store.set({ notice: "" });
  saver.end({ status: 409, code: ending, detail });
}

/** The open case, and how it is shown, set aside and closed. */
function createDisplay(store: Store<RoomState>) {
  const paintListeners: ((rect: Rect | "all") => void)[] = [];
  const conflictListeners: ((openCase: OpenCase) => void)[] = [];
  let openCase: OpenCase | null = null;
  /** Counts the cases that were shown: what was asked for an earlier one comes too late. */
  let turn = 0;
  const refreshFigures = createFigures(store, (other) => other === openCase);

  const repaint = (rect: Rect | "all") => {
    for (const listener of paintListeners) listener(rect);
  };
  const pictures = createPictures(store, repaint);

  function showGesture(): void {
    if (!openCase) return;
    store.set(gestureState(store.get(), openCase.maskDocument));
    refreshFigures(openCase);
  }

  function countCorners(): void {
    store.set({ corners: openCase?.maskDocument.polygon()?.corners.length ?? 0 });
  }

  function reportConflict(): void {
    if (openCase?.saver.state().phase !== "conflict") return;
    for (const listener of conflictListeners) listener(openCase);
  }

  function show(next: OpenCase): void {
    const shownTurn = turn;
    openCase = next;
    store.set({ save: next.saver.state() });
    showGesture();
    countCorners();
    repaint("all");
    pictures.show(next.prepared, () => shownTurn === turn);
  }

  function setAside(): CaseSetAside | null {
    const former = openCase && { openCase, state: store.get() };
    turn++;
    openCase = null;
    return former;
  }

  function close(): void {
    openCase?.recordTime();
    setAside()?.openCase.stop();
    pictures.clear();
  }

  return {
    ...{ pictures, repaint, showGesture, countCorners, reportConflict, show, setAside, close },
    openCase: () => openCase,
    turn: () => turn,
    onPaint: (listener: (rect: Rect | "all") => void) => void paintListeners.push(listener),
    onConflict: (listener: (openCase: OpenCase) => void) => void conflictListeners.push(listener),
  };
}

export function createRoom(parts: RoomParts): Room {
  const { db, tab, otherTabs } = parts;
  const store = createStore<RoomState>(INITIAL_STATE);
  const display = createDisplay(store);
  const { pictures, openCase, turn, show, setAside, close, onPaint, onConflict } = display;

  async function open(prepared: Prepared): Promise<void> {
    close();
    const openTurn = turn();
    const next = prepared.case;
    const [kept, draft] = await Promise.all([readKept(parts, next), prepared.draft]);
    if (openTurn !== turn()) return;
    store.set(openState(store.get(), next, kept?.head));
    let opened: OpenCase | null = null;
    const isShown = () => (opened === null ? openTurn === turn() : opened === openCase());
    const listeners = listenersOf({ store, ...display }, isShown);
    opened = startOpenCase({ ...parts, ...listeners, prepared, kept, draft });
    show(opened);
    const hasPolygon = opened.maskDocument.polygon() !== null;
    if (hasPolygon) store.set({ tool: "polygon" });
    store.set({ notice: openingNotice(next, hasPolygon, kept?.head) });
  }

  function bringBack(former: CaseSetAside): void {
    close();
    store.set(restoreState(store.get(), former.state));
    show(former.openCase);
    display.reportConflict();
  }

  async function finish(ended: OpenCase, ending: Ending): Promise<void> {
    const { assignment } = ended.case;
    ended.stop();
    otherTabs.announceEnd({ assignment, ending });
    await dropCase(db, assignment, tab, isTabAlive).catch(() => undefined);
  }

  function showCandidate(candidate: string | null): void {
    pictures.showCandidate(candidate, openCase()?.prepared ?? null).catch(() => undefined);
  }

  const { film, preview, candidateMask } = pictures;
  const showing = { store, openCase, film, preview, candidateMask, onPaint, onConflict };
  const room: Room = { ...showing, open, close, setAside, bringBack, finish, showCandidate };
  otherTabs.onEnd(({ assignment, ending }: EndedCase) => {
    const shown = openCase();
    if (shown?.case.assignment === assignment) endHere(room, shown, ending);
  });
  return room;
}
