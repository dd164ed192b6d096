/** Words of the sidebar: candidates, layers, severity, and the look of the mask. */

import { joined, lesions, pixels } from "./amounts";

export const candidates = {
  title: "Candidates",
  region: "Candidates and layers",
  networks: {
    ensemble: "Ensemble mean",
    manual: "Drawn by hand",
    unet: "U-Net",
    unetplusplus: "U-Net++",
    fpn: "FPN",
    dla: "DLA",
    linknet: "LinkNet",
    deeplabv3plus: "DeepLabV3+",
  } as Readonly<Record<string, string>>,
  lettered: (letter: string) => `Candidate ${letter}`,
  card: (letter: string, network: string | null, number: number) =>
    `Candidate ${letter}${network === null ? "" : `: ${network}`} (${number})`,
  pick: (card: string) => `Pick ${card}`,
  copy: (letter: string) => `Copy a region of candidate ${letter}`,
  picked: "picked",
  pickedAndChanged: (count: number) => `picked, ${pixels(count)} changed`,
  dice: (dice: number) => `Dice with mine ${dice.toFixed(2)}`,
  threshold: (candidate: string) => `Threshold of ${candidate}`,
};

export const looks = {
  title: "Mask",
  shownAs: "Shown as",
  opacity: "Opacity",
  opacityName: "Mask opacity",
  name: (look: string) => `Mask shown as ${look}`,
  fill: "fill and outline",
  outline: "outline",
  hidden: "hidden",
  difference: "difference",
};

export const input = {
  title: "Pen, touch and keys",
  fingerPans: "One finger moves the film",
  usesPressure: "Pen pressure sets the size",
  keysNeedFilm: "Letter, digit and sign keys only on the film",
};

export const difference = {
  label: "Difference",
  against: (letter: string) => `Mine against candidate ${letter}`,
  noCandidate: "Pick a candidate, or point at one",
  added: (count: number) => `added ${pixels(count)}`,
  removed: (count: number) => `removed ${pixels(count)}`,
};

export const layers = {
  title: "Layers",
  infection: "Infection map",
  activation: "Activation map (Grad-CAM)",
  lung: "Lung outline",
  disagreement: "Disagreement",
  infectionLegend: "Probability of infection, ensemble",
  activationLegend: "Where the classifier looked; not a mask",
  lungLegend: "Divided into zones of equal height, as in the severity",
  disagreementLegend: "Spread of the networks' probabilities",
  least: "least",
  most: "most",
  captions: { infection: "Infection map", activation: "Activation map" },
  onWholeFilm: (caption: string) => `${caption}, on the whole film`,
};

export const findings = {
  title: "Severity of the proposal",
  source: "Measured on the ensemble's proposal, not on what you draw.",
  zoneTable: "Infected share of each lung zone",
  grades: {
    none: "none",
    mild: "mild",
    moderate: "moderate",
    severe: "severe",
    critical: "critical",
  },
  sides: { right: "right", left: "left", outside: "outside the lungs" },
  zones: { upper: "upper", middle: "middle", lower: "lower" },
  right: (percent: string) => `R ${percent}`,
  left: (percent: string) => `L ${percent}`,
  place: (side: string, zone: string) => joined([side, zone], " "),
  noShare: "–",
  tinyShare: "<1 %",
  share: (share: number) => `${Math.round(share * 100)} %`,
  ofBothLungs: (percent: string) => `${percent} of both lungs`,
  count: lesions,
  pixels,
  mm2: (area: number) => `${Math.round(area)} mm²`,
  cm2: (area: number) => `${area.toFixed(1)} cm²`,
  placeUnknown: "place not known",
  more: (count: number) => `and ${count} more`,
  tooSmall: (count: number, smallest: number, all: number) =>
    `${count} under ${pixels(smallest)} not listed (${pixels(all)})`,
  outside: (count: number) => `${pixels(count)} lie outside the lungs`,
};
