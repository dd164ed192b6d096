/** A desk whose keeper writes to a real journal, from blank or from where a tab left it. */

import { createMaskDocument, type MaskDocument } from "../../../src/editor/drawing/maskdocument";
import { EMPTY_HISTORY, NO_BASIS } from "../../../src/editor/drawing/undo";
import type { Head, JournaledCase } from "../../../src/editor/saving/journal";
import { createJournalWriter } from "../../../src/editor/saving/journalwriter";
import { createMask } from "../../../src/mask/bitmap";
import { fillCapsule } from "../../mask/pictures";

export const SIZE = 40;

export function openKeptDesk(db: IDBDatabase, kept: JournaledCase | null = null) {
  const mask = kept?.mask ?? createMask(SIZE, SIZE);
  const basis = kept?.head.basis ?? NO_BASIS;
  const stroke = kept?.head.stroke ?? 0;
  const history = kept?.history ?? EMPTY_HISTORY;
  const written: Promise<void>[] = [];
  const maskDocument: MaskDocument = createMaskDocument(
    { mask, stroke, basis, history, polygon: null },
    {
      onPaint: () => undefined,
      onKeep: (change) => void written.push(journalWriter.keep(change, head())),
      onKeepRunning: (rect) => void written.push(journalWriter.keepRunning(rect, head())),
      onGesture: () => undefined,
      onPolygon: () => undefined,
    },
  );
  const head = (): Head => ({
    assignment: "case",
    tab: "one",
    width: SIZE,
    height: SIZE,
    stroke: maskDocument.stroke(),
    savedStroke: 0,
    etag: null,
    sent: [],
    basis: maskDocument.basis(),
    undone: maskDocument.history().future.length,
    clientId: "client",
    activeSeconds: 0,
    touchedAt: 0,
  });
  const journalWriter = createJournalWriter(db, maskDocument, head(), null);
  written.push(journalWriter.started);

  /** A stroke; a long one is also kept on its way. */
  function draw(x: number, isLong: boolean, y = 9, radius = 4, value: 0 | 1 = 1): void {
    maskDocument.touch(
      fillCapsule(maskDocument.mask, { x, y }, { x: x + 9, y: y + 4 }, radius, value),
    );
    if (isLong) maskDocument.keepRunning();
    maskDocument.touch(
      fillCapsule(maskDocument.mask, { x: x + 9, y: y + 4 }, { x: x + 12, y }, radius, value),
    );
    maskDocument.commit();
  }
  return { maskDocument, draw, written, settled: () => Promise.all(written) };
}
