/** Shows a native dialog: the browser keeps the focus in it, and Esc closes it. */

import { h } from "../page/elements";

type Buttons = readonly {
  readonly value: string;
  readonly text: string;
  readonly isMain?: boolean;
  readonly isDisabled?: boolean;
}[];

/**
 * Show a dialog and return the value of the pressed button, or "" after Esc. With `confirm`, a
 * button that has a value closes the dialog only after `confirm` has returned true.
 */
export function openDialog(
  title: string,
  body: readonly Node[],
  buttons: Buttons,
  confirm?: () => Promise<boolean>,
): Promise<string> {
  const buttonElements = buttons.map(({ value, text, isMain, isDisabled }) => {
    // Enter in a field presses the first submit button, which must not be Cancel.
    const type = value === "" ? "button" : "submit";
    const button = h("button", { type, value, class: isMain ? "go" : "" }, text);
    if (value === "") button.addEventListener("click", () => dialog.close());
    button.disabled = isDisabled === true;
    return button;
  });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, title),
    ...body,
    h("div", { class: "buttons" }, ...buttonElements),
  );
  // The label is not an id of the heading: two dialogs can be open, and an id must be unique.
  const dialog = h("dialog", { "aria-label": title }, form);
  document.body.append(dialog);
  form.addEventListener("submit", (event) => {
    const value = (event.submitter as HTMLButtonElement | null)?.value ?? "";
    if (!confirm) return;
    event.preventDefault();
    for (const button of buttonElements) button.disabled = true;
    void confirm().then((isDone) => {
      for (const button of buttonElements) button.disabled = false;
      if (isDone) dialog.close(value);
    });
  });
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
    // The focus scrolls a long dialog down to its buttons, but the reader starts at the top.
    dialog.scrollTop = 0;
  });
}
