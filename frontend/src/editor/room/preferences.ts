/** How pen, fingers and keys work in this browser. Kept in the browser: a tablet wants others than a desk. */

import { PREFERENCES, type Preferences, type RoomState } from "../actions/state";
import type { Store } from "../page/store";

const KEY = "roundtruth.input";

type PreferenceStorage = Pick<Storage, "getItem" | "setItem">;

/** What was kept; nothing where it cannot be read. */
export function readPreferences(storage: Pick<PreferenceStorage, "getItem">): Partial<Preferences> {
  try {
    const kept: unknown = JSON.parse(storage.getItem(KEY) ?? "{}");
    const entries = Object.entries(kept ?? {}).filter(
      ([name, value]) => PREFERENCES.some((one) => one === name) && typeof value === "boolean",
    );
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

/** Take up what was kept, and keep what is changed. `shelf` throws where the browser forbids it. */
export function keepPreferences(store: Store<RoomState>, storage: () => PreferenceStorage): void {
  try {
    store.set(readPreferences(storage()));
  } catch {
    return;
  }
  store.subscribe((now, before) => {
    if (PREFERENCES.every((name) => now[name] === before[name])) return;
    const kept = Object.fromEntries(PREFERENCES.map((name) => [name, now[name]]));
    try {
      storage().setItem(KEY, JSON.stringify(kept));
    } catch {
      // A full storage: the preference holds until the page is left.
    }
  });
}
