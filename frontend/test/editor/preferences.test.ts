import { expect, it } from "vitest";
import { keepPreferences, readPreferences } from "../../src/editor/preferences";
import { INITIAL_STATE } from "../../src/editor/state";
import { createStore } from "../../src/editor/store";

function shelf(kept: string | null = null) {
  let text = kept;
  return {
    getItem: () => text,
    setItem: (_: string, value: string) => {
      text = value;
    },
  } as unknown as Storage;
}

it("lets fingers draw and leaves pressure out until the reader says otherwise", () => {
  const store = createStore(INITIAL_STATE);
  keepPreferences(store, () => shelf());
  expect(store.get()).toMatchObject({ fingerPans: false, usesPressure: false });
});

it("brings back what was chosen", () => {
  const kept = shelf();
  const first = createStore(INITIAL_STATE);
  keepPreferences(first, () => kept);
  first.set({ fingerPans: true });
  const second = createStore(INITIAL_STATE);
  keepPreferences(second, () => kept);
  expect(second.get()).toMatchObject({ fingerPans: true, usesPressure: false });
});

it.each(["", "nonsense", "null", "[1]", '{"fingerPans":"yes","radius":5}'])(
  "takes nothing from a shelf that holds %j",
  (kept) => {
    expect(readPreferences(shelf(kept))).toEqual({});
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
