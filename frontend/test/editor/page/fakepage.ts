/** As much of a page as panels need to be built in, without a browser: what they say can be read. */

import { vi } from "vitest";

/** What is drawn is the browser tests' affair: every call and field of a canvas does nothing. */
const drawing = {
  createImageData: (width: number, height: number) => ({
    data: new Uint8ClampedArray(4 * width * height),
  }),
  putImageData: () => undefined,
  clearRect: () => undefined,
};

export class FakeElement {
  readonly attributes = new Map<string, string>();
  readonly style = { setProperty: () => undefined };
  readonly dataset = {};
  readonly classList = { add: () => undefined, toggle: () => undefined };
  readonly addEventListener = () => undefined;
  readonly getContext = () => drawing;
  readonly getBoundingClientRect = () => ({ width: 0, height: 0 });
  children: (FakeElement | string)[] = [];

  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }
  append(...children: (FakeElement | string)[]): void {
    this.children.push(...children);
  }
  replaceChildren(...children: (FakeElement | string)[]): void {
    this.children = children;
  }
  get childElementCount(): number {
    return this.inner().length;
  }
  inner(): readonly FakeElement[] {
    return this.children.filter((child) => child instanceof FakeElement);
  }
  /** This element and all within it. */
  all(): readonly FakeElement[] {
    return [this, ...this.inner().flatMap((child) => child.all())];
  }
  get(attribute: string): string {
    return this.attributes.get(attribute) ?? "";
  }
}

export function stubPage(): void {
  const make = () => new FakeElement();
  vi.stubGlobal("document", { createElement: make, createElementNS: make });
  vi.stubGlobal("window", { devicePixelRatio: 1 });
  vi.stubGlobal("requestAnimationFrame", () => 0);
  vi.stubGlobal(
    "ResizeObserver",
    class {
      readonly observe = () => undefined;
    },
  );
}
