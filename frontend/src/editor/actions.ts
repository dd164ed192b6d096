/**
 * The one registry of verbs: name, keys, icon, what it does. Toolbar, verdict bar, shortcut sheet,
 * tooltips and keyboard are made from it. Two actions on one key are an error at start.
 */

import { type Action, isReading, type Place } from "./action";
import { CLEANUPS, EDITS, TOOLS } from "./drawactions";
import { layerUrl } from "./layers";
import type { RoomState } from "./state";
import type { Verbs } from "./verbs";

const VIEWS: readonly Action[] = [
  {
    id: "invert",
    name: "Invert",
    keys: ["i"],
    place: "view",
    icon: "M4 5h16v14H4z|!M12 5h8v14h-8z",
    isOn: (state) => state.isInverted,
    perform: (verbs) => verbs.toggleInvert(),
  },
  {
    id: "fit",
    name: "Fit film",
    keys: ["Home"],
    place: "view",
    icon: "M4 9V4h5|M15 4h5v5|M20 15v5h-5|M9 20H4v-5",
    perform: (verbs) => verbs.fit(),
  },
  {
    id: "reset-window",
    name: "Reset window",
    keys: ["Shift+w"],
    place: "help",
    perform: (verbs) => verbs.resetWindow(),
  },
  {
    id: "outline",
    name: "Mask look",
    keys: ["o"],
    place: "view",
    icon: "M3 12c3-5 6-7 9-7s6 2 9 7c-3 5-6 7-9 7s-6-2-9-7z|M12 9a3 3 0 100 6 3 3 0 000-6z",
    isOn: (state) => state.look !== "fill",
    perform: (verbs) => verbs.cycleLook(),
  },
];

const LAYERS: readonly Action[] = [
  {
    id: "infection-map",
    name: "Infection map",
    keys: ["m"],
    place: "help",
    isEnabled: (state) => layerUrl(state.current, "infection") !== null,
    perform: (verbs) => verbs.toggleLayer("infection"),
  },
  {
    id: "activation-map",
    name: "Activation map (Grad-CAM)",
    keys: ["a"],
    place: "help",
    isEnabled: (state) => layerUrl(state.current, "activation") !== null,
    perform: (verbs) => verbs.toggleLayer("activation"),
  },
  {
    id: "lung-outline",
    name: "Lung outline",
    keys: ["l"],
    place: "help",
    isEnabled: (state) => layerUrl(state.current, "lung") !== null,
    perform: (verbs) => verbs.toggleLayer("lung"),
  },
  {
    id: "disagreement",
    name: "Disagreement of the networks",
    keys: ["d"],
    place: "help",
    isEnabled: (state) => layerUrl(state.current, "disagreement") !== null,
    perform: (verbs) => verbs.toggleLayer("disagreement"),
  },
];

const CASE: readonly Action[] = [
  {
    id: "exclude",
    name: "Exclude",
    label: "Exclude…",
    keys: ["x"],
    place: "case",
    isEnabled: isReading,
    perform: (verbs) => verbs.askExclusion(),
  },
  {
    id: "flag",
    name: "Flag",
    keys: ["g"],
    place: "case",
    isOn: (state) => state.isFlagged,
    isEnabled: isReading,
    perform: (verbs) => verbs.toggleFlag(),
  },
  {
    id: "note",
    name: "Note",
    keys: ["n"],
    place: "case",
    isOn: (state) => state.note !== "",
    isEnabled: isReading,
    perform: (verbs) => verbs.editNote(),
  },
  {
    id: "no-infection",
    name: "No infection (0)",
    label: "No infection",
    keys: ["0"],
    place: "verdict",
    isEnabled: isReading,
    perform: (verbs) => verbs.noInfection(),
  },
  {
    id: "later",
    name: "Save for later (Shift+S)",
    label: "Save for later",
    keys: ["Shift+s"],
    place: "verdict",
    isEnabled: isReading,
    perform: (verbs) => verbs.saveForLater(),
  },
  {
    id: "accept",
    name: "Accept and next (Enter)",
    label: "Accept and next",
    keys: ["Enter"],
    place: "verdict",
    isEnabled: isReading,
    perform: (verbs) => verbs.accept(),
  },
  {
    id: "shortcuts",
    name: "Keys (?)",
    label: "Keys",
    keys: ["?"],
    place: "help",
    perform: (verbs) => verbs.showShortcuts(),
  },
];

const PICKS: readonly Action[] = Array.from({ length: 9 }, (_, index) => ({
  id: `candidate-${index + 1}`,
  name: `Pick candidate ${index + 1}`,
  keys: [String(index + 1)],
  place: "candidate",
  isEnabled: (state: RoomState) =>
    isReading(state) && index < (state.current?.candidates.length ?? 0),
  perform: (verbs: Verbs) => verbs.pick(index),
}));

export type Registry = {
  readonly all: readonly Action[];
  readonly at: (place: Place) => readonly Action[];
  readonly byKey: ReadonlyMap<string, Action>;
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
  return { all: actions, byKey, at: (place) => actions.filter((one) => one.place === place) };
}

export const ACTIONS = [...TOOLS, ...CLEANUPS, ...EDITS, ...VIEWS, ...LAYERS, ...CASE, ...PICKS];

const KEY_NAMES: Readonly<Record<string, string>> = { Shift: "⇧", Home: "Home", Enter: "Enter" };

/** A key as people read it: "Shift+s" is "⇧S". */
export function keyLabel(key: string): string {
  const parts = key
    .split(/\+(?=.)/)
    .map((part) => KEY_NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part));
  return parts.join(parts[0] === "⇧" ? "" : "+");
}

export function tooltip(action: Action): string {
  const key = action.keys[0];
  return key && !action.name.endsWith(")") ? `${action.name} (${keyLabel(key)})` : action.name;
}
