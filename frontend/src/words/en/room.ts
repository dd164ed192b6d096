/** Words of the room itself: its header, the state of saving, notices and problems. */

import { ago, strokes } from "./amounts";

const KEPT_TRY_AGAIN = "Your mask is kept in this browser. Try again in a moment.";

export const room = {
  product: "Roundtruth",
  tools: "Tools",
  couldNotStart: (why: string) => `The reading room could not start: ${why}`,
  noCanvas: "This browser cannot draw on a canvas.",
};

export const header = {
  purposes: {
    seed: "draw by hand",
    pick: "pick the best",
    read: "pick, correct or redraw",
    sealed: "draw by hand",
    second_look: "second look",
    double: "second reading",
    adjudicate: "decide",
  },
  round: (round: number) => `round ${round}`,
  line: (parts: readonly string[]) => parts.join(" · "),
  cases: "Cases read",
  case: (number: number, of: number) => `Case ${number} of ${of}`,
  openedAgain: "Opened again",
  time: "Active time on this case",
  saving: "Saving",
  leave: "Leave the reading room",
};

/** The header's words on saving. `kept` says how many strokes this browser holds. */
export const saving = {
  kept: (count: number) => `${strokes(count)} kept here`,
  keptOf: (count: number, all: number) => `${count || "none"} of ${strokes(all)} kept here`,
  lastUnsent: (now: string) => `${now}, last case not sent yet`,
  noteUnsent: (now: string) => `${now}, note or flag kept here`,
  sendingLast: "sending the last case",
  offline: (kept: string) => `offline, ${kept}`,
  signedOut: (kept: string) => `signed out, ${kept}`,
  changedElsewhere: "changed elsewhere",
  submittedElsewhere: "submitted elsewhere",
  putBackElsewhere: "put back elsewhere",
  notSaved: (kept: string) => `not saved, ${kept}`,
  savingKept: (kept: string) => `saving, ${kept}`,
  saving: "saving",
  asSubmitted: "as you submitted it",
  savedAgo: (milliseconds: number) => `saved ${ago(milliseconds)}`,
  saved: "saved",
  nothingYet: "nothing drawn yet",
};

const lastStrokes = (count: number) =>
  count === 1 ? "the last stroke" : `the last ${count} strokes`;

export const notices = {
  signIn: "Sign in",
  retry: "Try again now",
  skip: "Go to the next case",
  signedOut: "You are signed out.",
  signedOutKept: "You are signed out. What you draw is kept here.",
  reopened:
    "This case is open again. Your submission counts until you decide again. To change nothing, choose " +
    "Leave it as it was.",
  lastNotSent:
    "Your last decision is kept here, but has not been sent yet. Wait until it is sent, then decide this case.",
  pickComing: "The picked candidate is still loading. Press Enter again when you see it.",
  nothingMarked: "Nothing is marked. Press 0 if there is no infection.",
  changedElsewhere: "This case was changed elsewhere.",
  reloadToSee: "This case was changed elsewhere. Reload to see both masks.",
  storageFull:
    "This browser's storage is full, so new strokes are not kept here. Saving to the server goes on.",
  outdated:
    "A newer version of this page is open in another tab, so new strokes are not kept here any more. " +
    "Saving to the server goes on. Reload this page when everything is saved.",
  polygonOpen:
    "Your open polygon is here again. Set more corners, press Enter to close it, or press Esc to remove it.",
  stepsLost:
    "Your mask is complete, but you cannot undo your earlier steps: this browser could not keep them.",
  storageFails:
    "This browser cannot keep your strokes. They are safe only after the server has saved them.",
  /** What a tab says when the reader submitted its case, or left it as it was, in another tab. */
  over: (isPutBack: boolean, unsaved: number, isKept: boolean) => {
    const over = isPutBack
      ? "In another tab, you left this case as it was"
      : "In another tab, you submitted this case";
    if (unsaved <= 0) return `${over}. What you draw here is not added to it.`;
    const kept = isKept ? " The mask stays in this browser for up to 30 days." : "";
    const sent = " If the mask reached the server, a curator can get it back for 30 days.";
    return `${over}, without ${lastStrokes(unsaved)} drawn here.${kept}${sent}`;
  },
};

/** The words in place of the film while there is no film. */
export const curtain = {
  loading: "Opening the next case",
  empty: "All read",
  emptyWhy: "There is nothing left for you to read here. Thank you.",
  failed: "The next case could not be opened",
  back: (project: string) => `Back to ${project}`,
  signIn: "Sign in",
  again: "Try again",
};

/** What went wrong. If the server sends a sentence, that is shown instead. */
export const problems = {
  noAnswer: "The server does not answer.",
  answered: (status: number) => `The server answered ${status}.`,
  noAnswerKept: `The server does not answer. ${KEPT_TRY_AGAIN}`,
  signedOut: "You are signed out. Sign in again, then go on here.",
  leaseEnded:
    "Your lease on this case has ended, so another reader may get it. Your mask is kept in this browser.",
  refused: (status: number) => `The server refused (${status}). ${KEPT_TRY_AGAIN}`,
  notSent: (why: string) => `This could not be sent: ${why}. ${KEPT_TRY_AGAIN}`,
  notLoaded: (what: string, why: string) => `${what} could not be loaded. ${why}`,
  theFilm: "The film",
  theLayer: "The layer",
  savedMask: "Your saved mask",
  codecDied: "the codec worker died",
  journalRead: "The journal cannot be read.",
  journalWrite: "The journal cannot be written.",
  newerVersion:
    "a newer version has kept strokes in this browser, and this version cannot read them. They stay " +
    "here until the newer version is installed again. Please tell the administrator of this server. " +
    "Until then, read in another browser.",
  olderVersion: "an older version is open in another tab. Close that tab and reload this one.",
};
