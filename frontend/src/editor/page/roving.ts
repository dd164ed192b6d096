/** A toolbar is one Tab stop. Inside it, the arrows, Home and End move from button to button. */

const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowUp: -1,
  ArrowRight: 1,
  ArrowDown: 1,
};

/** Which of `count` buttons the key leads to, round the ends; null for a key that leads nowhere. */
export function roveTo(key: string, now: number, count: number): number | null {
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const step = STEPS[key];
  return step === undefined ? null : (now + step + count) % count;
}

/** Returns a function to call after buttons were enabled or disabled: it chooses the Tab stop again. */
export function roveFocus(toolbar: HTMLElement): () => void {
  const buttons = [...toolbar.querySelectorAll("button")];
  const enabled = () => buttons.filter((button) => !button.disabled);
  let last: HTMLButtonElement | undefined;

  const settle = () => {
    const stop = last && !last.disabled ? last : enabled()[0];
    for (const button of buttons) {
      const tabIndex = button === stop ? 0 : -1;
      if (button.tabIndex !== tabIndex) button.tabIndex = tabIndex;
    }
  };
  toolbar.addEventListener("focusin", ({ target }) => {
    last = buttons.find((button) => button === target);
    settle();
  });
  toolbar.addEventListener("keydown", (event) => {
    const now = enabled();
    const to = roveTo(event.key, now.indexOf(event.target as HTMLButtonElement), now.length);
    if (to === null) return;
    event.preventDefault();
    // Without this, the same key would also move the film.
    event.stopPropagation();
    now[to]?.focus();
  });
  settle();
  return settle;
}
