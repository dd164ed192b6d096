/** Stores the settings for pen, fingers and keys in the browser, because each device needs its own. */

import { PREFERENCES, type Preferences, type RoomState } from "../actions/state";
import type { Store } from "../page/store";

const KEY = "roundtruth.input";

type PreferenceStorage = Pick<Storage, "getItem" | "setItem">;

/** Return the stored settings; none if they cannot be read. */
export function readPreferences(storage: Pick<PreferenceStorage, "getItem">): Partial<Preferences> {
  try {
    const kept: unknown = JSON.parse(storage.getItem(KEY) ?? "{}");
    const entries = Object.entries(kept ?? {}).filter(
      ([name, value]) =>
        PREFERENCES.some((preference) => preference === name) && typeof value === "boolean",
    );
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

/** Apply the stored settings and store changes. `storage` throws if the browser forbids storage. */
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
      // The storage is full: the setting is lost when the page is left.
    }
  });
}
