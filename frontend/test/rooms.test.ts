/**
 * The order of the rooms: code in a room may import from rooms below it, never from rooms above.
 * Imports of types count too. Files import each other in no circle, inside a room either.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

/** From the lowest to the highest. Rooms in one row do not know each other. */
const ROWS: readonly (readonly string[])[] = [
  ["mask", "words", "passkeys"],
  ["api", "editor/page"],
  ["editor/film"],
  ["editor/drawing"],
  ["editor/saving"],
  ["editor/actions", "signedout"],
  ["editor/compare"],
  ["editor/panels"],
  ["editor/room"],
  ["editor"],
];

const roomOf = (file: string): string => {
  const [first = "", second] = dirname(file).split("/");
  return first === "editor" && second ? `editor/${second}` : first;
};
const rowOf = (file: string): number => ROWS.findIndex((rooms) => rooms.includes(roomOf(file)));

const FILES = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".d.ts"),
);

/** The files that a source names, whether it imports values, only types, or starts a worker. */
function importsOf(file: string, text: string): readonly string[] {
  const { importedFiles } = ts.preProcessFile(text, true, true);
  const worker = /new URL\("(\.[^"]+)"/.exec(text)?.[1];
  return [...importedFiles.map(({ fileName }) => fileName), ...(worker ? [worker] : [])]
    .filter((name) => name.startsWith("."))
    .map((name) => normalize(join(dirname(file), name)))
    .map((name) => [name, `${name}.ts`, `${name}/index.ts`].find(isSource))
    .filter((name) => name !== undefined);
}

const isSource = (name: string): boolean =>
  name.endsWith(".ts") && existsSync(join(SOURCES, name)) && !name.endsWith(".d.ts");

/** Whether an import keeps the order: it stays in its room or goes down to a lower row. */
const isAllowed = (from: string, to: string): boolean =>
  roomOf(from) === roomOf(to) || rowOf(to) < rowOf(from);

const GRAPH = new Map(
  FILES.map((file) => [file, importsOf(file, readFileSync(join(SOURCES, file), "utf8"))]),
);

/** Every circle that a walk along the imports runs into, as the files on it. */
function circles(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, path: readonly string[]): void => {
    const from = path.indexOf(file);
    if (from >= 0) circles.push([...path.slice(from), file].join(" > "));
    if (from >= 0 || done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return circles;
}

test("every source lies in a room of the list", () => {
  expect(FILES.filter((file) => rowOf(file) < 0)).toEqual([]);
});

test("a room imports only from rooms below it, types included", () => {
  const wrong = [...GRAPH].flatMap(([file, targets]) =>
    targets.filter((to) => !isAllowed(file, to)).map((to) => `${file} imports ${to}`),
  );
  expect(wrong).toEqual([]);
});

test("no file imports itself by way of others, types included", () => {
  expect(circles(GRAPH)).toEqual([]);
});

test("a wrong import would be seen", () => {
  const typeOnly = 'import type { Room } from "../room/room";';
  const [to = ""] = importsOf("editor/film/film.ts", typeOnly);
  expect(relative(".", to)).toBe("editor/room/room.ts");
  expect(isAllowed("editor/film/film.ts", to)).toBe(false);
  expect(isAllowed("editor/room/room.ts", "editor/film/film.ts")).toBe(true);
  expect(circles(new Map(Object.entries({ a: ["b"], b: ["c"], c: ["a"] })))).toHaveLength(1);
});

test("no folder holds more than twenty files", () => {
  const counts = new Map<string, number>();
  for (const file of FILES) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  expect([...counts].filter(([, count]) => count > 20)).toEqual([]);
});
