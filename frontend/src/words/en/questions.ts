/** Words of the dialogs. */

import { ago, joined } from "./amounts";

export const dialogs = {
  cancel: "Cancel",
  close: "Close",
  excludeTitle: "Exclude this case",
  excludeWhy: "Why can this film not be read?",
  exclude: "Exclude and next",
  reasons: {
    poor_quality: "Poor image quality",
    not_frontal: "Not a frontal view",
    not_chest: "Not a chest radiograph",
    wrong_patient: "Wrong patient",
    duplicate: "Duplicate",
    other: "Another reason",
  },
  noteTitle: "Note on this case",
  note: "Note",
  keepNote: "Keep note",
  noInfectionTitle: "Mark as no infection?",
  noInfectionWhy:
    "Your mask marks something on this film. The case will be stored as free of infection.",
  noInfection: "No infection",
  guideline: "Guideline",
  noGuideline: "This project has no guideline yet. An administrator can write one.",
  keys: "Keys",
};

export const lastCases = {
  title: "My last ten",
  choose:
    "Choose a case to open it again as you submitted it. Your submission counts until you decide again.",
  none: "You have not submitted any case in this project yet.",
  verdicts: {
    picked: "Picked",
    corrected: "Corrected",
    redrawn: "Redrawn",
    no_infection: "No infection",
    excluded: "Excluded",
    control: "Control",
  },
  withReason: (verdict: string, reason: string) => `${verdict}: ${reason.toLowerCase()}`,
  case: (key: string, day: number | null, view: string) =>
    joined([`case ${key}`, day === null ? "" : `day ${day}`, view], " · "),
  decided: (verdict: string, passed: number, isFlagged: boolean, hasNote: boolean) => {
    const marks = joined([isFlagged ? "flagged" : "", hasNote ? "with a note" : ""], ", ");
    return joined([verdict, ago(passed), marks], " · ");
  },
  openAgain: "Already open again. Choose it to go on.",
};

export const signIn = {
  title: "Sign in again",
  ended: (kept: string) =>
    `Your session has ended. The case stays open, with ${kept}. Saving goes on after you sign in.`,
  account: "Account name",
  password: "Password",
  elsewhere: "Sign in in another tab",
  elsewhereWhy: "With a passkey, a second step or a sign-on: ",
  thenHere: ". Then press Sign in here, without a password.",
  notNow: "Not now",
  signIn: "Sign in",
  notYet: "You are not signed in yet. If your account has a second step, sign in in another tab.",
  wrong: "This password is wrong.",
  tooMany: "Too many tries. Wait a few minutes, then try again.",
  noAnswer: "The server does not answer. Try again in a moment.",
  refused: (status: number) =>
    `The server refused (${status}). Sign in in another tab, then come back.`,
};

export const merge = {
  title: "Two masks for one case",
  why:
    "This case was changed in another tab or browser after you opened it here. Both masks are kept. " +
    "Which mask do you want to continue with? To mix them, drag over the film on the right: everything " +
    "inside the rectangle comes from theirs. With the keys: go there with Tab, then press Space, the " +
    "arrows, and Space again.",
  mine: "Mine, in this tab",
  theirs: "Theirs, on the server",
  mixed: "Mixed ",
  clear: "Clear",
  mixer: "The mix: drag over what to take from theirs, or Space, arrows, Space",
  takeMine: "Take mine",
  takeTheirs: "Take theirs",
  takeMix: "Take the mix",
};
