/** The questions about a decision on the case: why to exclude it, its note, and no infection. */

import type { ExclusionReason } from "../../api/types";
import { words } from "../../words";
import { h } from "../page/elements";
import { openDialog } from "./dialog";

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
