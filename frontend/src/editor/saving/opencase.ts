/** One case being read: desk, journal and saver bound together. Knows nothing of the screen. */

import type { Client } from "../../api/client";
import type { Case, Problem } from "../../api/types";
import { createMask, fingerprint, type Mask, type Rect } from "../../mask/bitmap";
import { words } from "../../words";
import {
  createMaskDocument,
  type MaskDocument,
  type MaskDocumentStart,
} from "../drawing/maskdocument";
import { EMPTY_HISTORY, NO_BASIS } from "../drawing/undo";
import type { Codec } from "../film/codec";
import type { Prepared } from "../film/prepare";
import { type Head, isOutdated, type JournaledCase } from "./journal";
import { createJournalWriter, isFull } from "./journalwriter";
import { createNoteSaver, type NoteSaver } from "./notesaver";
import { createSaver, type Saver, type SaveState } from "./saver";
import { randomId } from "./tabs";

export type Start = MaskDocumentStart & {
  readonly savedStroke: number;
  readonly etag: string | null;
  readonly sent: readonly string[];
};

/** Where reading goes on: from the server's draft, or from the journal where it knows more. */
export function startFrom(next: Case, draft: Mask | null, kept: JournaledCase | null): Start {
  const { width, height } = next.image;
  const isFitting = kept?.mask.width === width && kept.mask.height === height;
  const onServer: Start = {
    mask: draft ?? createMask(width, height),
    stroke: next.draft?.stroke ?? 0,
    savedStroke: next.draft?.stroke ?? 0,
    etag: next.draft?.etag ?? null,
    sent: [],
    basis: next.draft
      ? { candidate: next.draft.candidate, threshold: next.draft.threshold }
      : NO_BASIS,
    history: EMPTY_HISTORY,
    // Its corners are places on the film, whatever mask lies there now.
    polygon: (isFitting && kept.head.polygon) || null,
  };
  if (!isFitting) return onServer;
  const { head, mask, history } = kept;
  const { stroke, basis, sent } = head;
  const here = { ...onServer, mask, stroke, basis, sent, history };
  if (!next.draft || !draft) return { ...here, savedStroke: 0, etag: null };
  if (next.draft.etag === head.etag) {
    // The same mask, saved elsewhere since: what it was made from may be another candidate now.
    const isOvertaken = next.draft.stroke !== head.savedStroke && head.stroke <= head.savedStroke;
    return isOvertaken ? onServer : { ...here, savedStroke: head.savedStroke, etag: head.etag };
  }
  if (head.sent.includes(fingerprint(draft))) {
    const { etag, stroke: savedStroke } = next.draft;
    return { ...here, savedStroke, etag };
  }
  if (head.stroke <= head.savedStroke) return onServer;
  // Both went on: the old etag makes the server refuse, keep both, and ask the reader.
  return { ...here, savedStroke: head.savedStroke, etag: head.etag };
}

export type OpenCaseParts = {
  readonly prepared: Prepared;
  readonly client: Client;
  readonly codec: Codec;
  readonly db: IDBDatabase;
  readonly tab: string;
  readonly kept: JournaledCase | null;
  readonly draft: Mask | null;
  readonly activeSeconds: () => number;
  readonly onPaint: (rect: Rect) => void;
  readonly onGesture: () => void;
  readonly onPolygon: () => void;
  readonly onSave: (state: SaveState) => void;
  /** Why the note and the flag are not on the server yet; null where they are, or on their way. */
  readonly onNote: (problem: Problem | null) => void;
  readonly onKept: (stroke: number) => void;
  readonly onJournalFailure: (sentence: string) => void;
};

export type OpenCase = {
  readonly case: Case;
  readonly label: string;
  readonly prepared: Prepared;
  readonly maskDocument: MaskDocument;
  readonly saver: Saver;
  readonly noteSaver: NoteSaver;
  /** Leave it: nothing more is sent. */
  readonly stop: () => void;
  readonly clientId: string;
  readonly noteTime: () => void;
};

function failureSentence(db: IDBDatabase, error: unknown): string {
  if (isOutdated(db)) return words.notices.outdated;
  return isFull(error) ? words.notices.storageFull : words.notices.storageFails;
}

export function startOpenCase(parts: OpenCaseParts): OpenCase {
  const next = parts.prepared.case;
  const start = startFrom(next, parts.draft, parts.kept);
  const label = next.draft?.label ?? next.labels[0]?.key ?? "infection";
  const clientId = parts.kept?.head.clientId ?? randomId();

  const head = (): Head => ({
    assignment: next.assignment,
    tab: parts.tab,
    width: next.image.width,
    height: next.image.height,
    // A gesture under way counts as one to come, so that a reload finds it unsaved.
    stroke: maskDocument.stroke() + (maskDocument.isRunning() ? 1 : 0),
    savedStroke: saver.state().savedStroke,
    etag: saver.state().etag,
    sent: saver.state().sent,
    basis: maskDocument.basis(),
    undone: maskDocument.history().future.length,
    polygon: maskDocument.polygon(),
    jotted: noteSaver.unsent(),
    clientId,
    timesSubmitted: next.times_submitted,
    activeSeconds: parts.activeSeconds(),
    touchedAt: Date.now(),
  });
  /** Say what is kept once its transaction completed. */
  const watch = (transaction: Promise<void>, stroke = maskDocument.stroke()) =>
    transaction.then(
      () => parts.onKept(stroke),
      (error: unknown) => parts.onJournalFailure(failureSentence(parts.db, error)),
    );
  const noteHead = () => void watch(journalWriter.keepHead(head()));
  const maskDocument = createMaskDocument(start, {
    onPaint: parts.onPaint,
    onKeep: (change) => void watch(journalWriter.keep(change, head())),
    onKeepRunning: (rect) => void watch(journalWriter.keepRunning(rect, head())),
    onGesture: () => {
      saver.touch();
      parts.onGesture();
    },
    onPolygon: () => {
      noteHead();
      parts.onPolygon();
    },
  });
  let lastState: SaveState | null = null;
  /** Whether the journal must hear of it: a save that only begins to wait is none of its affair. */
  const isNews = ({ savedStroke, etag, sent }: SaveState) =>
    savedStroke !== lastState?.savedStroke || etag !== lastState.etag || sent !== lastState.sent;
  const saver = createSaver(
    {
      assignment: next.assignment,
      label,
      client: parts.client,
      encode: parts.codec.encode,
      decode: parts.codec.mask,
      mask: maskDocument.committed,
      stroke: maskDocument.stroke,
      basis: maskDocument.basis,
      now: Date.now,
      onChange: (state) => {
        if (isNews(state)) noteHead();
        lastState = state;
        parts.onSave(state);
      },
    },
    { savedAt: null, savedStroke: start.savedStroke, etag: start.etag, sent: start.sent },
  );
  const noteSaver = createNoteSaver(
    {
      assignment: next.assignment,
      client: parts.client,
      onChange: (problem) => {
        noteHead();
        parts.onNote(problem);
      },
    },
    parts.kept?.head.jotted ?? null,
  );
  const takenFrom = parts.kept && parts.kept.head.tab !== parts.tab ? parts.kept.head.tab : null;
  const journalWriter = createJournalWriter(parts.db, maskDocument, head(), takenFrom);
  if (start.mask === parts.kept?.mask) parts.onKept(start.stroke);
  void watch(journalWriter.started);
  if (saver.isDirty()) saver.touch();
  noteSaver.retry();
  return {
    case: next,
    label,
    prepared: parts.prepared,
    maskDocument,
    saver,
    noteSaver,
    stop: () => {
      saver.stop();
      noteSaver.stop();
    },
    clientId,
    noteTime: noteHead,
  };
}
