/** How a film beside the case follows it: the same place, the same scale, the same contrast. Pure. */

import type { Window } from "../film/film";
import {
  fitImage,
  imagePoint,
  imageToScreen,
  type ScreenPoint,
  type Size,
  screenPoint,
  type Viewport,
} from "../film/viewport";

/** A film's size in pixels, and in millimetres where its spacing is known. */
export type Extent = { readonly image: Size; readonly spacing: number | null };

export const isScaledInMm = (base: Extent, other: Extent): boolean =>
  base.spacing !== null && other.spacing !== null;

const middleOf = ({ width, height }: Size) => imagePoint(width / 2, height / 2);

/**
 * The zoom of the other film for each zoom of one's own: millimetre for millimetre where both
 * spacings are known, otherwise alike in proportion to what fits its pane.
 */
function zoomRatio(view: Viewport, base: Extent, other: Extent, pane: Size): number {
  if (base.spacing !== null && other.spacing !== null) return other.spacing / base.spacing;
  return fitImage({ ...view, screen: pane }, other.image).zoom / fitImage(view, base.image).zoom;
}

/** Where the other film lies in its pane: its middle as far from the pane's as one's own is. */
export function linkView(view: Viewport, base: Extent, other: Extent, pane: Size): Viewport {
  const zoom = view.zoom * zoomRatio(view, base, other, pane);
  const middle = imageToScreen(view, middleOf(base.image));
  const target = acrossPanes(middle, view.screen, pane);
  const linked = { ...view, screen: pane, zoom, x: 0, y: 0 };
  const at = imageToScreen(linked, middleOf(other.image));
  return { ...linked, x: target.x - at.x, y: target.y - at.y };
}

/** The point of another pane that lies as far from its middle. */
export function acrossPanes(at: ScreenPoint, from: Size, to: Size): ScreenPoint {
  return screenPoint(at.x + (to.width - from.width) / 2, at.y + (to.height - from.height) / 2);
}

/** The window in the other film's values: as far from its own as this one is from the case's own. */
export function linkWindow(window: Window, base: Window, other: Window): Window {
  const scale = other.width / Math.max(base.width, 1);
  return {
    center: other.center + (window.center - base.center) * scale,
    width: window.width * scale,
  };
}
