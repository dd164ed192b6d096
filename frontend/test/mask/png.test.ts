import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countSet, type Mask } from "../../src/mask/bitmap";
import { decodeGrey, decodeMask, encodeMask } from "../../src/mask/png";
import { GOLDEN, readGolden, sha256 } from "../golden";

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

const anyMask = fc
  .tuple(fc.integer({ min: 1, max: 41 }), fc.integer({ min: 1, max: 23 }))
  .chain(([width, height]) =>
    fc
      .uint8Array({ minLength: width * height, maxLength: width * height, max: 1 })
      .map((data): Mask => ({ width, height, data: Uint8Array.from(data) })),
  );

describe("golden masks", () => {
  for (const golden of GOLDEN.masks) {
    const files = [golden.file, golden.wire].filter((file) => file !== null);
    it.each(files)("decodes %s to the same pixels as the server", async (file) => {
      const mask = await decodeMask(readGolden(file));
      expect([mask.width, mask.height]).toEqual([golden.width, golden.height]);
      expect(countSet(mask)).toBe(golden.pixels);
      expect(sha256(mask.data)).toBe(golden.sha256);
    });
  }
  it("has masks at all", () => expect(GOLDEN.masks.length).toBeGreaterThan(5));
});

describe("the codec", () => {
  it("gives back every mask it encodes", async () => {
    await fc.assert(
      fc.asyncProperty(anyMask, async (mask) => {
        const back = await decodeMask(await bytesOf(await encodeMask(mask)));
        expect(back).toEqual(mask);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps all 16 bits of a film, whatever the line filter", async () => {
    const rows = [0, 1, 2, 3, 4].map((filter) => [filter, 0x12, 0x34, 0x01, 0x02, 0x00, 0x01]);
    const image = await decodeGrey(png16(3, 5, Uint8Array.from(rows.flat())));
    expect([...image.pixels.slice(0, 3)]).toEqual([0x1234, 0x0102, 0x0001]);
    expect([...image.pixels.slice(3, 6)]).toEqual([0x1234, 0x1336, 0x1337]);
    expect([...image.pixels.slice(6, 9)]).toEqual([0x2468, 0x1438, 0x1338]);
    // average of left and above, then Paeth, computed by hand byte by byte
    expect([...image.pixels.slice(9, 12)]).toEqual([0x2468, 0x1d52, 0x1846]);
    expect(image.bits).toBe(16);
  });

  it.each([
    ["text", Uint8Array.from([1, 2, 3]), "not a PNG"],
    ["a cut file", readGolden("disc.png").slice(0, 60), "cut short"],
  ])("refuses %s in words", async (_, bytes, words) => {
    await expect(decodeGrey(bytes)).rejects.toThrow(words);
  });
});

function png16(width: number, height: number, rows: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 16;
  const chunk = (kind: string, body: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, Buffer.from(kind), body, Buffer.alloc(4)]);
  };
  const parts = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ];
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Uint8Array.from(Buffer.concat([signature, ...parts]));
}
