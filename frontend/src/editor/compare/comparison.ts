/**
 * Loads the same patient's other films while the reader compares. Films only: a reader must never
 * see the mask of another day.
 */

import type { Client } from "../../api/client";
import type { ComparedFilm } from "../../api/types";
import { words } from "../../words";
import { type Comparison, isCompareShown, type RoomState } from "../actions/state";
import type { Codec } from "../film/codec";
import type { Film } from "../film/film";
import { loadFilm, loadPreview, quiet } from "../film/prepare";
import type { Store } from "../page/store";

export type Pictures = { readonly film: Film | null; readonly preview: ImageBitmap | null };

const NO_PICTURES: Pictures = { film: null, preview: null };
const EMPTY: Comparison = { films: [], chosen: 0, hasFilm: false, problem: "" };

export function chosenFilm({ comparison }: RoomState): ComparedFilm | null {
  return comparison?.films[comparison.chosen] ?? null;
}

export function filmWords({ day, view }: ComparedFilm, caseDay: number | null): string {
  return words.compare.film(day, caseDay, view);
}

/**
 * The film to show first: the last film before the case, otherwise the first after it. A frontal
 * film is compared with frontal films.
 */
export function nearestFilm(
  films: readonly ComparedFilm[],
  { day, view }: Pick<ComparedFilm, "day" | "view">,
): number {
  const alike = films.filter((film) => (film.view === "lateral") === (view === "lateral"));
  const isDated = (film: ComparedFilm): film is ComparedFilm & { day: number } => film.day !== null;
  const dated = day === null ? [] : alike.filter(isDated);
  const before = dated.filter((film) => film.day < (day ?? 0)).at(-1);
  const after = dated.find((film) => film.day > (day ?? 0));
  const nearest = before ?? after ?? alike[0] ?? films[0];
  return nearest ? films.indexOf(nearest) : 0;
}

export type Comparer = {
  readonly pictures: () => Pictures;
  readonly onPaint: (listener: () => void) => void;
};

export function createComparer(client: Client, codec: Codec, store: Store<RoomState>): Comparer {
  const paintListeners: (() => void)[] = [];
  let pictures = NO_PICTURES;
  /** The assignment whose films are being listed. */
  let listed: string | null = null;
  /** The id of the film that is shown or being loaded. */
  let loaded: string | null = null;

  function show(next: Pictures): void {
    pictures = next;
    for (const listener of paintListeners) listener();
  }

  function change(part: Partial<Comparison>): void {
    store.set({ comparison: { ...(store.get().comparison ?? EMPTY), ...part } });
  }

  async function list(assignment: string): Promise<void> {
    const reply = await client.comparisons(assignment);
    if (listed !== assignment) return;
    listed = null;
    const { current } = store.get();
    if (!reply.ok || !current) {
      const detail = reply.ok ? "" : reply.problem.detail;
      return change({ problem: words.compare.notListed(detail) });
    }
    const films = reply.value;
    const problem = films.length === 0 ? words.compare.none : "";
    change({ films, chosen: nearestFilm(films, current), problem });
  }

  async function load(film: ComparedFilm): Promise<void> {
    const { id, preview_url, pixels_url } = film.image;
    const isStill = () => loaded === id;
    const coming = quiet(loadFilm(client, codec, pixels_url));
    const preview = await loadPreview(client, preview_url);
    if (!isStill()) return preview?.close();
    show({ film: null, preview });
    const full = await coming;
    if (!isStill()) return;
    show({ film: full, preview });
    change({ hasFilm: true, problem: "" });
  }

  function follow(state: RoomState): void {
    const assignment = state.current?.assignment ?? null;
    // The film of the case is loaded first. Other films must not delay it.
    const isWanted = isCompareShown(state) && state.hasFilm;
    if (!isWanted) listed = null;
    else if (assignment !== null && state.comparison === null && listed !== assignment) {
      listed = assignment;
      void list(assignment);
    }
    const film = isWanted ? chosenFilm(state) : null;
    if ((film?.image.id ?? null) === loaded) return;
    loaded = film?.image.id ?? null;
    pictures.preview?.close();
    show(NO_PICTURES);
    if (!film) return;
    change({ hasFilm: false, problem: "" });
    load(film).catch((error: Error) => {
      if (loaded === film.image.id) change({ problem: error.message });
    });
  }

  store.subscribe(follow);
  return { pictures: () => pictures, onPaint: (listener) => void paintListeners.push(listener) };
}
