import { describe, expect, it } from "vitest";
import { countSet, type Mask } from "../../src/mask/bitmap";
import { decodeGrey } from "../../src/mask/png";
import { type ByteMap, moveThreshold, thresholdMask, upsampleP8 } from "../../src/mask/probability";
import { GOLDEN, readGolden, sha256 } from "../golden";

async function readMap(file: string): Promise<ByteMap> {
  const image = await decodeGrey(readGolden(file));
  return { ...image, data: image.pixels as ByteMap["data"] };
}

describe("the integer bilinear rule", () => {
  for (const golden of GOLDEN.probability) {
    it(`gives the server's pixels and masks for ${golden.name}`, async () => {
      const map = await readMap(golden.file);
      expect(sha256(map.data)).toBe(golden.sha256);
      for (const wanted of golden.upsampled) {
        const large = upsampleP8(map, wanted.width, wanted.height);
        expect(sha256(large.data)).toBe(wanted.sha256);
        for (const cut of wanted.thresholds) {
          const mask = thresholdMask(large, cut.t8);
          expect(countSet(mask)).toBe(cut.pixels);
          expect(sha256(mask.data)).toBe(cut.sha256);
        }
      }
    });
  }
  it("has maps at all", () => expect(GOLDEN.probability.length).toBeGreaterThan(2));
});

describe("moving the threshold", () => {
  const map: ByteMap = { width: 4, height: 1, data: Uint8Array.from([10, 100, 150, 250]) };

  it("moves what the reader did not touch", () => {
    const mask: Mask = thresholdMask(map, 128);
    moveThreshold(mask, map, 128, 90);
    expect([...mask.data]).toEqual([0, 1, 1, 1]);
  });

  it("leaves what the reader painted and erased", () => {
    const mask: Mask = thresholdMask(map, 128);
    mask.data[0] = 1;
    mask.data[3] = 0;
    moveThreshold(mask, map, 128, 200);
    expect([...mask.data]).toEqual([1, 0, 0, 0]);
  });
});
