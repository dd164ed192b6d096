import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { shownWords } from "./shown";

const SOURCES = fileURLToPath(new URL("../../src/", import.meta.url));

/** What looks like words and is not: styles, and errors that only a fault of ours makes. */
const TECHNICAL = new Set([
  "editor/actions/registry.ts: The key … is taken by … and ….",
  "editor/film/codec.worker.ts: A probability map has 8 bits a pixel.",
  "editor/drawing/ruler.ts: clamp(0px, …px, calc(…px - 100%))",
  "editor/room/stage.ts: (resolution: …dppx)",
  "editor/film/zonenames.ts: clamp(0px, calc(…px + …%), calc(…px - 100%))",
]);

function sourceFiles(): readonly string[] {
  const inside = (folder: string) =>
    readdirSync(SOURCES + folder, { recursive: true, encoding: "utf8" }).map(
      (path) => `${folder}/${path}`,
    );
  return [...inside("editor"), ...inside("api")].filter(
    (path) => path.endsWith(".ts") && !path.endsWith(".d.ts"),
  );
}

describe("the catalogue of words", () => {
  const keysInSource = sourceFiles().flatMap((path) =>
    shownWords(readFileSync(SOURCES + path, "utf8")).map(({ line, text }) => ({
      key: `${path}: ${text}`,
      stray: `${path}:${line} says "${text}"; it belongs in src/words`,
    })),
  );

  it("holds every word of the room, so that no other file says anything", () => {
    const strays = keysInSource.filter(({ key }) => !TECHNICAL.has(key));
    expect(strays.map(({ stray }) => stray)).toEqual([]);
  });

  it("excepts nothing that is not there", () => {
    const keys = new Set(keysInSource.map(({ key }) => key));
    expect([...TECHNICAL].filter((key) => !keys.has(key))).toEqual([]);
  });

  it.each([
    ['store.set({ notice: "There is nothing to grow." })', "There is nothing to grow."],
    ['h("p", {}, isLate ? "late" : said)', "late"],
    ['h("p", { "aria-label": "Note" })', "Note"],
    ['setText(line, "loading")', "loading"],
    ['button.title = "Undo"', "Undo"],
    [`h("p", {}, \`\${count} px\`)`, "… px"],
    ['count === 1 ? "1 stroke" : many', "1 stroke"],
    [`const zoom = \`zoom \${share}\``, "zoom …"],
    ['function saveWords() { return "saved"; }', "saved"],
    ['throw new Error("The film is gone.")', "The film is gone."],
    ['const NAMES = { lung: "Lung" }', "Lung"],
    ['const line = "case " + key + " was changed"', " was changed"],
  ])("would not overlook %s", (source, text) => {
    expect(shownWords(source).map(({ text: shown }) => shown)).toContain(text);
  });

  it.each([
    ['import { words } from "./"'],
    ['type Place = "over there"'],
    ['h("span", { class: "hud tl", role: "status" }, words.hud.editor)'],
    ['if (event.key === "Escape") close("all")'],
    ['switch (key) { case "Enter": go(); }'],
    ['["Home", "End"].includes(event.key)'],
    ['event.target.closest("button, a, summary")'],
    ['const action = { id: "later", keys: ["Shift+s", "Enter"], icon: "M4 5h7v14" }'],
    ['fetch(url, { headers: { "Content-Type": "image/png" } })'],
    [`label.style.translate = \`\${x}px \${y}px\``],
    [`ctx.fillStyle = \`rgb(\${red} \${green} \${blue})\``],
    ['store.set({ phase: "failed", notice: "" })'],
  ])("has nothing against %s", (source) => {
    expect(shownWords(source)).toEqual([]);
  });

  it("names the line", () => {
    expect(shownWords('\n\nthrow new Error("It is gone.")')).toEqual([
      { line: 3, text: "It is gone." },
    ]);
  });
});
