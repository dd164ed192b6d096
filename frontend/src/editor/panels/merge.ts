/** The dialog after a save conflict: it shows both masks of the case and a mix of them. */

import type { Mask, Rect } from "../../mask/bitmap";
import { words } from "../../words";
import { drawThumbnail } from "../film/thumbnails";
import { h } from "../page/elements";
import { openDialog } from "./dialog";
import { createMixer } from "./mixer";

/** The mask to continue with: "mine", "theirs", or mine with these rectangles from theirs. */
export type Choice = "mine" | "theirs" | readonly Rect[];

const SIZE = { width: "300", height: "290" } as const;

function createFigure(canvas: HTMLCanvasElement, ...caption: (Node | string)[]): HTMLElement {
  return h("figure", {}, canvas, h("figcaption", {}, ...caption));
}

function createPicture(
  mask: Mask,
  preview: ImageBitmap | null,
  whose: "mine" | "theirs",
): HTMLCanvasElement {
  const canvas = h("canvas", SIZE);
  drawThumbnail(canvas, preview, mask, whose);
  return canvas;
}

/** Show both masks in the tab that cannot save, and return which mask the reader continues with. */
export async function askConflict(
  mine: Mask,
  theirs: Mask,
  preview: ImageBitmap | null,
): Promise<Choice> {
  const clear = h("button", { type: "button", class: "bare" }, words.merge.clear);
  const mixer = createMixer(SIZE, mine, theirs, preview, () => {
    clear.disabled = mixer.regions().length === 0;
    const mix = clear.closest("dialog")?.querySelector<HTMLButtonElement>('button[value="mix"]');
    if (mix) mix.disabled = clear.disabled;
  });
  clear.disabled = true;
  clear.addEventListener("click", mixer.clear);
  const pictures = h(
    "div",
    { class: "pair" },
    createFigure(createPicture(mine, preview, "mine"), words.merge.mine),
    createFigure(createPicture(theirs, preview, "theirs"), words.merge.theirs),
    createFigure(mixer.canvas, words.merge.mixed, clear, mixer.speech),
  );
  const buttons = [
    { value: "mine", text: words.merge.takeMine },
    { value: "theirs", text: words.merge.takeTheirs },
    { value: "mix", text: words.merge.takeMix, isDisabled: true },
  ];
  const why = h("p", {}, words.merge.why);
  let answer = "";
  while (answer === "") {
    mixer.clear();
    answer = await openDialog(words.merge.title, [why, pictures], buttons);
  }
  if (answer === "mix") return mixer.regions();
  return answer === "mine" ? "mine" : "theirs";
}
