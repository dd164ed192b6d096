/** The shapes the reading room exchanges with the server; they mirror the REST contract. */

export type Candidate = {
  readonly id: string;
  readonly letter: string;
  readonly mask_url: string;
  readonly probability_url: string | null;
  readonly threshold: number | null;
  readonly name: string | null;
};

export type Purpose = "seed" | "pick" | "read" | "sealed" | "second_look" | "double" | "adjudicate";

export type DraftHead = {
  readonly label: string;
  readonly etag: string;
  readonly stroke: number;
  readonly mask_url: string;
};

export type CaseImage = {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly bits: 8 | 16;
  readonly pixels_url: string;
  readonly preview_url: string;
  readonly window_center: number;
  readonly window_width: number;
};

export type Case = {
  readonly assignment: string;
  readonly purpose: Purpose;
  readonly blind: boolean;
  readonly project: string;
  readonly round: number | null;
  readonly case_key: string;
  readonly day: number | null;
  readonly view: string;
  readonly spacing_mm: number | null;
  readonly position: { readonly n: number; readonly of: number };
  readonly lease_expires_at: string;
  readonly image: CaseImage;
  readonly labels: readonly { readonly key: string; readonly name: string }[];
  readonly candidates: readonly Candidate[];
  readonly draft: DraftHead | null;
  readonly note: string;
  readonly flagged: boolean;
};

export type Saved = {
  readonly etag: string;
  readonly stroke: number;
  readonly lease_expires_at: string;
};

export type Decision = "accept" | "no_infection" | "exclude";

export const EXCLUSION_REASONS = {
  poor_quality: "Poor image quality",
  not_frontal: "Not a frontal view",
  not_chest: "Not a chest radiograph",
  wrong_patient: "Wrong patient",
  duplicate: "Duplicate",
  other: "Another reason",
} as const;

export type ExclusionReason = keyof typeof EXCLUSION_REASONS;

export type Submission = {
  readonly client_id: string;
  readonly label: string;
  readonly decision: Decision;
  readonly draft_etag: string | null;
  readonly candidate: string | null;
  readonly threshold: number | null;
  readonly exclusion_reason: ExclusionReason | null;
  readonly note: string;
  readonly flagged: boolean;
  readonly active_seconds: number;
  readonly strokes: number;
};

export type Submitted = { readonly annotation: string; readonly verdict: string };

/** An RFC 9457 problem, or the absence of any answer (status 0, code "offline"). */
export type Problem = {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly current_etag?: string;
  readonly current_url?: string;
  readonly yours_etag?: string;
  readonly yours_url?: string;
};

export type Reply<T> =
  | { readonly ok: true; readonly status: number; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

/** What the page tells the script, in its JSON tag. */
export type ReadingConfig = {
  readonly project: string;
  readonly projectName: string;
  readonly projectUrl: string;
  readonly reader: string;
  readonly apiBase: string;
  readonly csrf: string;
  readonly guideline: string;
  readonly signInUrl: string;
  readonly testHandle: boolean;
};
