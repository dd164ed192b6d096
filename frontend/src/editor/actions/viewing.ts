/** The actions of how the film and the mask are shown. */

import { hasDifference, shownLook } from "../drawing/state";
import { nextPreset } from "../film/presets";
import type { Unnamed } from "./action";

export const VIEWS: readonly Unnamed[] = [
  {
    id: "invert",
    keys: ["i"],
    place: "view",
    icon: "M4 5h16v14H4z|!M12 5h8v14h-8z",
    isOn: (state) => state.isInverted,
    perform: (handlers) => handlers.toggleInvert(),
  },
  {
    id: "fit",
    keys: ["Home"],
    place: "view",
    icon: "M4 9V4h5|M15 4h5v5|M20 15v5h-5|M9 20H4v-5",
    perform: (handlers) => handlers.fit(),
  },
  {
    id: "actual-size",
    keys: ["z"],
    place: "view",
    icon: "M6 7l2-1v12|M12 9v1|M12 14v1|M16 7l2-1v12",
    perform: (handlers) => handlers.actualSize(),
  },
  {
    id: "outline",
    keys: ["o"],
    place: "view",
    icon: "M3 12c3-5 6-7 9-7s6 2 9 7c-3 5-6 7-9 7s-6-2-9-7z|M12 9a3 3 0 100 6 3 3 0 000-6z",
    isOn: (state) => shownLook(state) !== "fill",
    perform: (handlers) => handlers.cycleLook(),
  },
  {
    id: "difference",
    keys: ["Shift+d"],
    place: "help",
    isEnabled: ({ current }) => hasDifference(current),
    perform: (handlers) => handlers.toggleDifference(),
  },
  {
    id: "next-window",
    keys: ["k"],
    place: "help",
    isEnabled: (state) => state.hasFilm,
    perform: (handlers, state) => handlers.setPreset(nextPreset(state.preset)),
  },
  {
    id: "region-window",
    keys: ["u"],
    place: "film",
    icon: "M4 8V4h4|M16 4h4v4|M20 16v4h-4|M8 20H4v-4|!M9 9h6v6H9z",
    isOn: (state) => state.isRegionNext,
    isEnabled: (state) => state.hasFilm,
    perform: (handlers) => handlers.chooseRegion(),
  },
  {
    id: "rotate",
    keys: ["Shift+r"],
    place: "film",
    icon: "M19 12a7 7 0 11-2-5l2 2|M19 4v5h-5",
    isOn: (state) => state.orientation.turns !== 0,
    perform: (handlers) => handlers.rotate(),
  },
  {
    id: "flip",
    keys: ["Shift+f"],
    place: "film",
    icon: "M12 3v18|M9 7L3 17h6z|!M15 7l6 10h-6z",
    isOn: (state) => state.orientation.isMirrored,
    perform: (handlers) => handlers.flip(),
  },
  {
    id: "reset-window",
    keys: ["Shift+w"],
    place: "help",
    perform: (handlers) => handlers.resetWindow(),
  },
];
