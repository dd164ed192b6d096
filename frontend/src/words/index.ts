/**
 * All words that the reading room shows or speaks, in English, by their place on the page. They
 * depend only on the values that are passed in, never on the state of the room.
 */

import { actions, keys, pickCandidate, sheet, withKey } from "./en/actions";
import { cleanup, compare, cross, drawing, film, hud, ruler } from "./en/film";
import { dialogs, lastCases, merge, signIn } from "./en/questions";
import { curtain, header, notices, problems, room, saving } from "./en/room";
import { candidates, difference, findings, input, layers, looks } from "./en/sidebar";

export const words = {
  actions,
  candidates,
  cleanup,
  compare,
  cross,
  curtain,
  dialogs,
  difference,
  drawing,
  film,
  findings,
  header,
  hud,
  input,
  keys,
  lastCases,
  layers,
  looks,
  merge,
  notices,
  pickCandidate,
  problems,
  room,
  ruler,
  saving,
  sheet,
  signIn,
  withKey,
};
