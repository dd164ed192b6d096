/** The actions that make the mask: the tools, cleaning up, undo and the size of the brush. */

import { copySource, isSliding, nextSource, SUBTRACTORS } from "../drawing/state";
import { stepRadius } from "../drawing/strokes";
import { layerUrl } from "../film/layers";
import { isReading, type Unnamed } from "./action";

export const COPY_ICON = "M9 9h11v11H9z|M15 9V4H4v11h5";
export const TOOLS: readonly Unnamed[] = [
  {
    id: "pan",
    keys: ["v"],
    place: "tool",
    icon: "M8 13V6.500a1.500 1.500 0 013 0V11|M11 11V5a1.500 1.500 0 013 0v6|M14 11V6.500a1.500 1.500 0 013 0V14c0 4-2 6.500-5.500 6.500-3 0-4.200-1.500-5.500-4L4 13c-.6-1.300 1-2.300 2-1.200l2 2.200",
    isOn: (state) => state.tool === "pan",
    perform: (handlers) => handlers.chooseTool("pan"),
  },
  {
    id: "window",
    keys: ["w"],
    place: "tool",
    icon: "M12 4a8 8 0 100 16 8 8 0 000-16z|!M12 4a8 8 0 010 16z",
    isOn: (state) => state.tool === "window",
    perform: (handlers) => handlers.chooseTool("window"),
  },
  {
    id: "brush",
    keys: ["b"],
    place: "tool",
    icon: "M14 4l6 6-8 8H6v-6z",
    isOn: (state) => state.tool === "brush",
    perform: (handlers) => handlers.chooseTool("brush"),
  },
  {
    id: "eraser",
    keys: ["e"],
    place: "tool",
    icon: "M4 15l9-9 7 7-6 6H8z|M9 20h11",
    isOn: (state) => state.tool === "eraser",
    perform: (handlers) => handlers.chooseTool("eraser"),
  },
  {
    id: "threshold",
    keys: ["t"],
    place: "tool",
    icon: "M14 3l5 5-7 7H7v-5z|M4 20h3|M10 20h4|M17 20h3",
    isOn: (state) => state.tool === "threshold",
    perform: (handlers) => handlers.chooseTool("threshold"),
  },
  {
    id: "lasso",
    keys: ["f"],
    place: "tool",
    icon: "M12 4c-5 0-8 2.500-8 5.500S7 15 12 15s8-2.500 8-5.500S17 4 12 4z|M8 14.500c-2.500 1-2 3 0 3.500s2 2 0 3",
    isOn: (state) => state.tool === "lasso",
    perform: (handlers) => handlers.chooseTool("lasso"),
  },
  {
    id: "polygon",
    keys: ["p"],
    place: "tool",
    icon: "M12 3l8 6-3 10H7L4 9z",
    isOn: (state) => state.tool === "polygon",
    perform: (handlers) => handlers.chooseTool("polygon"),
  },
  {
    id: "copy",
    keys: ["c"],
    place: "tool",
    icon: COPY_ICON,
    isOn: (state) => state.tool === "copy",
    isEnabled: (state) => copySource(state) !== null,
    perform: (handlers, state) => {
      const source = nextSource(state);
      if (source) handlers.copyFrom(source.id);
    },
  },
  {
    id: "subtract",
    keys: ["q"],
    place: "tool",
    icon: "M4 9h11v11H4z|M15 4h6",
    isOn: (state) => state.isSubtracting,
    isEnabled: (state) => SUBTRACTORS.includes(state.tool),
    perform: (handlers) => handlers.toggleSubtract(),
  },
  {
    id: "ruler",
    keys: ["j"],
    place: "tool",
    icon: "M3 16L16 3l5 5L8 21z|M7 12l2 2|M10 9l3 3|M13 6l2 2",
    isOn: (state) => state.tool === "ruler",
    perform: (handlers) => handlers.chooseTool("ruler"),
  },
];

export const CLEANUPS: readonly Unnamed[] = [
  {
    id: "fill-holes",
    keys: ["h"],
    place: "cleanup",
    icon: "M12 4a8 8 0 100 16 8 8 0 000-16z|!M12 9a3 3 0 100 6 3 3 0 000-6z",
    isEnabled: isReading,
    perform: (handlers) => handlers.cleanUp("fillHoles"),
  },
  {
    id: "remove-islands",
    keys: ["r"],
    place: "cleanup",
    icon: "M3 14a6 6 0 1012 0 6 6 0 00-12 0z|M16 4l5 5|M21 4l-5 5",
    isEnabled: isReading,
    perform: (handlers) => handlers.cleanUp("removeIslands"),
  },
  {
    id: "grow",
    keys: ["+", "="],
    place: "cleanup",
    icon: "M12 4a8 8 0 100 16 8 8 0 000-16z|M12 8.500v7|M8.500 12h7",
    isEnabled: isReading,
    perform: (handlers) => handlers.cleanUp("grow"),
  },
  {
    id: "shrink",
    keys: ["-"],
    place: "cleanup",
    icon: "M12 4a8 8 0 100 16 8 8 0 000-16z|M8.500 12h7",
    isEnabled: isReading,
    perform: (handlers) => handlers.cleanUp("shrink"),
  },
  {
    id: "smooth",
    keys: ["s"],
    place: "cleanup",
    icon: "M3 9l3-4 3 4 3-4 3 4 3-4 3 4|M3 18c4-5 6-5 9-2s5 3 9-2",
    isEnabled: isReading,
    perform: (handlers) => handlers.cleanUp("smooth"),
  },
  {
    id: "clip-to-lung",
    keys: ["Shift+l"],
    place: "cleanup",
    icon: "M12 3v8|M10 8c-4 0-6 5-6 11 3 0 6-1 6-4z|M14 8c4 0 6 5 6 11-3 0-6-1-6-4z",
    isEnabled: (state) => isReading(state) && layerUrl(state.current, "lung") !== null,
    perform: (handlers) => handlers.clipToLung(),
  },
];

export const EDITS: readonly Unnamed[] = [
  {
    id: "undo",
    keys: ["Ctrl+z"],
    place: "edit",
    repeats: true,
    icon: "M9 7L4 12l5 5|M4 12h10a5 5 0 010 10",
    isEnabled: (state) =>
      isReading(state) &&
      (state.canUndo || state.corners > 0 || state.isDrawing || isSliding(state)),
    perform: (handlers) => handlers.undo(),
  },
  {
    id: "redo",
    keys: ["Ctrl+Shift+z", "Ctrl+y"],
    place: "edit",
    repeats: true,
    icon: "M15 7l5 5-5 5|M20 12H10a5 5 0 000 10",
    isEnabled: (state) => isReading(state) && state.canRedo,
    perform: (handlers) => handlers.redo(),
  },
  {
    id: "smaller",
    keys: ["["],
    place: "help",
    repeats: true,
    perform: (handlers, state) => handlers.setRadius(stepRadius(state.radius, -1)),
  },
  {
    id: "larger",
    keys: ["]"],
    place: "help",
    repeats: true,
    perform: (handlers, state) => handlers.setRadius(stepRadius(state.radius, 1)),
  },
];
