/** Decodes and encodes in a worker, so that brush strokes are not delayed. */

import type { Mask } from "../../mask/bitmap";
import { decodeGrey, decodeMask, encodeMask } from "../../mask/png";
import { type ByteMap, upsampleP8 } from "../../mask/probability";
import { buildFilm } from "./film";

export type Job =
  | { readonly kind: "film"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "mask"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "encode"; readonly mask: Mask }
  | {
      readonly kind: "probability";
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly width: number;
      readonly height: number;
    };

async function probability(bytes: Uint8Array<ArrayBuffer>, width: number, height: number) {
  const image = await decodeGrey(bytes);
  if (image.bits !== 8) throw new Error("A probability map has 8 bits a pixel.");
  return upsampleP8({ ...image, data: image.pixels as ByteMap["data"] }, width, height);
}

async function perform(job: Job): Promise<{ value: unknown; transfer: Transferable[] }> {
  if (job.kind === "encode") return { value: await encodeMask(job.mask), transfer: [] };
  if (job.kind === "film") {
    const film = buildFilm(await decodeGrey(job.bytes));
    return { value: film, transfer: film.levels.map((level) => level.pixels.buffer) };
  }
  const map =
    job.kind === "mask"
      ? await decodeMask(job.bytes)
      : await probability(job.bytes, job.width, job.height);
  return { value: map, transfer: [map.data.buffer] };
}

self.addEventListener("message", (event: MessageEvent<{ id: number; job: Job }>) => {
  const { id, job } = event.data;
  perform(job).then(
    ({ value, transfer }) => self.postMessage({ id, value }, { transfer }),
    (error: unknown) => self.postMessage({ id, error: String(error) }),
  );
});
