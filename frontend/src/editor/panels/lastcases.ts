/** The list of the last cases that this reader submitted. The reader opens one again from it. */

import type { Client } from "../../api/client";
import type { LastCase } from "../../api/types";
import { createMask } from "../../mask/bitmap";
import { words } from "../../words";
import type { RoomState } from "../actions/state";
import type { Codec } from "../film/codec";
import { drawThumbnail } from "../film/thumbnails";
import { h } from "../page/elements";
import type { Store } from "../page/store";
import { sayProblem } from "../saving/problems";
import { openDialog } from "./dialog";

const CLOSE = { value: "", text: words.dialogs.close } as const;
const SIDE = { width: "104", height: "104" } as const;

export function decidedWords({ verdict, exclusion_reason: reason }: LastCase): string {
  const { verdicts, withReason } = words.lastCases;
  return reason ? withReason(verdicts[verdict], words.dialogs.reasons[reason]) : verdicts[verdict];
}

export function caseWords({ case_key, day, view }: LastCase): string {
  return words.lastCases.case(case_key, day, view);
}

/**
 * A row is a submit button of the dialog: the dialog returns its value, the id of the assignment.
 */
function rowOf(row: LastCase, now: number): { button: HTMLElement; canvas: HTMLCanvasElement } {
  const canvas = h("canvas", { ...SIDE, "aria-hidden": "true" });
  const { decided, openAgain } = words.lastCases;
  const passed = now - Date.parse(row.submitted_at);
  const state = row.refusal ?? (row.reopened ? openAgain : "");
  const button = h(
    "button",
    { type: "submit", class: "last-case", value: row.assignment, disabled: row.refusal !== null },
    canvas,
    h(
      "span",
      {},
      h("strong", {}, caseWords(row)),
      h("span", {}, decided(decidedWords(row), passed, row.flagged, row.has_note)),
      h("span", { class: "dim" }, state),
    ),
  );
  return { button, canvas };
}

async function drawPicture(
  client: Client,
  codec: Codec,
  row: LastCase,
  canvas: HTMLCanvasElement,
): Promise<void> {
  if (row.thumbnail_url === null) return;
  const film = await client.blob(row.thumbnail_url);
  if (!film.ok) return;
  const small = await createImageBitmap(film.value);
  const bytes = row.mask_url === null ? null : await client.bytes(row.mask_url);
  const mask = bytes?.ok ? await codec.mask(bytes.value) : createMask(small.width, small.height);
  drawThumbnail(canvas, small, mask, "mine");
}

/** Show the list and return the chosen assignment; null if the reader chose none. */
export async function askLastCase(
  client: Client,
  codec: Codec,
  store: Store<RoomState>,
): Promise<string | null> {
  const reply = await client.lastCases();
  if (document.querySelector("dialog[open]")) return null; // opened by an earlier press
  if (!reply.ok) {
    store.set({ notice: sayProblem(reply.problem) });
    return null;
  }
  const rows = reply.value.map((row) => ({ row, ...rowOf(row, Date.now()) }));
  const { title, choose, none } = words.lastCases;
  const asked = h("p", {}, rows.length ? choose : none);
  const list = h("div", { class: "last-cases" }, ...rows.map(({ button }) => button));
  const answer = openDialog(title, [asked, list], [CLOSE]);
  for (const { row, canvas } of rows)
    drawPicture(client, codec, row, canvas).catch(() => undefined);
  return (await answer) || null;
}
