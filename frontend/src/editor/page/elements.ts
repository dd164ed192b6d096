/** Building elements without inline styles or HTML strings: the page's policy forbids both. */

type Child = Node | string | null;
type Attributes = Readonly<Record<string, string | boolean>>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false) element.setAttribute(name, value);
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

export function icon(paths: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const d of paths.split("|")) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", d.replace(/^!/, ""));
    if (d.startsWith("!")) path.setAttribute("class", "solid");
    svg.append(path);
  }
  return svg;
}

/** Write only what changed: a header that ticks must not make the browser lay out for nothing. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Give the keys back to the room after a click or drag; who came by keyboard keeps the focus. */
export function blurAfterPointer(input: HTMLInputElement | HTMLSelectElement): void {
  input.addEventListener("change", () => {
    if (!input.matches(":focus-visible")) input.blur();
  });
}

/** A key on a button: a hint for the eye, drawn by the style, since it is no part of its label. */
export function keycap(label: string): HTMLElement {
  return h("kbd", { "aria-hidden": "true", "data-key": label });
}
