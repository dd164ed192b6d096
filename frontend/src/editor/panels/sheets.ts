/** The sheets that the header opens for reading only: the guideline and the keys. */

import type { ReadingConfig } from "../../api/types";
import { words } from "../../words";
import { keyLabel, type Registry } from "../actions/registry";
import { h } from "../page/elements";
import { openDialog } from "./dialog";

const CLOSE = { value: "", text: words.dialogs.close, isMain: true } as const;

export function showGuideline({ guideline }: ReadingConfig): void {
  const text = guideline || words.dialogs.noGuideline;
  void openDialog(words.dialogs.guideline, [h("p", { class: "guideline" }, text)], [CLOSE]);
}

export function showShortcutSheet(registry: Registry): void {
  const listed = registry.all.filter((action) => action.place !== "candidate");
  const rows: (readonly [string, readonly string[]])[] = listed.map((action) => [
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
