/** Words for screen readers only. They come once things rest, so that no step of a way is read out. */

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
