import { beforeEach, describe, expect, it, vi } from "vitest";
import { createClient } from "../../src/api/client";
import type { Basis, ReadingConfig } from "../../src/api/types";

const client = createClient({ apiBase: "/api/v1", csrf: "token" } as ReadingConfig);
const asked: string[] = [];
let reply = new Response();

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("document", { cookie: "" });
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    return Promise.resolve(reply);
  });
});

describe("the base of a draft on the wire", () => {
  it.each([
    [{ candidate: null, threshold: null }, ""],
    [{ candidate: "c1", threshold: null }, "&candidate=c1"],
    [{ candidate: "c1", threshold: 140 }, "&candidate=c1&threshold=140"],
    [{ candidate: null, threshold: 140 }, ""],
  ])("is sent as %o", async (basis: Basis, query) => {
    reply = Response.json({ etag: "e", stroke: 1, lease_expires_at: "" });
    await client.putDraft("a", "infection", new Blob(), null, 1, basis);
    expect(asked).toEqual([`/api/v1/assignments/a/draft/?label=infection${query}`]);
  });

  it.each([
    [
      { "X-Candidate": "c1", "X-Threshold": "140" },
      { candidate: "c1", threshold: 140 },
    ],
    [
      { "X-Candidate": "c1", "X-Threshold": "" },
      { candidate: "c1", threshold: null },
    ],
    [
      { "X-Candidate": "", "X-Threshold": "" },
      { candidate: null, threshold: null },
    ],
  ])("comes with the mask as %o", async (headers, basis) => {
    reply = new Response(new Uint8Array([7]), { headers: { ETag: '"e9"', ...headers } });
    const drafted = await client.draft("/d");
    if (!drafted.ok) throw new Error(drafted.problem.detail);
    expect(drafted.value).toEqual({ bytes: new Uint8Array([7]), etag: "e9", basis });
  });
});
