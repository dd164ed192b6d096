/** A server and its readers' browser in memory: the room, the flow and the journal are real. */

import { IDBFactory } from "fake-indexeddb";
import type { Client } from "../../../src/api/client";
import type { Basis, Case, Problem, Reply, Submission } from "../../../src/api/types";
import type { Codec } from "../../../src/editor/film/codec";
import type { Film } from "../../../src/editor/film/film";
import { createFlow } from "../../../src/editor/room/flow";
import { createRoom, type Room } from "../../../src/editor/room/room";
import { openJournal } from "../../../src/editor/saving/journal";
import type { OtherTabs } from "../../../src/editor/saving/tabs";
import { createMask, fingerprint, type Mask } from "../../../src/mask/bitmap";
import { fillCapsule } from "../../mask/pictures";

const SIDE = 16;
type Bytes = Uint8Array<ArrayBuffer>;
type Row = { bytes: Bytes; etag: string; stroke: number; basis: Basis };

const refuse = (status: number, code: string, more: Partial<Problem> = {}) =>
  ({ ok: false, problem: { status, code, detail: code, ...more } }) as const;
const answer = <T>(value: T): Reply<T> => ({ ok: true, status: 200, value });

export const codec: Codec = {
  film: () => Promise.resolve({} as Film),
  mask: (bytes) => Promise.resolve({ ...createMask(SIDE, SIDE), data: bytes.slice() }),
  probability: () => Promise.reject(new Error("no map")),
  encode: (mask) => Promise.resolve(new Blob([mask.data.slice() as Bytes])),
};

export function maskOf(row: { bytes: Bytes } | undefined): Mask {
  return { ...createMask(SIDE, SIDE), data: row?.bytes.slice() ?? new Uint8Array(0) };
}

export function openServer(assignments: readonly string[]) {
  const drafts = new Map<string, Row>();
  const refused: Row[] = [];
  const submissions: (Submission & { assignment: string })[] = [];
  const waiting = [...assignments];
  const reopened = new Set<string>();
  const later: string[] = [];

  function caseOf(assignment: string): Case {
    const row = drafts.get(assignment);
    return {
      assignment,
      blind: false,
      purpose: "read",
      case_key: assignment,
      position: { n: 1, of: assignments.length },
      times_submitted: reopened.has(assignment) ? timesOf(assignment) : 0,
      image: { width: SIDE, height: SIDE, window_center: 128, window_width: 256 },
      labels: [{ key: "infection", name: "Infection" }],
      candidates: [],
      draft: row
        ? {
            ...row.basis,
            label: "infection",
            etag: row.etag,
            stroke: row.stroke,
            mask_url: assignment,
          }
        : null,
      note: "",
      flagged: false,
    } as unknown as Case;
  }

  const timesOf = (assignment: string) =>
    submissions.filter((submission) => submission.assignment === assignment).length;
  const isOver = (assignment: string) => timesOf(assignment) > 0 && !reopened.has(assignment);
  const drafted = (assignment: string) => {
    const row = drafts.get(assignment);
    return row ? answer({ ...row, bytes: row.bytes.slice() }) : refuse(404, "not_found");
  };

  const client: Client = {
    next: (isAhead, exclude) => {
      const ahead = waiting.find((id) => !exclude.includes(id));
      const first = isAhead ? ahead : (waiting[0] ?? later[0]);
      return Promise.resolve(answer(first === undefined ? null : caseOf(first)));
    },
    comparisons: () => Promise.resolve(answer([])),
    bytes: (url) => {
      const row = drafts.get(url);
      return Promise.resolve(answer(row ? row.bytes.slice() : new Uint8Array(0)));
    },
    draft: (url) => Promise.resolve(drafted(url)),
    blob: () => Promise.resolve(refuse(404, "not_found")),
    putDraft: async (assignment, _label, body, etag, stroke, basis) => {
      const bytes = new Uint8Array(await body.arrayBuffer());
      const row = { bytes, etag: fingerprint(maskOf({ bytes })), stroke, basis };
      const current = drafts.get(assignment);
      if (isOver(assignment)) {
        refused.push(row);
        return refuse(409, "already_submitted");
      }
      if (current && current.etag !== etag && current.etag !== row.etag) {
        refused.push(row);
        const at = { current_etag: current.etag, current_url: assignment };
        return refuse(409, "stale_draft", at);
      }
      drafts.set(assignment, row);
      return answer({ etag: row.etag, stroke, lease_expires_at: "" });
    },
    patch: (assignment, change) => {
      if (change.saved_for_later) later.push(...waiting.splice(waiting.indexOf(assignment), 1));
      return Promise.resolve(answer(null));
    },
    giveBack: () => Promise.resolve(answer(null)),
    lastCases: () => Promise.resolve(answer([])),
    reopen: (assignment) => {
      reopened.add(assignment);
      const row = drafts.get(assignment);
      if (row) drafts.set(assignment, { ...row, stroke: 0 });
      return Promise.resolve(answer(caseOf(assignment)));
    },
    leaveAsItWas: (assignment) => {
      reopened.delete(assignment);
      return Promise.resolve(answer(null));
    },
    signIn: () => Promise.resolve(answer(null)),
    submit: (assignment, submission) => {
      const current = drafts.get(assignment);
      if (current && current.etag !== submission.draft_etag) {
        const at = { current_etag: current.etag, current_url: assignment };
        return Promise.resolve(refuse(409, "draft_moved", at));
      }
      const isKnown = submissions.some(({ client_id }) => client_id === submission.client_id);
      if (!isKnown) submissions.push({ ...submission, assignment });
      reopened.delete(assignment);
      for (const list of [waiting, later])
        if (list.includes(assignment)) list.splice(list.indexOf(assignment), 1);
      return Promise.resolve(answer({ annotation: assignment, verdict: "picked" as const }));
    },
  };
  return { client, drafts, refused, submissions };
}

/** One browser: its tabs share a journal and hear each other. */
export function openBrowser() {
  const factory = new IDBFactory();
  type Listener = Parameters<OtherTabs["onEnd"]>[0];
  const tabs: Listener[] = [];
  const otherTabs = (): OtherTabs => {
    let ownListener: Listener | null = null;
    return {
      announceEnd: (over) => {
        for (const tab of tabs) if (tab !== ownListener) tab(over);
      },
      onEnd: (listener) => {
        ownListener = listener;
        tabs.push(listener);
      },
    };
  };
  return { factory, db: () => openJournal(factory), otherTabs };
}

export async function openTab(
  server: ReturnType<typeof openServer>,
  browser = openBrowser(),
  tab = "one",
) {
  const { client } = server;
  const otherTabs = browser.otherTabs();
  const db = await browser.db();
  const room: Room = createRoom({ client, codec, db, tab, otherTabs });
  const flow = createFlow({ client, codec, room });
  const openCase = () => {
    const now = room.openCase();
    if (!now) throw new Error("No case is open.");
    return now;
  };
  /** One stroke of the brush, at a place where no other stroke is. */
  const draw = (x: number, y = 4) => {
    const { maskDocument } = openCase();
    maskDocument.touch(fillCapsule(maskDocument.mask, { x, y }, { x: x + 2, y }, 1, 1));
    maskDocument.commit();
  };
  await flow.begin();
  return { db, room, flow, openCase, draw, state: () => room.store.get() };
}
