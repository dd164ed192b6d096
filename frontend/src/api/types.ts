/** The shapes exchanged with the server: names for what schema.d.ts, made from its OpenAPI, says. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Case = Readonly<Schemas["Case"]>;
export type Candidate = Readonly<Schemas["_Candidate"]>;
export type Findings = Readonly<Schemas["Findings"]>;
export type Lesion = Readonly<Schemas["_Lesion"]>;
export type Lung = Readonly<Schemas["_Lung"]>;
export type Border = Readonly<Schemas["_Border"]>;
export type LungPart = Readonly<Schemas["_Part"]>;
export type CaseImage = Readonly<Schemas["_CaseImage"]>;
/** Another film of the case's patient; nothing that was made from it. */
export type ComparedFilm = Readonly<Schemas["Comparison"]>;
export type Purpose = Case["purpose"];
/** Which candidate, at which threshold, a mask was made from. */
export type Basis = Readonly<Pick<Schemas["_DraftHead"], "candidate" | "threshold">>;
/** A draft's bytes with what the same answer says of them. */
export type Drafted = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string | null;
  readonly basis: Basis;
};
/** A case that this reader submitted lately. */
export type LastCase = Readonly<Schemas["LastCase"]>;
export type Saved = Readonly<Schemas["SavedDraft"]>;
export type Submission = Readonly<Schemas["SubmitRequestRequest"]>;
export type Submitted = Readonly<Schemas["Submitted"]>;
export type Decision = Submission["decision"];
export type ExclusionReason = Schemas["ExclusionReasonEnum"];

/** An RFC 9457 problem, or the absence of any answer (status 0, code "offline"). */
export type Problem = Readonly<
  Pick<Schemas["Problem"], "status" | "code" | "detail"> &
    Partial<Pick<Schemas["Problem"], "current_etag" | "current_url" | "yours_etag" | "yours_url">>
>;

export type Reply<T> =
  | { readonly ok: true; readonly status: number; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

/** What the page tells the script, in its JSON tag. */
export type ReadingConfig = {
  readonly project: string;
  readonly projectName: string;
  readonly projectUrl: string;
  readonly reader: string;
  /** The name that the reader signs in with. */
  readonly account: string;
  readonly apiBase: string;
  readonly csrf: string;
  readonly guideline: string;
  /** The case that was open again when the page was left; null: none. */
  readonly reopened: string | null;
  readonly signInUrl: string;
  readonly testHandle: boolean;
};
