import { expect, it } from "vitest";
import { createPolygon, startCopy, startLasso } from "../../../src/editor/drawing/outlines";
import { countSet, createMask } from "../../../src/mask/bitmap";
import { openBlankDesk } from "./blankdocument";

const SIDE = 12;
const SQUARE = [
  { x: 2, y: 2 },
  { x: 8, y: 2 },
  { x: 8, y: 8 },
  { x: 2, y: 8 },
];

function openPolygon() {
  const counts: number[] = [];
  const maskDocument = openBlankDesk(SIDE, {
    onPolygon: () => counts.push(maskDocument.polygon()?.corners.length ?? 0),
  });
  const desks = [maskDocument];
  const polygon = createPolygon(
    () => desks.at(-1),
    (a, b) => Math.hypot(a.x - b.x, a.y - b.y) < 1,
  );
  const click = (at: { x: number; y: number }, takesAway = false) =>
    polygon.press(at, takesAway).end();
  return { polygon, maskDocument, desks, click, counts };
}

it("a lasso changes nothing until it is let go, and is one gesture", () => {
  const maskDocument = openBlankDesk(SIDE);
  const [first, ...rest] = SQUARE as [(typeof SQUARE)[0], ...typeof SQUARE];
  const lasso = startLasso(maskDocument, first, false);
  for (const point of rest) lasso.move(point);
  expect([countSet(maskDocument.mask), lasso.outline()?.points.length]).toEqual([0, 4]);
  lasso.end();
  expect([countSet(maskDocument.mask), maskDocument.stroke()]).toEqual([36, 1]);
  const again = startLasso(maskDocument, first, true);
  for (const point of rest) again.move(point);
  again.end();
  expect(countSet(maskDocument.mask)).toBe(0);
  maskDocument.undo();
  expect(countSet(maskDocument.mask)).toBe(36);
});

it("a polygon is closed on request or at its first corner, and not with two corners", () => {
  const { polygon, maskDocument, click } = openPolygon();
  expect(polygon.close()).toBe(false);
  for (const corner of SQUARE.slice(0, 2)) click(corner);
  expect([polygon.close(), polygon.isOpen()]).toEqual([false, true]);
  for (const corner of SQUARE.slice(2)) click(corner);
  expect(polygon.close()).toBe(true);
  expect([countSet(maskDocument.mask), maskDocument.stroke(), polygon.isOpen()]).toEqual([
    36,
    1,
    false,
  ]);
  for (const corner of SQUARE) click(corner, true);
  click({ x: 2.2, y: 2.3 });
  expect([countSet(maskDocument.mask), maskDocument.stroke(), polygon.isOpen()]).toEqual([
    0,
    2,
    false,
  ]);
});

it("a polygon gives its corners back one by one, the last to come first", () => {
  const { polygon, maskDocument, click, counts } = openPolygon();
  expect(polygon.stepBack()).toBe(false);
  for (const corner of SQUARE.slice(0, 2)) click(corner);
  expect([polygon.stepBack(), polygon.outline()?.corners]).toEqual([true, SQUARE.slice(0, 1)]);
  expect([polygon.stepBack(), polygon.isOpen(), polygon.stepBack()]).toEqual([true, false, false]);
  for (const corner of [...SQUARE, { x: 0, y: 11 }]) click(corner);
  polygon.stepBack();
  polygon.close();
  expect([countSet(maskDocument.mask), maskDocument.stroke()]).toEqual([36, 1]);
  expect(counts).toEqual([1, 2, 1, 0, 1, 2, 3, 4, 5, 4, 0]);
});

it("a corner is set where the pointer lets go; a pinch that takes over sets none", () => {
  const { polygon, click } = openPolygon();
  const press = polygon.press({ x: 0, y: 0 }, false);
  press.move({ x: 3, y: 4 });
  press.end();
  expect(polygon.outline()?.corners).toEqual([{ x: 3, y: 4 }]);
  polygon.press({ x: 9, y: 9 }, false).cancel();
  expect(polygon.outline()?.corners.length).toBe(1);
  polygon.drop();
  polygon.press({ x: 9, y: 9 }, false).cancel();
  expect(polygon.outline()).toBeNull();
  click({ x: 1, y: 1 });
  polygon.hover({ x: 5, y: 5 });
  expect(polygon.outline()?.points).toEqual([
    { x: 1, y: 1 },
    { x: 5, y: 5 },
  ]);
});

it("a polygon stays on the desk of its case, and is closed there when that comes back", () => {
  const { polygon, maskDocument, desks, click } = openPolygon();
  for (const corner of SQUARE) click(corner, true);
  const next = openBlankDesk(SIDE);
  desks.push(next);
  polygon.forget();
  expect([polygon.isOpen(), polygon.close(), polygon.stepBack()]).toEqual([false, false, false]);
  click({ x: 5, y: 5 });
  expect(next.polygon()?.corners).toEqual([{ x: 5, y: 5 }]);
  desks.push(maskDocument);
  maskDocument.mask.data.fill(1);
  maskDocument.touch({ x0: 0, y0: 0, x1: 12, y1: 12 });
  maskDocument.commit();
  expect(polygon.close()).toBe(true);
  expect([countSet(maskDocument.mask), countSet(next.mask)]).toEqual([144 - 36, 0]);
});

it("copying takes what the other mask has inside, set or not, and leaves the rest", async () => {
  const maskDocument = openBlankDesk(SIDE);
  maskDocument.mask.data.fill(1);
  maskDocument.touch({ x0: 0, y0: 0, x1: 12, y1: 12 });
  maskDocument.commit();
  const theirs = createMask(12, 12);
  theirs.data.fill(1, 0, 5 * 12);
  const [first, ...rest] = SQUARE as [(typeof SQUARE)[0], ...typeof SQUARE];
  const copy = startCopy(maskDocument, first, Promise.resolve(theirs), () => expect.unreachable());
  await Promise.resolve();
  for (const point of rest) copy.move(point);
  expect(copy.outline()?.does).toBe("copy");
  copy.end();
  maskDocument.mask.data.forEach((value, i) => {
    const [x, y] = [i % 12, Math.floor(i / 12)];
    const isInside = x >= 2 && x < 8 && y >= 2 && y < 8;
    expect(value).toBe(isInside ? theirs.data[i] : 1);
  });
  maskDocument.undo();
  expect(countSet(maskDocument.mask)).toBe(144);
});

it("copying from a mask that is not there says so and changes nothing", () => {
  const maskDocument = openBlankDesk(SIDE);
  let missing = 0;
  const copy = startCopy(
    maskDocument,
    { x: 1, y: 1 },
    Promise.reject(new Error("gone")),
    () => missing++,
  );
  copy.end();
  expect([missing, maskDocument.canUndo()]).toEqual([1, false]);
});
