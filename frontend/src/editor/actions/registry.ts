/**
 * The registry of all actions. Toolbar, verdict bar, shortcut sheet, tooltips and keyboard are made
 * from it. If two actions have the same key, the room does not start.
 */

import { words } from "../../words";
import { layerUrl } from "../film/layers";
import { isReopened } from "../film/state";
import { type Action, type ActionId, isReading, named, type Place, type Unnamed } from "./action";
import { CLEANUPS, EDITS, TOOLS } from "./drawing";
import type { ActionHandlers } from "./handlers";
import { MOVES } from "./moving";
import type { RoomState } from "./state";
import { isCompareShown } from "./state";
import { VIEWS } from "./viewing";

const COMPARISONS: readonly Unnamed[] = [
  {
    id: "compare",
    keys: ["y"],
    place: "view",
    icon: "M4 5h7v14H4z|M13 5h7v14h-7z",
    isOn: isCompareShown,
    isEnabled: (state) => state.current?.has_comparisons === true,
    perform: (handlers) => handlers.toggleCompare(),
  },
  {
    id: "next-comparison",
    keys: ["Shift+y"],
    place: "help",
    isEnabled: isCompareShown,
    perform: (handlers) => handlers.compareWith(),
  },
];

const LAYERS: readonly Unnamed[] = [
  {
    id: "infection-map",
    keys: ["m"],
    place: "help",
    isEnabled: (state) => layerUrl(state.current, "infection") !== null,
    perform: (handlers) => handlers.toggleLayer("infection"),
  },
  {
    id: "activation-map",
    keys: ["a"],
    place: "help",
    isEnabled: (state) => layerUrl(state.current, "activation") !== null,
    perform: (handlers) => handlers.toggleLayer("activation"),
  },
  {
    id: "lung-outline",
    keys: ["l"],
    place: "help",
    isEnabled: (state) => layerUrl(state.current, "lung") !== null,
    perform: (handlers) => handlers.toggleLayer("lung"),
  },
  {
    id: "disagreement",
    keys: ["d"],
    place: "help",
    isEnabled: (state) => layerUrl(state.current, "disagreement") !== null,
    perform: (handlers) => handlers.toggleLayer("disagreement"),
  },
];

const CASE: readonly Unnamed[] = [
  {
    id: "exclude",
    keys: ["x"],
    place: "case",
    isEnabled: isReading,
    perform: (handlers) => handlers.askExclusion(),
  },
  {
    id: "flag",
    keys: ["g"],
    place: "case",
    isOn: (state) => state.isFlagged,
    isEnabled: isReading,
    perform: (handlers) => handlers.toggleFlag(),
  },
  {
    id: "note",
    keys: ["n"],
    place: "case",
    isOn: (state) => state.note !== "",
    isEnabled: isReading,
    perform: (handlers) => handlers.editNote(),
  },
  {
    id: "no-infection",
    keys: ["0"],
    place: "verdict",
    isEnabled: isReading,
    perform: (handlers) => handlers.noInfection(),
  },
  {
    id: "later",
    keys: ["Shift+s"],
    place: "verdict",
    isShown: (state) => !isReopened(state.current),
    isEnabled: (state) => isReading(state) && !isReopened(state.current),
    perform: (handlers) => handlers.saveForLater(),
  },
  {
    id: "leave",
    keys: ["Shift+Backspace"],
    place: "verdict",
    isShown: (state) => isReopened(state.current),
    isEnabled: (state) => isReading(state) && isReopened(state.current),
    perform: (handlers) => handlers.leaveAsItWas(),
  },
  {
    id: "accept",
    keys: ["Enter"],
    place: "verdict",
    isEnabled: isReading,
    perform: (handlers) => handlers.accept(),
  },
  {
    id: "last-cases",
    keys: ["Backspace"],
    place: "header",
    isEnabled: (state) => isReading(state) || state.phase === "empty" || state.phase === "failed",
    perform: (handlers) => handlers.showLastCases(),
  },
  {
    id: "guideline",
    keys: ["Shift+g"],
    place: "header",
    perform: (handlers) => handlers.showGuideline(),
  },
  {
    id: "shortcuts",
    keys: ["?"],
    place: "header",
    perform: (handlers) => handlers.showShortcuts(),
  },
];

const PICKS: readonly Action[] = Array.from({ length: 9 }, (_, index) => ({
  id: `candidate-${index + 1}`,
  name: words.pickCandidate(index + 1),
  keys: [String(index + 1)],
  place: "candidate",
  isEnabled: (state: RoomState) =>
    isReading(state) && index < (state.current?.candidates.length ?? 0),
  perform: (handlers: ActionHandlers) => handlers.pick(index),
}));

export type Registry = {
  readonly all: readonly Action[];
  readonly at: (place: Place) => readonly Action[];
  readonly byKey: ReadonlyMap<string, Action>;
  /** The key of an action, for other controls that do the same. */
  readonly keyOf: (id: ActionId) => string;
};

export function createRegistry(actions: readonly Action[]): Registry {
  const byKey = new Map<string, Action>();
  for (const action of actions) {
    for (const key of action.keys) {
      const other = byKey.get(key);
      if (other) throw new Error(`The key ${key} is taken by ${other.name} and ${action.name}.`);
      byKey.set(key, action);
    }
  }
  return {
    all: actions,
    byKey,
    at: (place) => actions.filter((action) => action.place === place),
    keyOf: (id) => {
      const action = actions.find(({ id: other }) => other === id);
      return action ? firstKey(action) : "";
    },
  };
}

export const ACTIONS: readonly Action[] = [
  ...[...TOOLS, ...CLEANUPS, ...EDITS, ...VIEWS, ...MOVES, ...COMPARISONS, ...LAYERS, ...CASE].map(
    named,
  ),
  ...PICKS,
];

/** A key as people read it: "Shift+s" is "⇧S". */
export function keyLabel(key: string): string {
  const parts = key
    .split(/\+(?=.)/)
    .map((part) => words.keys[part] ?? (part.length === 1 ? part.toUpperCase() : part));
  return parts.join(parts[0] === "⇧" ? "" : "+");
}

/** The key that a button shows; empty if the action has none. */
export const firstKey = ({ keys: [key = ""] }: Action): string => keyLabel(key);

export function tooltip(action: Action): string {
  const key = firstKey(action);
  return key && !action.name.endsWith(")") ? words.withKey(action.name, key) : action.name;
}
