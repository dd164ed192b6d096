/** The room's memory: the shown state, the case on the desk, and its film. Opens and closes cases. */

import type { Client } from "../../api/client";
import type { Case } from "../../api/types";
import type { Mask, Rect } from "../../mask/bitmap";
import { overlap } from "../../mask/bitmap";
import { words } from "../../words";
import { FRESH_CASE, INITIAL_STATE, type RoomState } from "../actions/state";
import type { Figure } from "../drawing/state";
import type { Codec } from "../film/codec";
import type { Film } from "../film/film";
import type { Prepared } from "../film/prepare";
import { isReopened } from "../film/state";
import { fitImage } from "../film/viewport";
import { createStore, type Store } from "../page/store";
import { dropCase, type JournaledCase, readJournal } from "../saving/journal";
import { type OpenCase, startOpenCase } from "../saving/opencase";
import { isPassing } from "../saving/pendingsubmission";
import { sayProblem } from "../saving/problems";
import { type Ending, isTabAlive, type OtherTabs } from "../saving/tabs";

const FIGURES_AFTER_MS = 150;

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
  readonly peek: () => Mask | null;
  readonly onPaint: (listener: (rect: Rect | "all") => void) => void;
  readonly onConflict: (listener: (openCase: OpenCase) => void) => void;
  readonly open: (prepared: Prepared) => Promise<void>;
  /** Leave the case; what was drawn stays in the journal. */
  readonly close: () => void;
  /** Take the case off the desk; its saver goes on. */
  readonly park: () => Parked | null;
  readonly bringBack: (parked: Parked) => void;
  /** A case was submitted or put back: its journal goes and other tabs are told. */
  readonly finish: (openCase: OpenCase, ending: Ending) => Promise<void>;
  readonly setPeek: (candidate: string | null) => void;
};

/** A case that is off the desk and not over, with what the room showed of it. */
export type Parked = { readonly openCase: OpenCase; readonly state: RoomState };

export function createRoom(parts: RoomParts): Room {
  const store = createStore<RoomState>(INITIAL_STATE);
  const paintListeners: ((rect: Rect | "all") => void)[] = [];
  const conflictListeners: ((openCase: OpenCase) => void)[] = [];
  let openCase: OpenCase | null = null;
  let film: Film | null = null;
  let preview: ImageBitmap | null = null;
  let peek: Mask | null = null;
  let figuresTimer: ReturnType<typeof setTimeout> | undefined;
  let turn = 0;

  const repaint = (rect: Rect | "all") => {
    for (const listener of paintListeners) listener(rect);
  };

  async function refreshFigures(now: OpenCase): Promise<void> {
    const figures: Record<string, Figure> = {};
    for (const candidate of now.case.candidates) {
      const mask = await now.prepared.candidates.get(candidate.id);
      // A stroke that begins meanwhile must not wait for all of them.
      await new Promise((done) => setTimeout(done));
      if (now !== openCase) return;
      if (mask) figures[candidate.id] = overlap(now.maskDocument.mask, mask);
    }
    store.set({ figures });
  }

  function gestureDone(): void {
    const now = openCase;
    if (!now) return;
    const { maskDocument } = now;
    const basis = maskDocument.basis();
    const stroke = maskDocument.stroke();
    const threshold = basis.threshold ?? store.get().threshold;
    const [canUndo, canRedo] = [maskDocument.canUndo(), maskDocument.canRedo()];
    store.set({ canUndo, canRedo, stroke, basis, threshold, notice: "" });
    if (now.case.blind) return;
    clearTimeout(figuresTimer);
    figuresTimer = setTimeout(
      () => void refreshFigures(now).catch(() => undefined),
      FIGURES_AFTER_MS,
    );
  }

  function countCorners(): void {
    store.set({ corners: openCase?.maskDocument.polygon()?.corners.length ?? 0 });
  }

  async function showPictures(prepared: Prepared, mine: number): Promise<void> {
    const early = await prepared.preview;
    if (mine !== turn) return;
    preview = early;
    store.set({});
    repaint("all");
    const full = await prepared.film;
    if (mine !== turn) return;
    film = full;
    store.set({ hasFilm: true });
    repaint("all");
  }

  function readKept({ assignment, times_submitted }: Case): Promise<JournaledCase | null> {
    const { db, tab } = parts;
    return readJournal(db, assignment, tab, isTabAlive, times_submitted).catch(() => null);
  }

  async function open(prepared: Prepared): Promise<void> {
    close();
    const mine = turn;
    const next = prepared.case;
    const { image } = next;
    const [kept, draft] = await Promise.all([readKept(next), prepared.draft]);
    if (mine !== turn) return;
    store.set({
      ...FRESH_CASE,
      phase: "reading",
      current: next,
      view: fitImage(store.get().view, image),
      window: { center: image.window_center, width: image.window_width },
      isFlagged: kept?.head.jotted?.flagged ?? next.flagged,
      note: kept?.head.jotted?.note ?? next.note,
      activeSeconds: kept?.head.activeSeconds ?? 0,
    });
    let own: OpenCase | null = null;
    // A parked case goes on saving and says nothing; it may come back.
    const isShown = () => (own === null ? mine === turn : own === openCase);
    let activeSeconds = store.get().activeSeconds;
    own = startOpenCase({
      ...parts,
      prepared,
      kept,
      draft,
      activeSeconds: () => {
        if (isShown()) activeSeconds = store.get().activeSeconds;
        return activeSeconds;
      },
      onPaint: repaint,
      onGesture: gestureDone,
      onPolygon: countCorners,
      onSave: (save) => {
        if (!isShown()) return;
        const before = store.get().save.phase;
        store.set({ save });
        if (before !== "conflict") reportConflict();
      },
      onNote: (noteProblem) => {
        if (!isShown()) return;
        store.set({ noteProblem });
        // What comes again by itself is said in the header.
        if (noteProblem && !isPassing(noteProblem)) store.set({ notice: sayProblem(noteProblem) });
      },
      onKept: (stroke) => {
        const { keptStroke, journalFailure } = store.get();
        if (isShown() && (stroke > keptStroke || journalFailure !== null))
          store.set({ keptStroke: Math.max(stroke, keptStroke), journalFailure: null });
      },
      onJournalFailure: (journalFailure) => {
        if (isShown()) store.set({ journalFailure });
      },
    });
    seat(own);
    if (own.maskDocument.polygon()) store.set({ tool: "polygon" });
    const { reopened, polygonOpen, stepsLost } = words.notices;
    const notices = [
      isReopened(next) ? reopened : "",
      own.maskDocument.polygon() ? polygonOpen : "",
      kept?.head.hasLostSteps ? stepsLost : "",
    ];
    store.set({ notice: notices.filter(Boolean).join(" ") });
  }

  function reportConflict(): void {
    if (openCase?.saver.state().phase === "conflict")
      for (const listener of conflictListeners) listener(openCase);
  }

  /** The case is on the desk: show it. */
  function seat(now: OpenCase): void {
    const mine = turn;
    openCase = now;
    store.set({ save: now.saver.state() });
    gestureDone();
    countCorners();
    repaint("all");
    showPictures(now.prepared, mine).catch((error: Error) => {
      if (mine === turn) store.set({ notice: error.message });
    });
  }

  function park(): Parked | null {
    const parked = openCase && { openCase, state: store.get() };
    turn++;
    openCase = null;
    return parked;
  }

  function close(): void {
    openCase?.noteTime();
    park()?.openCase.stop();
    film = null;
    preview = null;
    peek = null;
  }

  function bringBack({ openCase: now, state }: Parked): void {
    close();
    const { current, window, isFlagged, note, activeSeconds, keptStroke, journalFailure } = state;
    store.set({
      ...FRESH_CASE,
      ...{ phase: "reading", current, window, isFlagged, note, activeSeconds },
      ...{ keptStroke, journalFailure },
      view: fitImage(store.get().view, now.case.image),
    });
    seat(now);
    reportConflict();
  }

  async function finish(over: OpenCase, ending: Ending): Promise<void> {
    const { assignment } = over.case;
    over.stop();
    parts.otherTabs.announceEnd({ assignment, ending });
    await dropCase(parts.db, assignment, parts.tab, isTabAlive).catch(() => undefined);
  }

  /** The case on this desk is over in another tab: what is drawn here can no longer enter. */
  parts.otherTabs.onEnd(({ assignment, ending }) => {
    if (!openCase || openCase.case.assignment !== assignment) return;
    const { maskDocument, saver } = openCase;
    const unsaved = maskDocument.stroke() - saver.state().savedStroke;
    const isKept = store.get().journalFailure === null;
    const detail = words.notices.over(ending === "put_back", unsaved, isKept);
    store.set({ notice: "" });
    saver.end({ status: 409, code: ending, detail });
  });

  async function setPeek(candidate: string | null): Promise<void> {
    store.set({ peek: candidate });
    const mask = candidate ? await openCase?.prepared.candidates.get(candidate) : null;
    if (store.get().peek !== candidate) return;
    peek = mask ?? null;
    repaint({ x0: 0, y0: 0, x1: 0, y1: 0 });
  }

  return {
    store,
    openCase: () => openCase,
    film: () => film,
    preview: () => preview,
    peek: () => peek,
    onPaint: (listener) => void paintListeners.push(listener),
    onConflict: (listener) => void conflictListeners.push(listener),
    open,
    close,
    park,
    bringBack,
    finish,
    setPeek: (candidate) => void setPeek(candidate).catch(() => undefined),
  };
}
