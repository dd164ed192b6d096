/**
 * Undo and redo: one entry a gesture, whatever the tool. An entry is the changed rectangle's
 * difference, one bit a pixel, and what the mask was based on before and after. Bounded in bytes.
 */

import type { Basis } from "../api/types";
import type { Patch } from "../mask/bits";

export type { Basis };

export const NO_BASIS: Basis = { candidate: null, threshold: null };

export type Entry = { readonly patch: Patch; readonly before: Basis; readonly after: Basis };

export type History = {
  readonly past: readonly Entry[];
  readonly future: readonly Entry[];
  readonly bytes: number;
};

export const EMPTY_HISTORY: History = { past: [], future: [], bytes: 0 };
export const HISTORY_BYTES = 64 * 1024 * 1024;
const ENTRY_OVERHEAD = 200;

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.patch.bits.byteLength + ENTRY_OVERHEAD, 0);
}

/** Add an entry; what was undone is gone, and the oldest entries go when the bound is passed. */
export function remember(history: History, entry: Entry, limit = HISTORY_BYTES): History {
  const past = [...history.past, entry];
  let bytes = history.bytes - bytesOf(history.future) + bytesOf([entry]);
  let first = 0;
  while (bytes > limit && first < past.length - 1) {
    bytes -= bytesOf([past[first] as Entry]);
    first++;
  }
  return { past: past.slice(first), future: [], bytes };
}

export function stepBack(history: History): { history: History; entry: Entry } | null {
  const entry = history.past.at(-1);
  if (!entry) return null;
  return {
    entry,
    history: { ...history, past: history.past.slice(0, -1), future: [entry, ...history.future] },
  };
}

export function stepForward(history: History): { history: History; entry: Entry } | null {
  const entry = history.future[0];
  if (!entry) return null;
  return {
    entry,
    history: { ...history, past: [...history.past, entry], future: history.future.slice(1) },
  };
}
