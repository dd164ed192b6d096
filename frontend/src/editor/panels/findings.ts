/** The severity of the proposal: grade, zones and lesions. It does not follow the reader's mask. */

import type { Findings, Lesion, LungPart } from "../../api/types";
import { words } from "../../words";
import type { ShownRoom } from "../actions/state";
import { ZONES } from "../film/zones";
import { h } from "../page/elements";

const LISTED = 6;

export function percent(share: number | null): string {
  if (share === null) return words.findings.noShare;
  if (share > 0 && share < 0.005) return words.findings.tinyShare;
  return words.findings.share(share);
}

export function areaWords(lesion: Pick<Lesion, "pixels" | "area_mm2">): string {
  const { pixels, mm2, cm2 } = words.findings;
  if (lesion.area_mm2 === null) return pixels(lesion.pixels);
  return lesion.area_mm2 < 100 ? mm2(lesion.area_mm2) : cm2(lesion.area_mm2 / 100);
}

export function placeWords(lesion: Pick<Lesion, "side" | "zone">): string {
  const { placeUnknown, sides, zones, place } = words.findings;
  if (lesion.side === null) return placeUnknown;
  if (lesion.side === "outside" || lesion.zone === null) return sides[lesion.side];
  return place(sides[lesion.side], zones[lesion.zone]);
}

/** Return the lines below the list: lesions beyond it, lesions too small for it, pixels outside. */
export function restWords(findings: Findings): readonly string[] {
  const shown = Math.min(findings.n_lesions, LISTED);
  const { more, tooSmall, outside } = words.findings;
  const unlisted = findings.n_lesions - shown;
  return [
    unlisted > 0 ? more(unlisted) : "",
    findings.n_smaller > 0
      ? tooSmall(findings.n_smaller, findings.smallest_lesion_pixels, findings.smaller_pixels)
      : "",
    findings.outside_pixels > 0 && findings.both.pixels > 0 ? outside(findings.outside_pixels) : "",
  ].filter((line) => line !== "");
}

function createZoneCell(part: LungPart | undefined): HTMLElement {
  const share = part?.share ?? null;
  const cell = h("td", {}, percent(share));
  cell.style.setProperty("--share", String(Math.round(100 * (share ?? 0))));
  return cell;
}

/** The zones as they lie on the film: the patient's right lung is on the left. */
function createZoneTable(findings: Findings): HTMLElement {
  const { right, left, zones, zoneTable } = words.findings;
  const head = findings.lungs.map(({ name, share }) =>
    h("th", { scope: "col" }, (name === "right" ? right : left)(percent(share))),
  );
  const rows = ZONES.map((zone, index) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, zones[zone]),
      ...findings.lungs.map((lung) => createZoneCell(lung.zones[index])),
    ),
  );
  return h(
    "table",
    { class: "thorax", "aria-label": zoneTable },
    h("thead", {}, h("tr", {}, h("td", {}), ...head)),
    h("tbody", {}, ...rows),
  );
}

function createGradeRow(findings: Findings): HTMLElement {
  const { grades, ofBothLungs } = words.findings;
  if (findings.grade === null) return h("p", { class: "quiet" }, findings.reason);
  return h(
    "div",
    { class: "row" },
    h("span", { class: `grade ${findings.grade}` }, grades[findings.grade]),
    h("span", { class: "figure" }, ofBothLungs(percent(findings.both.share))),
  );
}

function createLesionList(findings: Findings): HTMLElement {
  const items = findings.lesions
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

function fillSection(section: HTMLElement, findings: Findings): void {
  const { title, count, source } = words.findings;
  const rest = restWords(findings).map((line) => h("p", { class: "quiet" }, line));
  section.replaceChildren(
    h("h2", {}, title),
    createGradeRow(findings),
    ...(findings.both.pixels > 0 ? [createZoneTable(findings)] : []),
    h("h3", {}, count(findings.n_lesions)),
    ...(findings.n_lesions > 0 ? [createLesionList(findings)] : []),
    ...rest,
    h("p", { class: "quiet" }, source),
  );
}

export function createFindings(room: ShownRoom): HTMLElement {
  const section = h("section", { class: "findings" });
  let shown: Findings | null = null;
  section.hidden = true;
  room.store.subscribe(({ current }) => {
    const findings = current?.blind ? null : (current?.findings ?? null);
    if (findings === shown) return;
    shown = findings;
    section.hidden = findings === null;
    if (findings) fillSection(section, findings);
    else section.replaceChildren();
  });
  return section;
}
