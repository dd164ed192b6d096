/**
 * The browser's PNG codec: grey, 1, 8 or 16 bits, not interlaced. Browsers reduce 16 bits to 8, so
 * films are decoded here too. Throws for any other PNG; the server's twin is
 * mlloop/pixels/masks.py.
 */

import type { Mask } from "./bitmap";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10] as const;
const MAX_PIXELS = 64_000_000;

export type GreyImage = {
  readonly width: number;
  readonly height: number;
  readonly bits: 1 | 8 | 16;
  /** 1 and 8 bits: one byte for each pixel. 16 bits: two bytes, in the machine's order. */
  readonly pixels: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
};

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = (CRC_TABLE[(c ^ byte) & 255] as number) ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

async function pump(
  bytes: Uint8Array<ArrayBuffer>,
  through: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(through);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function chunk(kind: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(body.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  for (let i = 0; i < 4; i++) out[4 + i] = kind.charCodeAt(i);
  out.set(body, 8);
  view.setUint32(body.length + 8, crc32(out.subarray(4, body.length + 8)));
  return out;
}

/** Encode a mask as a 1-bit grey PNG, the form that is sent to the server. */
export async function encodeMask(mask: Mask): Promise<Blob> {
  const { width, height, data } = mask;
  const stride = (width + 7) >> 3;
  const rows = new Uint8Array((stride + 1) * height);
  for (let y = 0; y < height; y++) {
    const out = y * (stride + 1) + 1;
    const row = y * width;
    for (let x = 0; x < width; x++) {
      if (data[row + x]) {
        const at = out + (x >> 3);
        rows[at] = (rows[at] as number) | (0x80 >> (x & 7));
      }
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 1;
  const body = await pump(rows, new CompressionStream("deflate"));
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    chunk("IDAT", body),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob(parts, { type: "image/png" });
}

type Header = { width: number; height: number; bits: 1 | 8 | 16 };

function readHeader(view: DataView): Header {
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const bits = view.getUint8(8);
  if (view.getUint8(9) !== 0) throw new Error("The PNG is not a plain grey one.");
  if (view.getUint8(12) !== 0) throw new Error("The PNG is interlaced.");
  if (bits !== 1 && bits !== 8 && bits !== 16) throw new Error(`The PNG has ${bits} bits a pixel.`);
  if (width * height === 0 || width * height > MAX_PIXELS)
    throw new Error(`The PNG is ${width}×${height}.`);
  return { width, height, bits };
}

function readChunks(bytes: Uint8Array<ArrayBuffer>): {
  header: Header;
  body: Uint8Array<ArrayBuffer>[];
} {
  if (SIGNATURE.some((value, i) => bytes[i] !== value)) throw new Error("This is not a PNG file.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | null = null;
  const body: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 12 + length > bytes.length) throw new Error("The PNG is cut short.");
    if (kind === "IHDR" && !header)
      header = readHeader(new DataView(bytes.buffer, bytes.byteOffset + at + 8, length));
    if (kind === "IDAT") body.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  if (!header || body.length === 0) throw new Error("The PNG has no pixels.");
  return { header, body };
}

function paeth(a: number, b: number, c: number): number {
  const pa = Math.abs(b - c);
  const pb = Math.abs(a - c);
  const pc = Math.abs(a + b - 2 * c);
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

/** Undo the line filters in place. `step`: the number of bytes of a pixel, at least one. */
function unfilter(raw: Uint8Array, stride: number, height: number, step: number): void {
  const zero = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1);
    const kind = raw[start];
    const line = raw.subarray(start + 1, start + 1 + stride);
    const above = y === 0 ? zero : raw.subarray(start - stride, start);
    if (kind === 0) continue;
    if (kind === undefined || kind > 4) throw new Error("The PNG has an unknown line filter.");
    for (let i = 0; i < stride; i++) {
      const a = i < step ? 0 : (line[i - step] as number);
      const b = above[i] as number;
      let add = 0;
      if (kind === 1) add = a;
      else if (kind === 2) add = b;
      else if (kind === 3) add = (a + b) >> 1;
      else add = paeth(a, b, i < step ? 0 : (above[i - step] as number));
      line[i] = ((line[i] as number) + add) & 255;
    }
  }
}

function samples(raw: Uint8Array, header: Header, stride: number): GreyImage["pixels"] {
  const { width, height, bits } = header;
  const out = bits === 16 ? new Uint16Array(width * height) : new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1) + 1;
    const row = y * width;
    if (bits === 8) out.set(raw.subarray(start, start + width), row);
    else if (bits === 16)
      for (let x = 0; x < width; x++)
        out[row + x] = ((raw[start + 2 * x] as number) << 8) | (raw[start + 2 * x + 1] as number);
    else
      for (let x = 0; x < width; x++)
        out[row + x] = ((raw[start + (x >> 3)] as number) >> (7 - (x & 7))) & 1;
  }
  return out;
}

export async function decodeGrey(bytes: Uint8Array<ArrayBuffer>): Promise<GreyImage> {
  const { header, body } = readChunks(bytes);
  const packed = new Uint8Array(body.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of body) {
    packed.set(part, at);
    at += part.length;
  }
  const raw = await pump(packed, new DecompressionStream("deflate"));
  const stride = Math.ceil((header.width * header.bits) / 8);
  if (raw.length !== (stride + 1) * header.height) throw new Error("The PNG is cut short.");
  unfilter(raw, stride, header.height, Math.max(1, header.bits >> 3));
  return { ...header, pixels: samples(raw, header, stride) };
}

/** Decode a 1-bit or 8-bit PNG to a mask. Every value above 0 is in the mask. */
export async function decodeMask(bytes: Uint8Array<ArrayBuffer>): Promise<Mask> {
  const image = await decodeGrey(bytes);
  if (image.bits === 16) throw new Error("A mask has 1 or 8 bits a pixel.");
  const data = image.pixels as Uint8Array<ArrayBuffer>;
  if (image.bits === 8) for (let i = 0; i < data.length; i++) data[i] = data[i] ? 1 : 0;
  return { width: image.width, height: image.height, data };
}
