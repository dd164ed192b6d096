/** Words of the dialogs: what the room asks, shows in passing, and wants decided. */

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
  noInfectionWhy: "Something is marked on this film. It will be filed as free of infection.",
  noInfection: "No infection",
  guideline: "Guideline",
  noGuideline: "This project has no guideline yet. An administrator can write one.",
  keys: "Keys",
};

export const lastCases = {
  title: "My last ten",
  choose:
    "Choose one to open it again as you submitted it. What you submitted stands until you decide anew.",
  none: "You have submitted nothing in this project yet.",
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
  openAgain: "Open again: goes on where it is.",
};

export const signIn = {
  title: "Sign in again",
  ended: (kept: string) =>
    `Your session has ended. The case stays open, with ${kept}, and saving goes on once you are signed in.`,
  account: "Account name",
  password: "Password",
  notNow: "Not now",
  signIn: "Sign in",
  wrong: "This password is not right.",
  tooMany: "Too many tries. Wait a few minutes, then try again.",
  noAnswer: "The server does not answer. Try again in a moment.",
  refused: (status: number) =>
    `The server refused (${status}). Sign in in another tab, then come back.`,
};

export const merge = {
  title: "Two masks for one case",
  why:
    "This case was changed in another tab or browser after you opened it here. Both masks are kept. " +
    "Which one goes on? To mix them, drag over the film on the right, or go there with Tab and press " +
    "Space, arrows and Space: what lies inside comes from theirs.",
  mine: "Mine, in this tab",
  theirs: "Theirs, on the server",
  mixed: "Mixed ",
  clear: "Clear",
  mixer: "The mix: drag over what to take from theirs, or Space, arrows, Space",
  takeMine: "Take mine",
  takeTheirs: "Take theirs",
  takeMix: "Take the mix",
};
