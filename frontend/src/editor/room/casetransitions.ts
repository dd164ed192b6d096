/** What the room shows after each step between cases, and what must be done then. Pure. */

import type { Case, Problem } from "../../api/types";
import { words } from "../../words";
import { FRESH_CASE, type RoomState } from "../actions/state";
import type { MaskDocument } from "../drawing/maskdocument";
import { isReopened } from "../film/state";
import { fitImage } from "../film/viewport";
import type { Head } from "../saving/journal";
import { sayProblem } from "../saving/problems";
import type { SavePhase } from "../saving/saveprogress";
import type { Ending } from "../saving/tabs";

type Change = Partial<RoomState>;

/** The server's codes for a case that has ended, in this tab or elsewhere. */
const ENDINGS: readonly string[] = ["already_submitted", "put_back"] satisfies readonly Ending[];

/** No case can be shown, because of this problem. */
export function failWith({ save }: Pick<RoomState, "save">, problem: Problem): Change {
  const message = sayProblem(problem);
  return { phase: "failed", current: null, message, save: { ...save, problem } };
}

/** A case is opened. The journal may know a newer note, flag and time than the server. */
export function openState({ view }: Pick<RoomState, "view">, next: Case, head?: Head): Change {
  const { image } = next;
  return {
    ...FRESH_CASE,
    phase: "reading",
    current: next,
    view: fitImage(view, image),
    window: { center: image.window_center, width: image.window_width },
    isFlagged: head?.jotted?.flagged ?? next.flagged,
    note: head?.jotted?.note ?? next.note,
    activeSeconds: head?.activeSeconds ?? 0,
  };
}

/** A case that was set aside is shown again, as the reader left it. */
export function restoreState({ view }: Pick<RoomState, "view">, former: RoomState): Change {
  const { current, window, isFlagged, note, activeSeconds, keptStroke, journalFailure } = former;
  return {
    ...FRESH_CASE,
    ...{ phase: "reading", current, window, isFlagged, note, activeSeconds },
    ...{ keptStroke, journalFailure },
    view: current ? fitImage(view, current.image) : view,
  };
}

/** What the reader is told about a case that opens. */
export function openingNotice(next: Case, hasPolygon: boolean, head?: Head): string {
  const { reopened, polygonOpen, stepsLost } = words.notices;
  const notices = [
    isReopened(next) ? reopened : "",
    hasPolygon ? polygonOpen : "",
    head?.hasLostSteps ? stepsLost : "",
  ];
  return notices.filter(Boolean).join(" ");
}

type Drawn = Pick<MaskDocument, "basis" | "stroke" | "canUndo" | "canRedo">;

/** A gesture changed the mask. */
export function gestureState({ threshold }: Pick<RoomState, "threshold">, drawn: Drawn): Change {
  const basis = drawn.basis();
  return {
    basis,
    stroke: drawn.stroke(),
    threshold: basis.threshold ?? threshold,
    canUndo: drawn.canUndo(),
    canRedo: drawn.canRedo(),
    notice: "",
  };
}

/** The journal has stored everything up to a stroke. Null: the room knew that already. */
export function keptState(
  { keptStroke, journalFailure }: Pick<RoomState, "keptStroke" | "journalFailure">,
  stroke: number,
): Change | null {
  if (stroke <= keptStroke && journalFailure === null) return null;
  return { keptStroke: Math.max(stroke, keptStroke), journalFailure: null };
}

/**
 * Whether the shown case must give way to the case that the server names: its lease may have lapsed
 * while it was only prefetched. A case on which the reader has begun something stays.
 */
export function mustGiveWay(shown: {
  readonly assignment: string;
  readonly isOpen: boolean;
  readonly isBegun: boolean;
  readonly onServer: string | undefined;
}): boolean {
  return shown.isOpen && !shown.isBegun && shown.onServer !== shown.assignment;
}

export type Refusal = {
  readonly change: Change;
  /** `dispute`: the reader must compare two masks. `end`: nothing more can be saved here. */
  readonly saver: "dispute" | "end" | null;
};

/** The server refused a decision: the case stays, can be changed again, and the reader is told why. */
export function refusalOf(problem: Problem, phase: SavePhase): Refusal {
  const isDispute = problem.code === "draft_moved" && Boolean(problem.current_url);
  const isOver = problem.status === 410 || ENDINGS.includes(problem.code);
  // A dispute opens a dialog that says everything.
  const notice = isDispute || phase === "conflict" ? "" : sayProblem(problem);
  return {
    change: { isBusy: false, notice },
    saver: isDispute ? "dispute" : isOver ? "end" : null,
  };
}
