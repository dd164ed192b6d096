/**
 * What a gesture changed: the runs of pixels that it set, and the runs that it cleared. To repeat
 * or undo the change, fill these runs. Undo must take less than 10 ms, the first time too. The
 * native fill is fast at once; a loop over the pixels of a large film would first have to be
 * compiled.
 */

import { EMPTY_RECT, joinRects, type Mask, type Rect } from "./bitmap";
import { quadsOf } from "./quads";

/** For each run: the gap before it, then its length. Seven bits in each byte, the lowest first. */
export type Runs = Uint8Array<ArrayBuffer>;

export type Change = { readonly rect: Rect; readonly set: Runs; readonly cleared: Runs };

const NO_RUNS: Runs = new Uint8Array(0);
export const NO_CHANGE: Change = { rect: EMPTY_RECT, set: NO_RUNS, cleared: NO_RUNS };

const LONGEST_NUMBER = 5;
/** Runs up to this length are filled in a loop: to call the native fill would take longer. */
const SHORT = 12;

export const reversed = ({ rect, set, cleared }: Change): Change => ({
  rect,
  set: cleared,
  cleared: set,
});

export const byteCount = ({ set, cleared }: Change): number => set.byteLength + cleared.byteLength;

function collectRuns() {
  let bytes = new Uint8Array(1024);
  let length = 0;
  let last = 0;
  const put = (number: number) => {
    let rest = number;
    for (; rest >= 128; rest >>>= 7) bytes[length++] = (rest & 127) | 128;
    bytes[length++] = rest;
  };
  return {
    add: (from: number, to: number): void => {
      if (length + 2 * LONGEST_NUMBER > bytes.length) {
        const more = new Uint8Array(2 * bytes.length);
        more.set(bytes);
        bytes = more;
      }
      put(from - last);
      put(to - from);
      last = to;
    },
    runs: (): Runs => bytes.slice(0, length),
  };
}

/** Return the change from one mask to another inside a rectangle. */
export function changeBetween(before: Mask, after: Mask, within: Rect): Change {
  const [old, now] = [before.data, after.data];
  const [oldWords, nowWords] = [quadsOf(before), quadsOf(after)];
  const [set, cleared] = [collectRuns(), collectRuns()];
  let rect = EMPTY_RECT;
  for (let y = within.y0; y < within.y1; y++) {
    const row = y * after.width;
    const end = row + within.x1;
    let [first, past] = [-1, -1];
    for (let at = row + within.x0; at < end; ) {
      const isWord = at % 4 === 0 && at + 4 <= end;
      if (old[at] === now[at]) {
        at += isWord && oldWords[at >> 2] === nowWords[at >> 2] ? 4 : 1;
        continue;
      }
      past = endOfRun(old, now, oldWords, nowWords, at, end);
      (now[at] === 1 ? set : cleared).add(at, past);
      if (first < 0) first = at;
      at = past;
    }
    if (first >= 0) rect = joinRects(rect, { x0: first - row, y0: y, x1: past - row, y1: y + 1 });
  }
  return { rect, set: set.runs(), cleared: cleared.runs() };
}

/** Return the end of the run of pixels that change in the same way as the pixel at `from`. */
function endOfRun(
  old: Uint8Array,
  now: Uint8Array,
  oldWords: Int32Array,
  nowWords: Int32Array,
  from: number,
  end: number,
): number {
  const value = now[from] as number;
  const [was, is] = [0x01010101 * (1 - value), 0x01010101 * value];
  let at = from;
  while (at < end && now[at] === value && old[at] !== value) {
    const isWord = at % 4 === 0 && at + 4 <= end;
    at += isWord && oldWords[at >> 2] === was && nowWords[at >> 2] === is ? 4 : 1;
  }
  return at;
}

function fillRuns({ data }: Mask, runs: Runs, value: 0 | 1): void {
  let at = 0;
  let next = 0;
  const number = () => {
    let byte = runs[next++] as number;
    let sum = byte & 127;
    for (let shift = 7; byte >= 128; shift += 7) {
      byte = runs[next++] as number;
      sum |= (byte & 127) << shift;
    }
    return sum;
  };
  while (next < runs.length) {
    const from = at + number();
    at = from + number();
    if (at - from > SHORT) data.fill(value, from, at);
    else for (let i = from; i < at; i++) data[i] = value;
  }
}

/** Apply the change. To apply it twice gives the same mask. */
export function applyChange(mask: Mask, { set, cleared }: Change): void {
  fillRuns(mask, set, 1);
  fillRuns(mask, cleared, 0);
}
