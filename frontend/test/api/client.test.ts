import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
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

describe("a save on its way while the reader signs in again", () => {
  const save = () =>
    client.putDraft("a", "infection", new Blob(), null, 1, { candidate: null, threshold: null });
  const answerOnce = (then: () => void) => {
    const sent: string[] = [];
    vi.stubGlobal("fetch", (_url: string, { headers }: { headers: Record<string, string> }) => {
      sent.push(headers["X-CSRFToken"] ?? "");
      then();
      const isNew = headers["X-CSRFToken"] === "new";
      return Promise.resolve(
        isNew
          ? Response.json({ etag: "e", stroke: 1, lease_expires_at: "" })
          : Response.json({}, { status: 403 }),
      );
    });
    return sent;
  };

  it("is sent again with the new token", async () => {
    const sent = answerOnce(() => vi.stubGlobal("document", { cookie: "csrftoken=new" }));
    expect((await save()).ok).toBe(true);
    expect(sent).toEqual(["token", "new"]);
  });

  it("is refused at once if the token is the same", async () => {
    const sent = answerOnce(() => undefined);
    expect((await save()).ok).toBe(false);
    expect(sent).toEqual(["token"]);
  });
});

describe("how long an answer may take", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is a minute, after which the server counts as out of reach", async () => {
    vi.stubGlobal("fetch", (_url: string, { signal }: RequestInit) => {
      const never = new Promise<never>((_, fail) => {
        signal?.addEventListener("abort", () => fail(signal.reason as Error));
      });
      return never;
    });
    const asking = client.bytes("/film");
    await vi.advanceTimersByTimeAsync(59_000);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await asking).toMatchObject({ ok: false, problem: { code: "offline" } });
  });

  it("is forgotten with the answer", async () => {
    reply = new Response(new Uint8Array([7]));
    expect(await client.bytes("/film")).toMatchObject({ ok: true });
    expect(vi.getTimerCount()).toBe(0);
  });
});
