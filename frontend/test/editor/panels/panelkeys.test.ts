import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Case } from "../../../src/api/types";
import type { ActionId } from "../../../src/editor/actions/action";
import type { ActionHandlers } from "../../../src/editor/actions/handlers";
import { ACTIONS, createRegistry } from "../../../src/editor/actions/registry";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import type { Comparer } from "../../../src/editor/compare/comparison";
import { createComparePane } from "../../../src/editor/compare/pane";
import type { Pointing } from "../../../src/editor/drawing/pointerevents";
import { createStore } from "../../../src/editor/page/store";
import { createSidebar } from "../../../src/editor/panels/sidebar";
import type { Room } from "../../../src/editor/room/room";
import { type FakeElement, stubPage } from "../page/fakepage";

beforeEach(stubPage);
afterEach(() => vi.unstubAllGlobals());

/** Every action on a key that it never had: whoever knows the old ones by heart is found out. */
const moved = ACTIONS.map((action, index) => ({ ...action, keys: [`F${100 + index}`] }));
const registry = createRegistry(moved);
const keyOf = (id: ActionId) => `F${100 + ACTIONS.findIndex((action) => action.id === id)}`;

const open = {
  assignment: "a",
  blind: false,
  image: { width: 8, height: 8 },
  candidates: [{ id: "one", letter: "A", name: "ensemble", probability_url: "/p" }],
  layers: { lung_url: "/lung", disagreement_url: "/spread", activation_url: "/look" },
} as unknown as Case;

function built(make: (store: ReturnType<typeof createStore<RoomState>>) => unknown): FakeElement {
  const store = createStore<RoomState>({ ...INITIAL_STATE, current: open });
  const element = make(store);
  store.set({});
  return element as FakeElement;
}

function createSide(): FakeElement {
  const prepared = { candidates: new Map() };
  return built((store) => {
    const room = { store, openCase: () => ({ prepared }) } as unknown as Room;
    return createSidebar(room, {} as ActionHandlers, registry);
  });
}

const named = (within: FakeElement, name: string) => {
  const found = within.all().find((one) => one.get("aria-label") === name);
  if (!found) throw new Error(`There is no ${name}.`);
  return found;
};
const caps = (within: FakeElement) =>
  within
    .all()
    .map((one) => one.get("data-key"))
    .filter((key) => key !== "");

test.each([
  ["Infection map", "infection-map"],
  ["Activation map (Grad-CAM)", "activation-map"],
  ["Lung outline", "lung-outline"],
  ["Disagreement", "disagreement"],
  ["Difference from the candidate", "difference"],
] as const)("the switch of %s shows the registry's key", (name, id) => {
  const button = named(createSide(), name);
  expect(caps(button)).toEqual([keyOf(id)]);
  expect(button.get("title")).toBe(`${name} (${keyOf(id)})`);
});

test("the sidebar's other controls show the registry's keys", () => {
  const side = createSide();
  expect(caps(side).filter((key) => !key.startsWith("F1"))).toEqual([]);
  const copy = named(side, "Copy a region of candidate A");
  expect(copy.get("title")).toBe(`Copy a region of candidate A (${keyOf("copy")})`);
  const look = side.all().find((one) => one.get("aria-label").startsWith("Mask shown as"));
  expect(look && caps(look)).toEqual([keyOf("outline")]);
  const next = side.all().find((one) => one.children.includes("next window "));
  expect(next && caps(next)).toEqual([keyOf("next-window")]);
  const preset = named(side, "Lung window");
  expect(preset.get("title")).toContain(`(${keyOf("next-window")}: the next window)`);
});

test("the pane of other days shows the registry's keys", () => {
  const pane = built((store) => {
    const pointing = { store, handlers: {} } as unknown as Pointing;
    const comparer = { onPaint: () => undefined } as unknown as Comparer;
    return createComparePane({
      store,
      handlers: pointing.handlers as ActionHandlers,
      pointing,
      comparer,
      registry,
    }).element;
  });
  const close = named(pane, "Close the other film");
  expect(caps(close)).toEqual([keyOf("compare")]);
  expect(close.get("title")).toBe(`Close (${keyOf("compare")})`);
  const choice = named(pane, "Film to compare with");
  expect(choice.get("title")).toBe(`Next film (${keyOf("next-comparison")})`);
});
