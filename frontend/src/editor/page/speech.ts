/**
 * Text for screen readers only. It waits until the text stays, so that only the last one is read.
 */

import { h, setText } from "./elements";

const REST_MS = 500;

export function createSpeech() {
  const element = h("p", { class: "spoken", "aria-live": "polite" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let next = "";
  return {
    element,
    say: (text: string): void => {
      if (text === next) return;
      next = text;
      clearTimeout(timer);
      timer = setTimeout(() => setText(element, text), REST_MS);
    },
  };
}
