/** Asks the browser for a passkey and sends its answer with the page's form. The page has the words. */

import {
  type CreationJson,
  creationOf,
  credentialJson,
  type RequestJson,
  requestOf,
} from "./encoding";

type Options = {
  creation_options?: { publicKey: CreationJson };
  request_options?: { publicKey: RequestJson };
};

async function ask(options: Options): Promise<Credential | null> {
  if (options.creation_options !== undefined) {
    return navigator.credentials.create({
      publicKey: creationOf(options.creation_options.publicKey),
    });
  }
  if (options.request_options !== undefined) {
    return navigator.credentials.get({ publicKey: requestOf(options.request_options.publicKey) });
  }
  return null;
}

function problemOf(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "SecurityError") return "address";
  return name === "InvalidStateError" ? "known" : "refused";
}

function show(form: HTMLFormElement, problem: string | null): void {
  for (const element of form.querySelectorAll<HTMLElement>("[data-problem]")) {
    element.hidden = element.dataset["problem"] !== problem;
  }
}

function start(form: HTMLFormElement): void {
  const button = form.querySelector<HTMLButtonElement>("[data-ask]");
  const answer = form.querySelector<HTMLInputElement>("input[name=credential]");
  const text = document.getElementById("passkey-options")?.textContent;
  if (button === null || answer === null || !text) return;
  if (!("credentials" in navigator) || !("PublicKeyCredential" in window)) {
    button.disabled = true;
    show(form, "unsupported");
    return;
  }
  const run = async (): Promise<void> => {
    button.disabled = true;
    show(form, null);
    try {
      const credential = await ask(JSON.parse(text) as Options);
      if (!(credential instanceof PublicKeyCredential)) throw new Error("no passkey");
      answer.value = credentialJson(credential);
      form.submit();
    } catch (error) {
      show(form, problemOf(error));
      button.disabled = false;
    }
  };
  button.addEventListener("click", () => void run());
  if (form.dataset["atOnce"] !== undefined) void run();
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-passkey]")) start(form);
