/** The golden masks shared with the server's tests: fixtures/masks/index.json says what they hold. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const FOLDER = new URL("../../fixtures/masks/", import.meta.url);

type Sized = { readonly width: number; readonly height: number; readonly sha256: string };

export type GoldenMask = Sized & {
  readonly name: string;
  readonly file: string | null;
  readonly wire: string | null;
  readonly pixels: number;
};

export type GoldenMap = Sized & {
  readonly name: string;
  readonly file: string;
  readonly upsampled: readonly (Sized & {
    readonly thresholds: readonly (Sized & { readonly t8: number; readonly pixels: number })[];
  })[];
};

export function readGolden(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(name, FOLDER)));
}

export const GOLDEN = JSON.parse(readFileSync(new URL("index.json", FOLDER), "utf8")) as {
  readonly masks: readonly GoldenMask[];
  readonly probability: readonly GoldenMap[];
};

export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
