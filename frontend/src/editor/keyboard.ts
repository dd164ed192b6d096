/** From a key press to an action's chord. Typing and dialogs keep their keys. */

import type { Registry } from "./actions";
import type { RoomState } from "./state";
import type { Store } from "./store";
import type { Verbs } from "./verbs";

type Press = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

export function chordOf(press: Press): string | null {
  if (press.altKey) return null;
  const isLetter = press.key.length === 1 && press.key.toLowerCase() !== press.key.toUpperCase();
  const key = isLetter ? press.key.toLowerCase() : press.key;
  const isNamed = press.key.length > 1;
  const shift = press.shiftKey && (isLetter || isNamed) ? "Shift+" : "";
  return `${press.ctrlKey || press.metaKey ? "Ctrl+" : ""}${shift}${key}`;
}

function typesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("dialog")) return true;
  const isText = target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
  return isText || (target instanceof HTMLInputElement && target.type !== "range");
}

/** Enter and Space belong to the control that has the focus, arrows and Home to a slider. */
function belongsToControl(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return key === "Home" || key === "End" || key === " ";
  return (key === "Enter" || key === " ") && target.closest("button, a, summary") !== null;
}

export function listenToKeys(registry: Registry, store: Store<RoomState>, verbs: Verbs): void {
  window.addEventListener("keydown", (event) => {
    if (typesText(event.target) || belongsToControl(event)) return;
    if (event.key === "Escape") return verbs.cancelGesture();
    if (event.key === " ") {
      event.preventDefault();
      if (!event.repeat) verbs.setNaked(true);
      return;
    }
    const chord = chordOf(event);
    const action = chord === null ? undefined : registry.byKey.get(chord);
    if (!action) return;
    event.preventDefault();
    const mayRepeat = action.place === "edit" || action.id === "smaller" || action.id === "larger";
    if (event.repeat && !mayRepeat) return;
    if (action.isEnabled?.(store.get()) ?? true) action.perform(verbs, store.get());
  });
  window.addEventListener("keyup", (event) => {
    if (event.key === " ") verbs.setNaked(false);
  });
  window.addEventListener("blur", () => verbs.setNaked(false));
}
