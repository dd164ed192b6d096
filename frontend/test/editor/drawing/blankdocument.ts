/** A blank desk that nobody listens to, except where a test does. */

import { createDesk, type DeskEvents } from "../../../src/editor/drawing/maskdocument";
import { EMPTY_HISTORY, NO_BASIS } from "../../../src/editor/drawing/undo";
import { createMask } from "../../../src/mask/bitmap";

const SILENT: DeskEvents = {
  onPaint: () => undefined,
  onKeep: () => undefined,
  onKeepRunning: () => undefined,
  onGesture: () => undefined,
  onPolygon: () => undefined,
};

export function openBlankDesk(side: number, events: Partial<DeskEvents> = {}) {
  const mask = createMask(side, side);
  const start = { mask, stroke: 0, basis: NO_BASIS, history: EMPTY_HISTORY, polygon: null };
  return createDesk(start, { ...SILENT, ...events });
}
