/** A mask four pixels at a time. Code that reads a whole large mask is too slow pixel by pixel. */

/** The pixels as groups of four, the first in the lowest byte. Up to three pixels are left over. */
export function quadsOf(mask: { readonly data: Uint8Array<ArrayBuffer> }): Int32Array<ArrayBuffer> {
  const { data } = mask;
  return new Int32Array(data.buffer, data.byteOffset, data.length >> 2);
}
