/** The few questions the room asks. Each is a native dialog: focus is kept in it, Esc leaves it. */

import type { ExclusionReason, ReadingConfig } from "../../api/types";
import { words } from "../../words";
import { keyLabel, type Registry } from "../actions/registry";
import { h } from "../page/elements";

type Buttons = readonly {
  readonly value: string;
  readonly text: string;
  readonly isMain?: boolean;
  readonly isDisabled?: boolean;
}[];

/**
 * Show a dialog and wait for the button's value; "" when it was left with Esc. With `confirm`, a
 * button that has a value closes it only once that says true.
 */
export function openDialog(
  title: string,
  body: readonly Node[],
  buttons: Buttons,
  confirm?: () => Promise<boolean>,
): Promise<string> {
  const made = buttons.map(({ value, text, isMain, isDisabled }) => {
    // Enter in a field presses the first submit button, which must not be Cancel.
    const type = value === "" ? "button" : "submit";
    const button = h("button", { type, value, class: isMain ? "go" : "" }, text);
    if (value === "") button.addEventListener("click", () => dialog.close());
    button.disabled = isDisabled === true;
    return button;
  });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, title),
    ...body,
    h("div", { class: "buttons" }, ...made),
  );
  // No id of the heading: another dialog, as the one that asks to sign in, may lie over this one.
  const dialog = h("dialog", { "aria-label": title }, form);
  document.body.append(dialog);
  form.addEventListener("submit", (event) => {
    const value = (event.submitter as HTMLButtonElement | null)?.value ?? "";
    if (!confirm) return;
    event.preventDefault();
    for (const button of made) button.disabled = true;
    void confirm().then((isDone) => {
      for (const button of made) button.disabled = false;
      if (isDone) dialog.close(value);
    });
  });
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue);
    });
    dialog.showModal();
    // The focus goes to a button at the foot of a long sheet, which is read from its head.
    dialog.scrollTop = 0;
  });
}

const CANCEL = { value: "", text: words.dialogs.cancel } as const;

export async function askExclusionReason(): Promise<ExclusionReason | null> {
  const inputs = Object.entries(words.dialogs.reasons).map(([value, text], index) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "reason", value, required: true, autofocus: index === 0 }),
      text,
    ),
  );
  const field = h("fieldset", {}, h("legend", {}, words.dialogs.excludeWhy), ...inputs);
  const main = { value: "exclude", text: words.dialogs.exclude, isMain: true };
  if ((await openDialog(words.dialogs.excludeTitle, [field], [CANCEL, main])) !== "exclude")
    return null;
  const chosen = field.querySelector<HTMLInputElement>("input:checked");
  return (chosen?.value as ExclusionReason | undefined) ?? null;
}

export async function askNote(note: string): Promise<string | null> {
  const area = h("textarea", {
    rows: "6",
    maxlength: "4000",
    "aria-label": words.dialogs.note,
    autofocus: true,
  });
  area.value = note;
  const main = { value: "keep", text: words.dialogs.keepNote, isMain: true };
  const answer = await openDialog(words.dialogs.noteTitle, [area], [CANCEL, main]);
  return answer === "keep" ? area.value.trim() : null;
}

export async function confirmNoInfection(): Promise<boolean> {
  const why = h("p", {}, words.dialogs.noInfectionWhy);
  const main = { value: "yes", text: words.dialogs.noInfection, isMain: true };
  return (await openDialog(words.dialogs.noInfectionTitle, [why], [CANCEL, main])) === "yes";
}

const CLOSE = { value: "", text: words.dialogs.close, isMain: true } as const;

export function showGuideline({ guideline }: ReadingConfig): void {
  const text = guideline || words.dialogs.noGuideline;
  void openDialog(words.dialogs.guideline, [h("p", { class: "guideline" }, text)], [CLOSE]);
}

export function showShortcutSheet(registry: Registry): void {
  const named = registry.all.filter((action) => action.place !== "candidate");
  const rows: (readonly [string, readonly string[]])[] = named.map((action) => [
    action.name.replace(/ \(.*\)$/, ""),
    action.keys.map(keyLabel),
  ]);
  rows.push(...words.sheet);
  const list = h(
    "dl",
    { class: "keys" },
    ...rows.map(([name, keys]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, ...keys.map((key) => h("kbd", {}, key)))),
    ),
  );
  void openDialog(words.dialogs.keys, [list], [CLOSE]);
}
