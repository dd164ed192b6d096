/** A blank desk that nobody listens to, except where a test does. */

import {
  createMaskDocument,
  type MaskDocumentEvents,
} from "../../../src/editor/drawing/maskdocument";
import { EMPTY_HISTORY, NO_BASIS } from "../../../src/editor/drawing/undo";
import { createMask } from "../../../src/mask/bitmap";

const SILENT: MaskDocumentEvents = {
  onPaint: () => undefined,
  onKeep: () => undefined,
  onKeepRunning: () => undefined,
  onGesture: () => undefined,
  onPolygon: () => undefined,
};

export function openBlankDesk(side: number, events: Partial<MaskDocumentEvents> = {}) {
  const mask = createMask(side, side);
  const start = { mask, stroke: 0, basis: NO_BASIS, history: EMPTY_HISTORY, polygon: null };
  return createMaskDocument(start, { ...SILENT, ...events });
}
