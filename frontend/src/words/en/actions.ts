/** The names of the actions and of the keys. The names must not change: scripts rely on them. */

type Name = {
  readonly name: string;
  /** A shorter text for the button. */
  readonly label?: string;
};

export const actions = {
  pan: { name: "Hand" },
  window: { name: "Window/level" },
  brush: { name: "Brush" },
  eraser: { name: "Eraser" },
  threshold: { name: "Threshold brush" },
  lasso: { name: "Lasso" },
  polygon: { name: "Polygon" },
  copy: { name: "Copy from candidate" },
  subtract: { name: "Subtract" },
  ruler: { name: "Ruler" },
  "fill-holes": { name: "Fill holes" },
  "remove-islands": { name: "Remove islands" },
  grow: { name: "Grow" },
  shrink: { name: "Shrink" },
  smooth: { name: "Smooth" },
  "clip-to-lung": { name: "Clip to lung" },
  undo: { name: "Undo" },
  redo: { name: "Redo" },
  smaller: { name: "Smaller brush" },
  larger: { name: "Larger brush" },
  invert: { name: "Invert" },
  fit: { name: "Fit film" },
  "actual-size": { name: "1:1, one film pixel on each screen pixel" },
  outline: { name: "Mask look" },
  difference: { name: "Difference from the candidate" },
  "next-window": { name: "Next film window" },
  "region-window": { name: "Window from a region", label: "Region" },
  rotate: { name: "Rotate the view", label: "Rotate" },
  flip: { name: "Flip the view", label: "Flip" },
  "reset-window": { name: "Reset window" },
  "look-left": { name: "Look further left" },
  "look-right": { name: "Look further right" },
  "look-up": { name: "Look further up" },
  "look-down": { name: "Look further down" },
  "zoom-in": { name: "Zoom in" },
  "zoom-out": { name: "Zoom out" },
  cross: { name: "Keyboard cross" },
  "press-cross": { name: "Press at the cross, or lift" },
  "cross-left": { name: "Cross 10 pixels left" },
  "cross-right": { name: "Cross 10 pixels right" },
  "cross-up": { name: "Cross 10 pixels up" },
  "cross-down": { name: "Cross 10 pixels down" },
  compare: { name: "Compare with other days" },
  "next-comparison": { name: "Next of the other days" },
  "infection-map": { name: "Infection map" },
  "activation-map": { name: "Activation map (Grad-CAM)" },
  "lung-outline": { name: "Lung outline" },
  disagreement: { name: "Disagreement of the networks" },
  exclude: { name: "Exclude", label: "Exclude…" },
  flag: { name: "Flag" },
  note: { name: "Note" },
  "no-infection": { name: "No infection (0)", label: "No infection" },
  later: { name: "Save for later (Shift+S)", label: "Save for later" },
  leave: { name: "Leave it as it was" },
  accept: { name: "Accept and next (Enter)", label: "Accept and next" },
  "last-cases": { name: "My last ten" },
  guideline: { name: "Guideline" },
  shortcuts: { name: "Keys (?)", label: "Keys" },
} satisfies Readonly<Record<string, Name>>;

export const pickCandidate = (number: number) => `Pick candidate ${number}`;

/** A name followed by its key, for tooltips. */
export const withKey = (name: string, key: string) => `${name} (${key})`;

/** The labels of the keys that are not letters. */
export const keys: Readonly<Record<string, string>> = {
  Shift: "⇧",
  " ": "Space",
  Backspace: "Bksp",
  Home: "Home",
  Enter: "Enter",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "Page ↑",
  PageDown: "Page ↓",
};

/** What the sheet of keys lists besides the actions. */
export const sheet: readonly (readonly [name: string, keys: readonly string[]])[] = [
  ["Pick a candidate", ["1", "…", "9"]],
  ["Film only", ["hold Space"]],
  ["Cross 1 pixel", ["←", "→", "↑", "↓"]],
  ["Cancel the stroke", ["Esc"]],
  ["Close the polygon", ["Enter", "double click"]],
  ["Subtract", ["hold Alt"]],
  ["Zoom", ["wheel", "two fingers"]],
  ["Brush size", ["⇧ wheel"]],
  ["Pan", ["middle drag", "two fingers"]],
  ["Window/level", ["right drag"]],
];
