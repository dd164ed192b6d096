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

/** Write the text only if it differs. Otherwise a clock would cause a layout every second. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** After a click or drag the keys act on the film again. After keyboard input the focus stays. */
export function blurAfterPointer(input: HTMLInputElement | HTMLSelectElement): void {
  input.addEventListener("change", () => {
    if (!input.matches(":focus-visible")) input.blur();
  });
}

/** A key shown on a button. The style draws it, because it is not part of the accessible label. */
export function keycap(label: string): HTMLElement {
  return h("kbd", { "aria-hidden": "true", "data-key": label });
}
