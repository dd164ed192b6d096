/** What the proposal means in the lungs: grade, zones, lesions. Of the proposal, not of the mask. */

import type { Findings, Lesion, LungPart } from "../api/types";
import { h } from "./dom";
import type { Room } from "./room";

const LISTED = 6;
const ZONES = ["upper", "middle", "lower"] as const;

export function percent(share: number | null): string {
  if (share === null) return "–";
  if (share > 0 && share < 0.005) return "<1 %";
  return `${Math.round(share * 100)} %`;
}

export function areaWords(lesion: Pick<Lesion, "pixels" | "area_mm2">): string {
  if (lesion.area_mm2 === null) return `${lesion.pixels.toLocaleString("en")} px`;
  return lesion.area_mm2 < 100
    ? `${Math.round(lesion.area_mm2)} mm²`
    : `${(lesion.area_mm2 / 100).toFixed(1)} cm²`;
}

export function placeWords(lesion: Pick<Lesion, "side" | "zone">): string {
  if (lesion.side === null) return "place not known";
  if (lesion.side === "outside") return "outside the lungs";
  return [lesion.side, lesion.zone].filter(Boolean).join(" ");
}

/** What else there is to say: what lies outside, what is too small to list, what is left out. */
export function restWords(found: Findings): readonly string[] {
  const shown = Math.min(found.n_lesions, LISTED);
  const px = (count: number) => `${count.toLocaleString("en")} px`;
  const more = found.n_lesions - shown;
  return [
    more > 0 ? `and ${more} more` : "",
    found.n_smaller > 0
      ? `${found.n_smaller} under ${px(found.smallest_lesion_pixels)} not listed (${px(found.smaller_pixels)})`
      : "",
    found.outside_pixels > 0 && found.both.pixels > 0
      ? `${px(found.outside_pixels)} lie outside the lungs`
      : "",
  ].filter((line) => line !== "");
}

function zoneCell(part: LungPart | undefined): HTMLElement {
  const share = part?.share ?? null;
  const cell = h("td", {}, percent(share));
  cell.style.setProperty("--share", String(Math.round(100 * (share ?? 0))));
  return cell;
}

/** Zones as they lie on the film: the patient's right lung stands on the left. */
function thorax(found: Findings): HTMLElement {
  const head = found.lungs.map((lung) =>
    h("th", { scope: "col" }, `${lung.name === "right" ? "R" : "L"} ${percent(lung.share)}`),
  );
  const rows = ZONES.map((zone, index) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, zone),
      ...found.lungs.map((lung) => zoneCell(lung.zones[index])),
    ),
  );
  return h(
    "table",
    { class: "thorax", "aria-label": "Infected share of each lung zone" },
    h("thead", {}, h("tr", {}, h("td", {}), ...head)),
    h("tbody", {}, ...rows),
  );
}

function gradeRow(found: Findings): HTMLElement {
  if (found.grade === null) return h("p", { class: "quiet" }, found.reason);
  return h(
    "div",
    { class: "row" },
    h("span", { class: `grade ${found.grade}` }, found.grade),
    h("span", { class: "figure" }, `${percent(found.both.share)} of both lungs`),
  );
}

function lesionList(found: Findings): HTMLElement {
  const items = found.lesions
    .slice(0, LISTED)
    .map((lesion) =>
      h(
        "li",
        { class: "row" },
        h("span", {}, placeWords(lesion)),
        h("span", { class: "figure" }, areaWords(lesion)),
      ),
    );
  return h("ol", { class: "lesions" }, ...items);
}

function fill(section: HTMLElement, found: Findings): void {
  const count = `${found.n_lesions} lesion${found.n_lesions === 1 ? "" : "s"}`;
  const rest = restWords(found).map((line) => h("p", { class: "quiet" }, line));
  section.replaceChildren(
    h("h2", {}, "Severity of the proposal"),
    gradeRow(found),
    ...(found.both.pixels > 0 ? [thorax(found)] : []),
    h("h3", {}, count),
    ...(found.n_lesions > 0 ? [lesionList(found)] : []),
    ...rest,
    h("p", { class: "quiet" }, "Measured on the ensemble's proposal, not on what you draw."),
  );
}

export function createFindings(room: Room): HTMLElement {
  const section = h("section", { class: "findings" });
  let shown: Findings | null = null;
  section.hidden = true;
  room.store.subscribe(({ current }) => {
    const found = current?.blind ? null : (current?.findings ?? null);
    if (found === shown) return;
    shown = found;
    section.hidden = found === null;
    if (found) fill(section, found);
    else section.replaceChildren();
  });
  return section;
}
