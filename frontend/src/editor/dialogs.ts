/** The few questions the room asks. Each is a native dialog: focus is kept in it, Esc leaves it. */

import { EXCLUSION_REASONS, type ExclusionReason, type ReadingConfig } from "../api/types";
import { keyLabel, type Registry } from "./actions";
import { h, keycap } from "./dom";

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
    h("h2", { id: "dialog-title" }, title),
    ...body,
    h("div", { class: "buttons" }, ...made),
  );
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
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
  });
}

const CANCEL = { value: "", text: "Cancel" } as const;

export async function askExclusionReason(): Promise<ExclusionReason | null> {
  const inputs = Object.entries(EXCLUSION_REASONS).map(([value, text], index) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "reason", value, required: true, autofocus: index === 0 }),
      text,
    ),
  );
  const field = h("fieldset", {}, h("legend", {}, "Why can this film not be read?"), ...inputs);
  const main = { value: "exclude", text: "Exclude and next", isMain: true };
  if ((await openDialog("Exclude this case", [field], [CANCEL, main])) !== "exclude") return null;
  const chosen = field.querySelector<HTMLInputElement>("input:checked");
  return (chosen?.value as ExclusionReason | undefined) ?? null;
}

export async function askNote(note: string): Promise<string | null> {
  const area = h("textarea", {
    rows: "6",
    maxlength: "4000",
    "aria-label": "Note",
    autofocus: true,
  });
  area.value = note;
  const main = { value: "keep", text: "Keep note", isMain: true };
  const answer = await openDialog("Note on this case", [area], [CANCEL, main]);
  return answer === "keep" ? area.value.trim() : null;
}

export async function confirmNoInfection(): Promise<boolean> {
  const words = h(
    "p",
    {},
    "Something is marked on this film. It will be filed as free of infection.",
  );
  const main = { value: "yes", text: "No infection", isMain: true };
  return (await openDialog("Mark as no infection?", [words], [CANCEL, main])) === "yes";
}

export function showShortcutSheet(registry: Registry, config: ReadingConfig): void {
  const named = registry.all.filter((action) => action.place !== "candidate");
  const rows: [string, readonly string[]][] = named.map((action) => [
    action.name.replace(/ \(.*\)$/, ""),
    action.keys.map(keyLabel),
  ]);
  rows.push(
    ["Pick a candidate", ["1", "…", "9"]],
    ["Naked film", ["hold Space"]],
    ["Cancel the stroke", ["Esc"]],
    ["Close the polygon", ["Enter", "double click"]],
    ["Take away instead", ["hold Alt"]],
    ["Zoom", ["wheel"]],
    ["Brush size", ["⇧ wheel"]],
    ["Pan", ["middle drag"]],
    ["Window/level", ["right drag"]],
  );
  const list = h(
    "dl",
    { class: "keys" },
    ...rows.map(([name, keys]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, ...keys.map(keycap))),
    ),
  );
  const body: Node[] = [list];
  if (config.guideline)
    body.push(h("h3", {}, "Guideline"), h("p", { class: "guideline" }, config.guideline));
  void openDialog("Keys", body, [{ value: "", text: "Close", isMain: true }]);
}
