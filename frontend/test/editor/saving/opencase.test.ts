import { describe, expect, it } from "vitest";
import type { Case } from "../../../src/api/types";
import { EMPTY_HISTORY, NO_BASIS, remember } from "../../../src/editor/drawing/undo";
import type { Head, JournaledCase } from "../../../src/editor/saving/journal";
import { startFrom } from "../../../src/editor/saving/opencase";
import { createMask, fingerprint } from "../../../src/mask/bitmap";
import { NO_CHANGE } from "../../../src/mask/change";

const HISTORY = remember(
  EMPTY_HISTORY,
  { ...NO_CHANGE, rect: { x0: 0, y0: 0, x1: 4, y1: 1 }, set: new Uint8Array([1, 1]) },
  NO_BASIS,
  NO_BASIS,
);

const polygon = { corners: [{ x: 1, y: 2 }], takesAway: true };

const painted = (at: number) => {
  const mask = createMask(6, 4);
  mask.data[at] = 1;
  return mask;
};

function caseWith(draft: { etag: string; stroke: number } | null): Case {
  const basis = { candidate: "server's", threshold: 140 };
  return {
    assignment: "a",
    image: { width: 6, height: 4 },
    draft: draft && { ...draft, ...basis, label: "infection", mask_url: "/d" },
  } as Case;
}

function kept(head: Partial<Head>): JournaledCase {
  const basis = { candidate: "c", threshold: 9 };
  const base = { width: 6, height: 4, stroke: 5, savedStroke: 3, etag: "e3", sent: [], basis };
  return { head: { ...base, ...head } as Head, mask: painted(1), history: HISTORY };
}

describe("where reading goes on", () => {
  it("starts blank without a draft or a journal", () => {
    const start = startFrom(caseWith(null), null, null);
    expect(start).toMatchObject({ stroke: 0, savedStroke: 0, etag: null, basis: NO_BASIS });
    expect(start.mask.data.every((value) => value === 0)).toBe(true);
  });

  it("takes the server's draft on another machine, and what it was made from", () => {
    const start = startFrom(caseWith({ etag: "e3", stroke: 3 }), painted(2), null);
    expect(start).toMatchObject({ stroke: 3, savedStroke: 3, etag: "e3" });
    expect(start.basis).toEqual({ candidate: "server's", threshold: 140 });
    expect(start.mask.data[2]).toBe(1);
    expect(start.history).toBe(EMPTY_HISTORY);
  });

  it("takes the server's base where only that was changed elsewhere", () => {
    const mine = kept({ stroke: 3, savedStroke: 3 });
    const start = startFrom(caseWith({ etag: "e3", stroke: 4 }), painted(1), mine);
    expect(start).toMatchObject({ stroke: 4, savedStroke: 4, etag: "e3" });
    expect(start.basis.candidate).toBe("server's");
    expect(start.history).toBe(EMPTY_HISTORY);
  });

  it("takes the journal where it knows more, and the server has what it had", () => {
    const start = startFrom(caseWith({ etag: "e3", stroke: 3 }), painted(2), kept({}));
    expect(start).toMatchObject({ stroke: 5, savedStroke: 3, etag: "e3" });
    expect(start.basis.candidate).toBe("c");
    expect(start.mask.data[1]).toBe(1);
    expect(start.history).toBe(HISTORY);
  });

  it("knows its own save whose answer it never saw", () => {
    const mine = kept({ sent: [fingerprint(painted(2))] });
    const start = startFrom(caseWith({ etag: "e4", stroke: 4 }), painted(2), mine);
    expect(start).toMatchObject({ stroke: 5, savedStroke: 4, etag: "e4" });
    expect(start.mask.data[1]).toBe(1);
    expect(start.history).toBe(HISTORY);
  });

  it("opens a polygon again, whichever mask it lies on now, but not on another film", () => {
    const draft = caseWith({ etag: "e3", stroke: 3 });
    expect(startFrom(draft, painted(2), kept({ polygon })).polygon).toEqual(polygon);
    expect(startFrom(caseWith(null), null, kept({ polygon })).polygon).toEqual(polygon);
    const elsewhere = caseWith({ etag: "e9", stroke: 9 });
    const start = startFrom(elsewhere, painted(2), kept({ stroke: 3, polygon }));
    expect([start.polygon, start.mask.data[2]]).toEqual([polygon, 1]);
    expect(startFrom(draft, painted(2), kept({})).polygon).toBeNull();
    const other = { ...kept({ polygon }), mask: createMask(9, 9) };
    expect(startFrom(draft, painted(2), other).polygon).toBeNull();
  });

  it("takes the server's where only the other place went on", () => {
    const start = startFrom(caseWith({ etag: "e9", stroke: 9 }), painted(2), kept({ stroke: 3 }));
    expect(start).toMatchObject({ stroke: 9, savedStroke: 9, etag: "e9" });
    expect(start.basis.candidate).toBe("server's");
    expect(start.mask.data[2]).toBe(1);
    expect(start.history).toBe(EMPTY_HISTORY);
  });

  it("keeps the old etag where both went on, so that the server refuses and asks", () => {
    const start = startFrom(caseWith({ etag: "e9", stroke: 9 }), painted(2), kept({}));
    expect(start).toMatchObject({ stroke: 5, savedStroke: 3, etag: "e3" });
    expect(start.basis.candidate).toBe("c");
    expect(start.mask.data[1]).toBe(1);
    expect(start.history).toBe(HISTORY);
  });
});
