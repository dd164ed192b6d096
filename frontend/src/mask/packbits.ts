/**
 * PackBits, the run-length code of TIFF: bits that are mostly alike take a few bytes a row, and the
 * worst case only one byte in 128 more than the plain ones.
 */

const LONGEST = 128;

export function packBits(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.length + Math.ceil(bytes.length / LONGEST));
  let to = 0;
  let at = 0;
  while (at < bytes.length) {
    let end = at + 1;
    const last = Math.min(at + LONGEST, bytes.length);
    while (end < last && bytes[end] === bytes[at]) end++;
    if (end - at > 1) {
      out[to++] = 257 - (end - at);
      out[to++] = bytes[at] as number;
    } else {
      // A pair inside a literal is left in it: breaking off costs as much as it saves.
      while (end < last && !(bytes[end] === bytes[end + 1] && bytes[end] === bytes[end + 2])) end++;
      out[to++] = end - at - 1;
      out.set(bytes.subarray(at, end), to);
      to += end - at;
    }
    at = end;
  }
  return out.slice(0, to);
}

/** Throws where the code does not give exactly `length` bytes. */
export function unpackBits(packed: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(length);
  let to = 0;
  for (let at = 0; at < packed.length; ) {
    const head = packed[at++] as number;
    const count = head < LONGEST ? head + 1 : 257 - head;
    if (to + count > length) throw new Error("The packed bits are too long.");
    if (head < LONGEST) {
      out.set(packed.subarray(at, at + count), to);
      at += count;
    } else {
      const value = packed[at++] as number;
      if (value !== 0) out.fill(value, to, to + count);
    }
    to += count;
  }
  if (to !== length) throw new Error("The packed bits are cut short.");
  return out;
}
