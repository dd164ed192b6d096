/** Asks the reader to sign in again when the session ends during a case. Then saving continues. */

import type { Client } from "../../api/client";
import type { Problem, ReadingConfig, Reply } from "../../api/types";
import { words } from "../../words";
import type { ShownRoom } from "../actions/state";
import { waitUntilIdle } from "../drawing/idle";
import { h, setText } from "../page/elements";
import { openDialog } from "./dialog";
import { keptWords } from "./header";

type SignIn = (password: string) => Promise<Reply<null>>;

function refusal({ status, code, detail }: Problem): string {
  if (code === "another_account") return detail;
  if (status === 400) return words.signIn.wrong;
  if (status === 401) return words.signIn.notYet;
  if (status === 429) return words.signIn.tooMany;
  if (status === 0) return words.signIn.noAnswer;
  return words.signIn.refused(status);
}

/** Return true when the reader has signed in again, false when the reader closed the dialog. */
async function askPassword(config: ReadingConfig, kept: string, signIn: SignIn): Promise<boolean> {
  const account = h("input", {
    value: config.account,
    readonly: true,
    autocomplete: "username",
    tabindex: "-1",
  });
  const password = h("input", {
    type: "password",
    autocomplete: "current-password",
    autofocus: true,
  });
  const elsewhere = h(
    "a",
    { href: config.signInUrl.split("?")[0] ?? "", target: "_blank", rel: "noopener" },
    words.signIn.elsewhere,
  );
  const error = h("p", { class: "refused", role: "alert" });
  const body = [
    h("p", {}, words.signIn.ended(kept)),
    h("label", { class: "field" }, words.signIn.account, account),
    h("label", { class: "field" }, words.signIn.password, password),
    h("p", {}, words.signIn.elsewhereWhy, elsewhere, words.signIn.thenHere),
    error,
  ];
  const buttons = [
    { value: "", text: words.signIn.notNow },
    { value: "in", text: words.signIn.signIn, isMain: true },
  ];
  const tryIt = async (): Promise<boolean> => {
    const reply = await signIn(password.value);
    if (reply.ok) return true;
    setText(error, refusal(reply.problem));
    password.select();
    return false;
  };
  return (await openDialog(words.signIn.title, body, buttons, tryIt)) === "in";
}

export function createSignIn(
  config: ReadingConfig,
  client: Pick<Client, "signIn">,
  room: ShownRoom,
  onBack: () => void,
) {
  let standing: "in" | "asked" | "later" = "in";
  let leftAt: number | null = null;

  async function ask(): Promise<void> {
    if (standing === "asked") return;
    standing = "asked";
    await waitUntilIdle(room);
    const kept = keptWords(room.store.get());
    const isBack = await askPassword(config, kept, (given) => client.signIn(config.account, given));
    standing = isBack ? "in" : "later";
    leftAt = room.store.get().save.savedAt;
    if (isBack) onBack();
  }

  room.store.subscribe(({ save }) => {
    // A save has succeeded: the reader signed in again in another tab.
    if (standing === "later" && save.savedAt !== leftAt) standing = "in";
  });

  return {
    ask: () => void ask(),
    /** The session has ended: ask once. After that, the reader can use the button of the notice. */
    expired: () => {
      if (standing === "in") void ask();
    },
  };
}
