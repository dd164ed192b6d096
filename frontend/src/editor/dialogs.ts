/** The few questions the room asks. Each is a native dialog: focus is kept in it, Esc leaves it. */

import { EXCLUSION_REASONS, type ExclusionReason, type ReadingConfig } from "../api/types";
import type { Mask } from "../mask/bitmap";
import { keyLabel, type Registry } from "./actions";
import { h, keycap } from "./dom";
import { drawThumbnail } from "./drawpictures";

type Buttons = readonly {
  readonly value: string;
  readonly text: string;
  readonly isMain?: boolean;
}[];

/** Show a dialog and wait for the button's value; "" when it was left with Esc. */
function ask(title: string, body: readonly Node[], buttons: Buttons): Promise<string> {
  const made = buttons.map(({ value, text, isMain }) =>
    h("button", { type: "submit", value, class: isMain ? "go" : "" }, text),
  );
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "dialog-title" }, title),
    ...body,
    h("div", { class: "buttons" }, ...made),
  );
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  document.body.append(dialog);
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
  const cancel = { ...CANCEL };
  const answer = ask("Exclude this case", [field], [cancel, main]);
  field.closest("form")?.querySelector("button")?.setAttribute("formnovalidate", "");
  if ((await answer) !== "exclude") return null;
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
  const answer = await ask("Note on this case", [area], [CANCEL, main]);
  return answer === "keep" ? area.value.trim() : null;
}

export async function confirmNoInfection(): Promise<boolean> {
  const words = h(
    "p",
    {},
    "Something is marked on this film. It will be filed as free of infection.",
  );
  const main = { value: "yes", text: "No infection", isMain: true };
  return (await ask("Mark as no infection?", [words], [CANCEL, main])) === "yes";
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
  void ask("Keys", body, [{ value: "", text: "Close", isMain: true }]);
}

function maskFigure(
  title: string,
  preview: ImageBitmap | null,
  mask: Mask,
  whose: "mine" | "theirs",
) {
  const canvas = h("canvas", { width: "320", height: "300", class: "side-by-side" });
  drawThumbnail(canvas, preview, mask, whose);
  return h("figure", {}, canvas, h("figcaption", {}, title));
}

/** The stale tab is told: both masks are there, and the reader says which one goes on. */
export async function askConflict(
  mine: Mask,
  theirs: Mask,
  preview: ImageBitmap | null,
): Promise<"mine" | "theirs"> {
  const words =
    "This case was changed in another tab or browser after you opened it here. " +
    "Both masks are kept. Which one goes on? The other one comes back with Undo.";
  const body = [
    h("p", {}, words),
    h(
      "div",
      { class: "pair" },
      maskFigure("Mine, in this tab", preview, mine, "mine"),
      maskFigure("Theirs, on the server", preview, theirs, "theirs"),
    ),
  ];
  const buttons = [
    { value: "mine", text: "Take mine" },
    { value: "theirs", text: "Take theirs" },
  ];
  let answer = "";
  while (answer === "") answer = await ask("Two masks for one case", body, buttons);
  return answer === "mine" ? "mine" : "theirs";
}
