/**
 * The types of what is exchanged with the server. schema.d.ts is generated from its OpenAPI schema.
 */

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
/** Another film of the case's patient, without any mask or candidate. */
export type ComparedFilm = Readonly<Schemas["Comparison"]>;
export type Purpose = Case["purpose"];
/** The candidate and the threshold that a mask was made from. */
export type Basis = Readonly<Pick<Schemas["_DraftHead"], "candidate" | "threshold">>;
/** The bytes of a draft, and its ETag and basis from the headers of the same answer. */
export type Drafted = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string | null;
  readonly basis: Basis;
};
/** One of the last cases that this reader submitted. */
export type LastCase = Readonly<Schemas["LastCase"]>;
export type Saved = Readonly<Schemas["SavedDraft"]>;
export type Submission = Readonly<Schemas["SubmitRequestRequest"]>;
export type Submitted = Readonly<Schemas["Submitted"]>;
export type Decision = Submission["decision"];
export type ExclusionReason = Schemas["ExclusionReasonEnum"];

/** An RFC 9457 problem. Status 0 and code "offline" mean that no answer came. */
export type Problem = Readonly<
  Pick<Schemas["Problem"], "status" | "code" | "detail"> &
    Partial<Pick<Schemas["Problem"], "current_etag" | "current_url" | "yours_etag" | "yours_url">>
>;

export type Reply<T> =
  | { readonly ok: true; readonly status: number; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

/** The configuration that the page gives to the script in a JSON tag. */
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
  /** The case that was open again when the reader left the page; null if there was none. */
  readonly reopened: string | null;
  readonly signInUrl: string;
  readonly testHandle: boolean;
};
