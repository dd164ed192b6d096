/** The case that is being read: mask document, journal and savers together. Independent of the page. */

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
import type { SaveState } from "./saveprogress";
import { createSaver, type Saver } from "./saver";
import { randomId } from "./tabs";

export type Start = MaskDocumentStart & {
  readonly savedStroke: number;
  readonly etag: string | null;
  readonly sent: readonly string[];
};

/** Return where reading continues: from the server's draft, or from the journal if that has more. */
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
    // The corners are places on the film. They are valid with any mask.
    polygon: (isFitting && kept.head.polygon) || null,
  };
  if (!isFitting) return onServer;
  const { head, mask, history } = kept;
  const { stroke, basis, sent } = head;
  const here = { ...onServer, mask, stroke, basis, sent, history };
  if (!next.draft || !draft) return { ...here, savedStroke: 0, etag: null };
  if (next.draft.etag === head.etag) {
    // Another browser saved the same mask again. There it may have been made from another candidate.
    const isOvertaken = next.draft.stroke !== head.savedStroke && head.stroke <= head.savedStroke;
    return isOvertaken ? onServer : { ...here, savedStroke: head.savedStroke, etag: head.etag };
  }
  if (head.sent.includes(fingerprint(draft))) {
    const { etag, stroke: savedStroke } = next.draft;
    return { ...here, savedStroke, etag };
  }
  if (head.stroke <= head.savedStroke) return onServer;
  // Both were changed. With the old etag the server refuses, and the reader chooses between the masks.
  return { ...here, savedStroke: head.savedStroke, etag: head.etag };
}

export type OpenCaseParts = OpenCaseListeners & {
  readonly prepared: Prepared;
  readonly client: Client;
  readonly codec: Codec;
  readonly db: IDBDatabase;
  readonly tab: string;
  readonly kept: JournaledCase | null;
  readonly draft: Mask | null;
};

/** What an open case reports, and the active time that it asks for. */
export type OpenCaseListeners = {
  readonly activeSeconds: () => number;
  readonly onPaint: (rect: Rect) => void;
  readonly onGesture: () => void;
  readonly onPolygon: () => void;
  readonly onSave: (state: SaveState) => void;
  /** Why the note and the flag are not on the server. Null: they are, or they are being sent. */
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
  /** Leave the case. Nothing more is sent. */
  readonly stop: () => void;
  readonly clientId: string;
  readonly recordTime: () => void;
};

function failureSentence(db: IDBDatabase, error: unknown): string {
  if (isOutdated(db)) return words.notices.outdated;
  return isFull(error) ? words.notices.storageFull : words.notices.storageFails;
}

type Living = {
  readonly maskDocument: MaskDocument;
  readonly saver: Saver;
  readonly noteSaver: NoteSaver;
};

/** What the journal records about the case beside its pixels. */
function headOf(parts: OpenCaseParts, clientId: string, living: Living): Head {
  const { maskDocument, saver, noteSaver } = living;
  const { assignment, image, times_submitted: timesSubmitted } = parts.prepared.case;
  const { savedStroke, etag, sent } = saver.state();
  return {
    assignment,
    tab: parts.tab,
    width: image.width,
    height: image.height,
    // A gesture that has not ended counts as one more, so that a reload finds it unsaved.
    stroke: maskDocument.stroke() + (maskDocument.isRunning() ? 1 : 0),
    savedStroke,
    etag,
    sent,
    basis: maskDocument.basis(),
    undone: maskDocument.history().future.length,
    polygon: maskDocument.polygon(),
    jotted: noteSaver.unsent(),
    clientId,
    timesSubmitted,
    activeSeconds: parts.activeSeconds(),
    touchedAt: Date.now(),
  };
}

/** Report saving to the room, and to the journal where it records something of it. */
function listenToSaving(parts: OpenCaseParts, recordHead: () => void) {
  let last: SaveState | null = null;
  return (state: SaveState) => {
    const { savedStroke, etag, sent } = state;
    const isRecorded =
      savedStroke === last?.savedStroke && etag === last.etag && sent === last.sent;
    if (!isRecorded) recordHead();
    last = state;
    parts.onSave(state);
  };
}

export function startOpenCase(parts: OpenCaseParts): OpenCase {
  const { prepared, client, codec, db, tab, kept } = parts;
  const next = prepared.case;
  const { assignment } = next;
  const start = startFrom(next, parts.draft, kept);
  const label = next.draft?.label ?? next.labels[0]?.key ?? "infection";
  const clientId = kept?.head.clientId ?? randomId();

  const head = () => headOf(parts, clientId, { maskDocument, saver, noteSaver });
  /** Report a stroke as kept once its transaction has completed. */
  const watch = (transaction: Promise<void>, stroke = maskDocument.stroke()) =>
    transaction.then(
      () => parts.onKept(stroke),
      (error: unknown) => parts.onJournalFailure(failureSentence(db, error)),
    );
  const recordHead = () => void watch(journalWriter.keepHead(head()));
  const maskDocument = createMaskDocument(start, {
    onPaint: parts.onPaint,
    onKeep: (change) => void watch(journalWriter.keep(change, head())),
    onKeepRunning: (rect) => void watch(journalWriter.keepRunning(rect, head())),
    onGesture: () => {
      saver.touch();
      parts.onGesture();
    },
    onPolygon: () => {
      recordHead();
      parts.onPolygon();
    },
  });
  const { committed: mask, stroke, basis } = maskDocument;
  const packing = { encode: codec.encode, decode: codec.mask, now: Date.now };
  const onChange = listenToSaving(parts, recordHead);
  const { savedStroke, etag, sent } = start;
  const saver = createSaver(
    { assignment, label, client, mask, stroke, basis, onChange, ...packing },
    { savedAt: null, savedStroke, etag, sent },
  );
  const onNote = (problem: Problem | null) => {
    recordHead();
    parts.onNote(problem);
  };
  const unsent = kept?.head.jotted ?? null;
  const noteSaver = createNoteSaver({ assignment, client, onChange: onNote }, unsent);
  const takenFrom = kept && kept.head.tab !== tab ? kept.head.tab : null;
  const journalWriter = createJournalWriter(db, maskDocument, head(), takenFrom);
  if (start.mask === kept?.mask) parts.onKept(start.stroke);
  void watch(journalWriter.started);
  if (saver.isDirty()) saver.touch();
  noteSaver.retry();
  const stop = () => {
    saver.stop();
    noteSaver.stop();
  };
  const living = { maskDocument, saver, noteSaver };
  return { case: next, label, prepared, ...living, stop, clientId, recordTime: recordHead };
}
