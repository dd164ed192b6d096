/** Loads and decodes everything that a case needs: the preview first, then the film. */

import type { Client } from "../../api/client";
import type { Case, Reply } from "../../api/types";
import type { Mask } from "../../mask/bitmap";
import type { ByteMap } from "../../mask/probability";
import { words } from "../../words";
import type { Codec } from "./codec";
import type { Film } from "./film";
import { layerUrl } from "./layers";
import type { LayerName } from "./state";

export type Prepared = {
  readonly case: Case;
  readonly preview: Promise<ImageBitmap | null>;
  readonly film: Promise<Film>;
  readonly draft: Promise<Mask | null>;
  readonly candidates: ReadonlyMap<string, Promise<Mask>>;
  readonly probability: (candidate: string) => Promise<ByteMap | null>;
  readonly layer: (name: LayerName) => Promise<ByteMap | Mask | null>;
};

function demand<T>(reply: Reply<T>, what: string): T {
  if (!reply.ok) throw new Error(words.problems.notLoaded(what, reply.problem.detail));
  return reply.value;
}

/** For a promise that is awaited later: without this, an early failure counts as unhandled. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

export async function loadPreview(client: Client, url: string): Promise<ImageBitmap | null> {
  const reply = await client.blob(url);
  return reply.ok ? createImageBitmap(reply.value).catch(() => null) : null;
}

export async function loadFilm(client: Client, codec: Codec, url: string): Promise<Film> {
  return codec.film(demand(await client.bytes(url), words.problems.theFilm));
}

async function loadMask(client: Client, codec: Codec, url: string, what: string): Promise<Mask> {
  return codec.mask(demand(await client.bytes(url), what));
}

/** The longer side of a loaded layer, in pixels. Layers are only looked at, and the canvas smooths. */
const LAYER_SIDE = 512;

async function loadLayer(
  client: Client,
  codec: Codec,
  next: Case,
  name: LayerName,
): Promise<ByteMap | Mask | null> {
  const url = layerUrl(next, name);
  if (url === null) return null;
  const bytes = demand(await client.bytes(url), words.problems.theLayer);
  if (name === "lung") return codec.mask(bytes);
  const { width, height } = next.image;
  const scale = Math.min(1, LAYER_SIDE / Math.max(width, height));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  return codec.probability(bytes, side(width), side(height));
}

export function prepareCase(client: Client, codec: Codec, next: Case): Prepared {
  const { image, draft, candidates } = next;
  const maps = new Map<string, Promise<ByteMap | null>>();
  const layers = new Map<LayerName, Promise<ByteMap | Mask | null>>();
  const preview = quiet(loadPreview(client, image.preview_url));
  const loadMap = async (url: string): Promise<ByteMap | null> => {
    const reply = await client.bytes(url);
    return reply.ok ? codec.probability(reply.value, image.width, image.height) : null;
  };
  return {
    case: next,
    preview,
    draft: quiet(
      draft
        ? loadMask(client, codec, draft.mask_url, words.problems.savedMask)
        : Promise.resolve(null),
    ),
    candidates: new Map(
      candidates.map(({ id, mask_url, letter }) => [
        id,
        quiet(loadMask(client, codec, mask_url, words.candidates.lettered(letter))),
      ]),
    ),
    film: quiet(loadFilm(client, codec, image.pixels_url)),
    probability: (id) => {
      const url = candidates.find((candidate) => candidate.id === id)?.probability_url;
      if (!url) return Promise.resolve(null);
      const known = maps.get(id) ?? quiet(loadMap(url));
      maps.set(id, known);
      return known;
    },
    layer: (name) => {
      const known = layers.get(name) ?? quiet(loadLayer(client, codec, next, name));
      layers.set(name, known);
      return known;
    },
  };
}
