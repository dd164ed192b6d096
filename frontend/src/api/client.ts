/** The only file that calls the server. Every method returns a Reply and never throws. */

import { words } from "../words";
import type {
  Basis,
  Case,
  ComparedFilm,
  Drafted,
  LastCase,
  Problem,
  ReadingConfig,
  Reply,
  Saved,
  Submission,
  Submitted,
} from "./types";

const WRITE_TIMEOUT_MS = 20_000;
const READ_TIMEOUT_MS = 60_000;

type Call = {
  method?: string;
  headers?: Record<string, string>;
  body?: BodyInit;
  keepalive?: boolean;
};

const OFFLINE: Problem = { status: 0, code: "offline", detail: words.problems.noAnswer };

async function readProblem(response: Response): Promise<Problem> {
  const fallback = { status: response.status, code: `http_${response.status}`, detail: "" };
  try {
    const body = (await response.json()) as Partial<Problem>;
    return { ...fallback, ...body, status: response.status };
  } catch {
    return { ...fallback, detail: words.problems.answered(response.status) };
  }
}

async function bytesOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await response.arrayBuffer());
}

async function draftOf(response: Response): Promise<Drafted> {
  const { headers } = response;
  const candidate = headers.get("X-Candidate") || null;
  const threshold = Number(headers.get("X-Threshold")) || null;
  const etag = /"(.+)"/.exec(headers.get("ETag") ?? "")?.[1] ?? null;
  return { bytes: await bytesOf(response), etag, basis: { candidate, threshold } };
}

function draftQuery(label: string, { candidate, threshold }: Basis): string {
  const query = new URLSearchParams({ label });
  if (candidate !== null) query.set("candidate", candidate);
  if (candidate !== null && threshold !== null) query.set("threshold", String(threshold));
  return query.toString();
}

async function jsonOf<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

/** Read the token from the cookie: it changes when the reader signs in again in another tab. */
export function csrfToken(cookie: string, fallback: string): string {
  return /(?:^|;\s*)csrftoken=([^;]+)/.exec(cookie)?.[1] ?? fallback;
}

type Caller = <T>(
  url: string,
  options: Call,
  read: (response: Response) => Promise<T>,
) => Promise<Reply<T>>;

function headersOf(config: ReadingConfig, { method, headers }: Call): Record<string, string> {
  return {
    Accept: "application/json",
    ...headers,
    // Another account may have signed in in another tab. The server then refuses our requests.
    "X-Account": encodeURIComponent(config.account),
    ...(method === undefined ? {} : { "X-CSRFToken": csrfToken(document.cookie, config.csrf) }),
  };
}

function createCaller(config: ReadingConfig, onSignedOut: () => void): Caller {
  return async (url, options, read) => {
    const headers = headersOf(config, options);
    // AbortSignal.timeout would stay in memory until its time is over, even after the answer.
    const controller = new AbortController();
    const timeout = options.method === undefined ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS;
    const timer = setTimeout(() => controller.abort(), timeout);
    try {
      const { signal } = controller;
      const request = { ...options, headers, credentials: "same-origin", signal } as const;
      let response = await fetch(url, request);
      // Somebody signed in while this request was on its way: new session, old token.
      const fresh = headersOf(config, options);
      if (response.status === 403 && fresh["X-CSRFToken"] !== headers["X-CSRFToken"])
        response = await fetch(url, { ...request, headers: fresh });
      if (response.status === 401) onSignedOut();
      if (!response.ok) return { ok: false, problem: await readProblem(response) };
      return { ok: true, status: response.status, value: await read(response) };
    } catch {
      return { ok: false, problem: OFFLINE };
    } finally {
      clearTimeout(timer);
    }
  };
}

const nothing = () => Promise.resolve(null);

/**
 * Send the login form by script, so that the page and its strokes stay. Without a password, only
 * ask whether the reader is signed in again: by a passkey or a sign-on, in another tab.
 */
async function signIn(
  config: ReadingConfig,
  call: Caller,
  account: string,
  password: string,
): Promise<Reply<null>> {
  const isBack = () => call(`${config.apiBase}/projects/`, {}, nothing);
  if (password === "") return isBack();
  const headers = { "X-Requested-With": "XMLHttpRequest" };
  // If the cookie ended with the session, the form's page sets a new token.
  await call(config.signInUrl, { headers }, nothing);
  const body = new URLSearchParams({ login: account, password });
  const reply = await call(config.signInUrl, { method: "POST", headers, body }, nothing);
  // The form also succeeds if another account is signed in: check that it is our reader.
  return reply.ok ? isBack() : reply;
}

/** Calls `onSignedOut` for every answer that says that the session has ended. */
export function createClient(config: ReadingConfig, onSignedOut: () => void = () => undefined) {
  const call = createCaller(config, onSignedOut);
  const json = (method: string, body: unknown): Call => ({
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const assignment = (id: string) => `${config.apiBase}/assignments/${id}`;

  return {
    next: (prefetch: boolean, exclude: readonly string[]): Promise<Reply<Case | null>> =>
      call(
        `${config.apiBase}/projects/${config.project}/next/`,
        json("POST", { prefetch, exclude }),
        async (response) => (response.status === 204 ? null : await jsonOf<Case>(response)),
      ),
    /** Returns at most two hundred films, the server's largest page. */
    comparisons: (id: string): Promise<Reply<readonly ComparedFilm[]>> =>
      call(
        `${assignment(id)}/comparisons/?page_size=200`,
        {},
        async (response) => (await jsonOf<{ results: ComparedFilm[] }>(response)).results,
      ),
    lastCases: (): Promise<Reply<readonly LastCase[]>> =>
      call(`${config.apiBase}/projects/${config.project}/last-cases/`, {}, jsonOf<LastCase[]>),
    /** Open a submitted case again. */
    reopen: (id: string): Promise<Reply<Case>> =>
      call(`${assignment(id)}/reopen/`, { method: "POST" }, jsonOf<Case>),
    leaveAsItWas: (id: string) => call(`${assignment(id)}/reopen/`, { method: "DELETE" }, nothing),
    bytes: (url: string) => call(url, { headers: { Accept: "image/png" } }, bytesOf),
    draft: (url: string) => call(url, { headers: { Accept: "image/png" } }, draftOf),
    blob: (url: string) => call(url, { headers: { Accept: "image/png" } }, (r) => r.blob()),
    putDraft: (
      id: string,
      label: string,
      body: Blob,
      etag: string | null,
      stroke: number,
      basis: Basis,
    ): Promise<Reply<Saved>> =>
      call(
        `${assignment(id)}/draft/?${draftQuery(label, basis)}`,
        {
          method: "PUT",
          headers: {
            "Content-Type": "image/png",
            "X-Stroke": String(stroke),
            ...(etag === null ? { "If-None-Match": "*" } : { "If-Match": `"${etag}"` }),
          },
          body,
        },
        jsonOf<Saved>,
      ),
    patch: (id: string, change: { note?: string; flagged?: boolean; saved_for_later?: true }) =>
      call(`${assignment(id)}/`, json("PATCH", change), nothing),
    giveBack: (id: string) =>
      call(`${assignment(id)}/lease/`, { method: "DELETE", keepalive: true }, nothing),
    signIn: (account: string, password: string) => signIn(config, call, account, password),
    submit: (id: string, submission: Submission): Promise<Reply<Submitted>> =>
      call(`${assignment(id)}/submit/`, json("POST", submission), jsonOf<Submitted>),
  };
}

export type Client = ReturnType<typeof createClient>;
