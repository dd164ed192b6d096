import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packBits, unpackBits } from "../../src/mask/packbits";

const runs = fc
  .array(fc.tuple(fc.constantFrom(0, 255, 7), fc.integer({ min: 1, max: 400 })), { maxLength: 12 })
  .map((parts) => Uint8Array.from(parts.flatMap(([value, n]) => new Array<number>(n).fill(value))));

describe("packed bits", () => {
  it("come back as they were, and noise grows by one byte in 128 at most", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 700 }), runs), (bytes) => {
        const packed = packBits(bytes);
        expect(Buffer.compare(unpackBits(packed, bytes.length), bytes)).toBe(0);
        expect(packed.length).toBeLessThanOrEqual(bytes.length + Math.ceil(bytes.length / 128));
      }),
    );
  });

  it("follow the example of Apple's note", () => {
    const bytes = Uint8Array.from([
      0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22, 0xaa,
      0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
    ]);
    const packed = [
      0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa,
    ];
    expect([...packBits(bytes)]).toEqual(packed);
  });

  it.each([2, 4])("refuse a code for another length than %i", (length) => {
    expect(() => unpackBits(Uint8Array.from([254, 9]), length)).toThrow("packed bits");
  });
});
