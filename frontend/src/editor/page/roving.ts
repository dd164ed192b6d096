/** A toolbar is one stop for Tab; inside it the arrows, Home and End go from button to button. */

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

/** The answer settles which button Tab comes to, after some were enabled or disabled. */
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
    // They are this toolbar's keys now, not the film's.
    event.stopPropagation();
    now[to]?.focus();
  });
  settle();
  return settle;
}
