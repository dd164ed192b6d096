import { describe, expect, it, vi } from "vitest";
import type { Client } from "../../../src/api/client";
import type { Case, ComparedFilm, Reply } from "../../../src/api/types";
import { INITIAL_STATE } from "../../../src/editor/actions/state";
import { createComparer, filmWords, nearestFilm } from "../../../src/editor/compare/comparison";
import type { Codec } from "../../../src/editor/film/codec";
import type { Film } from "../../../src/editor/film/film";
import { createStore } from "../../../src/editor/page/store";

const film = (day: number | null, view = "PA"): ComparedFilm => ({
  day,
  view,
  spacing_mm: null,
  image: {
    id: `image-${day}`,
    width: 4,
    height: 4,
    bits: 8,
    pixels_url: `pixels-${day}`,
    preview_url: `preview-${day}`,
    window_center: 128,
    window_width: 255,
  },
});

describe("the words of another film", () => {
  it("say the day, how far it is from the case, and the view", () => {
    expect(filmWords(film(7, "AP"), 12)).toBe("day 7 (5 days earlier), AP");
    expect(filmWords(film(13, ""), 12)).toBe("day 13 (1 day later)");
    expect(filmWords(film(12, "lateral"), 12)).toBe("day 12 (the same day), lateral");
    expect(filmWords(film(7), null)).toBe("day 7, PA");
    expect(filmWords(film(null), 12)).toBe("day unknown, PA");
  });
});

describe("the film to begin with", () => {
  const films = [film(0), film(4), film(5, "lateral"), film(8), film(null)];
  const from = (day: number | null, view = "PA") => films[nearestFilm(films, { day, view })]?.day;

  it("is the last one before the case, else the next after it", () => {
    expect(from(6)).toBe(4);
    expect(from(100)).toBe(8);
    expect(from(0)).toBe(4);
  });

  it("is of a like view where there is one, and the first where no day tells", () => {
    expect(from(6, "lateral")).toBe(5);
    expect(from(null)).toBe(0);
    expect(nearestFilm([film(3, "lateral")], { day: 5, view: "AP" })).toBe(0);
    expect(nearestFilm([], { day: 5, view: "AP" })).toBe(0);
  });
});

const answer = <T>(value: T): Reply<T> => ({ ok: true, status: 200, value });
const refusal = {
  ok: false,
  problem: { status: 0, code: "offline", detail: "No answer." },
} as const;
const settled = () => new Promise((done) => setTimeout(done, 0));

function openRoom(films: readonly ComparedFilm[]) {
  const asked: string[] = [];
  const closed: string[] = [];
  let failing = "";
  const ask = <T>(url: string, value: T): Promise<Reply<T>> => {
    asked.push(url);
    return Promise.resolve(failing === url ? refusal : answer(value));
  };
  vi.stubGlobal("createImageBitmap", (name: unknown) =>
    Promise.resolve({ name, close: () => closed.push(String(name)) }),
  );
  const client = {
    comparisons: (id: string) => ask(`list-${id}`, films),
    blob: (url: string) => ask(url, url as unknown as Blob),
    bytes: (url: string) => ask(url, url as unknown as Uint8Array<ArrayBuffer>),
  } as unknown as Client;
  const codec = { film: (bytes: unknown) => Promise.resolve({ of: bytes } as unknown as Film) };
  const store = createStore({ ...INITIAL_STATE });
  const comparer = createComparer(client, codec as unknown as Codec, store);
  const openCase = (assignment: string, has_comparisons = true) =>
    store.set({
      phase: "reading",
      current: { assignment, has_comparisons, day: 6, view: "PA" } as Case,
      comparison: null,
      hasFilm: false,
    });
  const shown = () => {
    const { film: full, preview } = comparer.pictures();
    return [preview && (preview as unknown as { name: string }).name, full];
  };
  const fail = (url: string) => {
    failing = url;
  };
  return { asked, closed, store, comparer, openCase, shown, fail };
}

describe("the films beside a case", () => {
  it("are fetched once wanted, after the case's own film, and the preview comes first", async () => {
    const room = openRoom([film(0), film(8)]);
    const painted: unknown[] = [];
    room.comparer.onPaint(() => painted.push(room.shown()));
    room.openCase("one");
    room.store.set({ hasFilm: true });
    await settled();
    expect(room.asked).toEqual([]);
    room.store.set({ isComparing: true });
    await settled();
    expect(room.asked).toEqual(["list-one", "pixels-0", "preview-0"]);
    expect(painted.slice(-2)).toEqual([
      ["preview-0", null],
      ["preview-0", { of: "pixels-0" }],
    ]);
    expect(room.store.get().comparison).toMatchObject({ chosen: 0, hasFilm: true, problem: "" });
    room.openCase("two");
    await settled();
    expect(room.asked).toHaveLength(3);
    room.store.set({ hasFilm: true });
    await settled();
    expect(room.asked.slice(3)).toEqual(["list-two", "pixels-0", "preview-0"]);
  });

  it("are let go with the case, with the choice, and when they are put away", async () => {
    const room = openRoom([film(0), film(8)]);
    room.openCase("one");
    room.store.set({ hasFilm: true, isComparing: true });
    await settled();
    const { comparison } = room.store.get();
    if (comparison) room.store.set({ comparison: { ...comparison, chosen: 1 } });
    expect(room.shown()).toEqual([null, null]);
    await settled();
    expect(room.shown()).toEqual(["preview-8", { of: "pixels-8" }]);
    room.store.set({ isComparing: false });
    expect(room.shown()).toEqual([null, null]);
    room.store.set({ isComparing: true });
    await settled();
    room.openCase("two", false);
    expect(room.shown()).toEqual([null, null]);
    expect(room.closed).toEqual(["preview-0", "preview-8", "preview-8"]);
    room.store.set({ hasFilm: true });
    await settled();
    expect(room.asked.filter((url) => url.startsWith("list"))).toEqual(["list-one"]);
  });

  it("do not come late into another case", async () => {
    const room = openRoom([film(0)]);
    room.openCase("one");
    room.store.set({ hasFilm: true, isComparing: true });
    room.openCase("two");
    await settled();
    expect(room.store.get().comparison).toBeNull();
    expect(room.asked).toEqual(["list-one"]);
  });

  it("say what went wrong, and come on another try", async () => {
    const room = openRoom([film(0)]);
    room.fail("list-one");
    room.openCase("one");
    room.store.set({ hasFilm: true, isComparing: true });
    await settled();
    const words = "The other films could not be listed. No answer.";
    expect(room.store.get().comparison?.problem).toBe(words);
    room.fail("pixels-0");
    room.store.set({ comparison: null });
    await settled();
    expect(room.store.get().comparison).toMatchObject({
      problem: "The film could not be loaded. No answer.",
      hasFilm: false,
    });
    expect(room.shown()).toEqual(["preview-0", null]);
    room.fail("");
    room.store.set({ comparison: null });
    await settled();
    expect(room.store.get().comparison).toMatchObject({ problem: "", hasFilm: true });
  });

  it("say so when the last of them was withdrawn meanwhile", async () => {
    const room = openRoom([]);
    room.openCase("one");
    room.store.set({ hasFilm: true, isComparing: true });
    await settled();
    const { comparison } = room.store.get();
    expect(comparison?.problem).toBe("This patient has no other film any more.");
  });
});
