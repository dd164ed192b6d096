import { expect, it } from "vitest";
import { INITIAL_STATE } from "../../../src/editor/actions/state";
import { createStore } from "../../../src/editor/page/store";
import { keepPreferences, readPreferences } from "../../../src/editor/room/preferences";

function storage(kept: string | null = null) {
  let text = kept;
  return {
    getItem: () => text,
    setItem: (_: string, value: string) => {
      text = value;
    },
  } as unknown as Storage;
}

it("lets fingers draw, leaves pressure out and keys free until the reader says otherwise", () => {
  const store = createStore(INITIAL_STATE);
  keepPreferences(store, () => storage());
  const asGiven = { fingerPans: false, usesPressure: false, keysNeedFilm: false };
  expect(store.get()).toMatchObject(asGiven);
});

it("brings back what was chosen", () => {
  const kept = storage();
  const first = createStore(INITIAL_STATE);
  keepPreferences(first, () => kept);
  first.set({ fingerPans: true, keysNeedFilm: true });
  const second = createStore(INITIAL_STATE);
  keepPreferences(second, () => kept);
  const asChosen = { fingerPans: true, usesPressure: false, keysNeedFilm: true };
  expect(second.get()).toMatchObject(asChosen);
});

it("takes over what was kept before there was a choice about keys", () => {
  const kept = '{"fingerPans":true,"usesPressure":true}';
  expect(readPreferences(storage(kept))).toEqual({ fingerPans: true, usesPressure: true });
});

it.each(["", "nonsense", "null", "[1]", '{"fingerPans":"yes","radius":5}'])(
  "takes nothing from a shelf that holds %j",
  (kept) => {
    expect(readPreferences(storage(kept))).toEqual({});
  },
);

it("works where the browser forbids to keep anything", () => {
  const store = createStore(INITIAL_STATE);
  keepPreferences(store, () => {
    throw new DOMException("denied", "SecurityError");
  });
  store.set({ usesPressure: true });
  expect(store.get().usesPressure).toBe(true);
});
