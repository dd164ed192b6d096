/** From a key press to an action's chord. Typing and dialogs keep their keys. */

import type { Store } from "../page/store";
import type { ActionHandlers } from "./handlers";
import type { Registry } from "./registry";
import type { RoomState } from "./state";

type Press = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

export function chordOf(press: Press): string | null {
  if (press.altKey) return null;
  const isLetter = press.key.length === 1 && press.key.toLowerCase() !== press.key.toUpperCase();
  const key = isLetter ? press.key.toLowerCase() : press.key;
  const isNamed = press.key.length > 1;
  const shift = press.shiftKey && (isLetter || isNamed) ? "Shift+" : "";
  return `${press.ctrlKey || press.metaKey ? "Ctrl+" : ""}${shift}${key}`;
}

/** Inputs that take no letters. While one has the focus, the letter keys still perform actions. */
const UNTYPED = ["range", "checkbox"];

function typesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const dialog = target.closest("dialog");
  // A dialog that was closed keeps the focus until the next frame.
  if (dialog) return dialog.open;
  const isText = target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
  const isTyped = target instanceof HTMLInputElement && !UNTYPED.includes(target.type);
  return isText || isTyped;
}

/**
 * Whether a key belongs to the focused control. Enter and Space press it; arrows and page keys set it
 * or scroll. Home does nothing on a button, so it stays with the film.
 */
function belongsToControl(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  const moves = key.startsWith("Arrow") || key.startsWith("Page");
  if (target instanceof HTMLInputElement) return moves || ["Home", "End", " "].includes(key);
  const isPressed = key === "Enter" || key === " ";
  return (moves || isPressed) && target.closest("button, a, summary") !== null;
}

/**
 * The reader can limit single characters to the focused film (WCAG 2.1.4). Then neither dictation
 * that arrives as typing nor an accidental key press changes a mask.
 */
const isSingleCharacter = ({ key, ctrlKey, metaKey }: Press): boolean =>
  key.length === 1 && !ctrlKey && !metaKey;

const isOnFilm = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest(".stage") !== null;

export function listenToKeys(
  registry: Registry,
  store: Store<RoomState>,
  handlers: ActionHandlers,
): void {
  window.addEventListener("keydown", (event) => {
    if (typesText(event.target) || belongsToControl(event)) return;
    const isBoundToFilm = store.get().keysNeedFilm && isSingleCharacter(event);
    if (isBoundToFilm && !isOnFilm(event.target)) return;
    if (event.key === "Escape") return handlers.escape();
    const chord = chordOf(event);
    const action = chord === null ? undefined : registry.byKey.get(chord);
    const isSpace = event.key === " ";
    if (!action && !isSpace) return;
    event.preventDefault();
    if (event.repeat && !action?.repeats) return;
    const isEnabled = action?.isEnabled?.(store.get()) ?? true;
    if (action && isEnabled) action.perform(handlers, store.get());
    // No action lasts as long as its key is held, as this does.
    else if (isSpace) handlers.setOnlyFilmShown(true);
  });
  window.addEventListener("keyup", (event) => {
    if (event.key === " ") handlers.setOnlyFilmShown(false);
  });
  window.addEventListener("blur", () => handlers.setOnlyFilmShown(false));
}
