/** The room's memory: the shown state, the case on the desk, and its film. Opens and closes cases. */

import type { Client } from "../api/client";
import type { Mask, Rect } from "../mask/bitmap";
import { overlap } from "../mask/bitmap";
import type { Codec } from "./codec";
import type { Film } from "./film";
import { dropCase, type Kept, readJournal } from "./journal";
import type { Prepared } from "./prepare";
import { type Sitting, startSitting } from "./sitting";
import { type Figure, FRESH_CASE, INITIAL_STATE, type RoomState } from "./state";
import { createStore, type Store } from "./store";
import { isTabAlive, type Neighbours } from "./tabs";
import { fitImage } from "./viewport";

const FIGURES_AFTER_MS = 150;

export type RoomParts = {
  readonly client: Client;
  readonly codec: Codec;
  readonly db: IDBDatabase;
  readonly tab: string;
  readonly neighbours: Neighbours;
};

export type Room = {
  readonly store: Store<RoomState>;
  readonly sitting: () => Sitting | null;
  readonly film: () => Film | null;
  readonly preview: () => ImageBitmap | null;
  readonly peek: () => Mask | null;
  readonly onPaint: (listener: (rect: Rect | "all") => void) => void;
  readonly onConflict: (listener: (sitting: Sitting) => void) => void;
  readonly open: (prepared: Prepared) => Promise<void>;
  /** Leave a case; `isDone`: it was submitted, so its journal goes and other tabs are told. */
  readonly close: (isDone: boolean) => Promise<void>;
  readonly setPeek: (candidate: string | null) => void;
};

/** What a tab says whose case was submitted in another one. */
export function overWords(unsaved: number, isKept: boolean): string {
  const over = "You submitted this case in another tab";
  if (unsaved <= 0) return `${over}. Nothing drawn here enters it any more.`;
  const count = unsaved === 1 ? "the last stroke" : `the last ${unsaved} strokes`;
  const kept = isKept ? " The mask stays in this browser for up to 30 days." : "";
  const sent = " If it reached the server, a curator can get it back for 30 days.";
  return `${over}, without ${count} drawn here.${kept}${sent}`;
}

export function createRoom(parts: RoomParts): Room {
  const store = createStore<RoomState>(INITIAL_STATE);
  const painters: ((rect: Rect | "all") => void)[] = [];
  const judges: ((sitting: Sitting) => void)[] = [];
  let sitting: Sitting | null = null;
  let film: Film | null = null;
  let preview: ImageBitmap | null = null;
  let peek: Mask | null = null;
  let figuresTimer: ReturnType<typeof setTimeout> | undefined;
  let turn = 0;

  const repaint = (rect: Rect | "all") => {
    for (const painter of painters) painter(rect);
  };

  async function refreshFigures(now: Sitting): Promise<void> {
    const figures: Record<string, Figure> = {};
    for (const candidate of now.case.candidates) {
      const mask = await now.prepared.candidates.get(candidate.id);
      if (mask) figures[candidate.id] = overlap(now.desk.mask, mask);
      if (now !== sitting) return;
    }
    store.set({ figures });
  }

  function gestureDone(): void {
    const now = sitting;
    if (!now) return;
    const { desk } = now;
    const basis = desk.basis();
    const stroke = desk.stroke();
    store.set({ canUndo: desk.canUndo(), canRedo: desk.canRedo(), stroke, basis, notice: "" });
    if (basis.threshold !== null) store.set({ threshold: basis.threshold });
    if (now.case.blind) return;
    clearTimeout(figuresTimer);
    figuresTimer = setTimeout(
      () => void refreshFigures(now).catch(() => undefined),
      FIGURES_AFTER_MS,
    );
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

  function readKept(assignment: string): Promise<Kept | null> {
    return readJournal(parts.db, assignment, parts.tab, isTabAlive).catch(() => null);
  }

  async function open(prepared: Prepared): Promise<void> {
    const mine = ++turn;
    const next = prepared.case;
    const { image } = next;
    film = null;
    preview = null;
    peek = null;
    sitting?.saver.stop();
    sitting = null;
    const [kept, draft] = await Promise.all([readKept(next.assignment), prepared.draft]);
    if (mine !== turn) return;
    store.set({
      ...FRESH_CASE,
      phase: "reading",
      current: next,
      view: fitImage(store.get().view, image),
      window: { center: image.window_center, width: image.window_width },
      isFlagged: next.flagged,
      note: next.note,
      activeSeconds: kept?.head.activeSeconds ?? 0,
    });
    sitting = startSitting({
      ...parts,
      prepared,
      kept,
      draft,
      activeSeconds: () => store.get().activeSeconds,
      onPaint: repaint,
      onGesture: gestureDone,
      onSave: (save) => {
        const before = store.get().save.phase;
        store.set({ save });
        if (save.phase === "conflict" && before !== "conflict" && sitting)
          for (const judge of judges) judge(sitting);
      },
      onKept: (stroke) => {
        const { keptStroke, journalFailure } = store.get();
        if (mine === turn && (stroke > keptStroke || journalFailure !== null))
          store.set({ keptStroke: Math.max(stroke, keptStroke), journalFailure: null });
      },
      onJournalFailure: (journalFailure) => {
        if (mine === turn) store.set({ journalFailure });
      },
    });
    store.set({ save: sitting.saver.state() });
    gestureDone();
    repaint("all");
    showPictures(prepared, mine).catch((error: Error) => {
      if (mine === turn) store.set({ notice: error.message });
    });
  }

  async function close(isDone: boolean): Promise<void> {
    const now = sitting;
    turn++;
    sitting = null;
    now?.saver.stop();
    if (!now || !isDone) return;
    const { assignment } = now.case;
    parts.neighbours.tellSubmitted(assignment);
    await dropCase(parts.db, assignment, parts.tab, isTabAlive).catch(() => undefined);
  }

  /** Another tab submitted the case that is on this desk: what is drawn here can no longer enter. */
  parts.neighbours.onSubmitted((assignment) => {
    if (!sitting || sitting.case.assignment !== assignment) return;
    const { desk, saver } = sitting;
    const unsaved = desk.stroke() - saver.state().savedStroke;
    const detail = overWords(unsaved, store.get().journalFailure === null);
    store.set({ notice: "" });
    saver.end({ status: 409, code: "already_submitted", detail });
  });

  async function setPeek(candidate: string | null): Promise<void> {
    store.set({ peek: candidate });
    const mask = candidate ? await sitting?.prepared.candidates.get(candidate) : null;
    if (store.get().peek !== candidate) return;
    peek = mask ?? null;
    repaint({ x0: 0, y0: 0, x1: 0, y1: 0 });
  }

  return {
    store,
    sitting: () => sitting,
    film: () => film,
    preview: () => preview,
    peek: () => peek,
    onPaint: (listener) => void painters.push(listener),
    onConflict: (listener) => void judges.push(listener),
    open,
    close,
    setPeek: (candidate) => void setPeek(candidate).catch(() => undefined),
  };
}
