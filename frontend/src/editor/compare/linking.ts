/**
 * How the film beside the case follows the case's film: same place, same scale, same contrast.
 * Pure.
 */

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

/** A film's size in pixels, and its millimetres for each pixel if these are known. */
export type Extent = { readonly image: Size; readonly spacing: number | null };

export const isScaledInMm = (base: Extent, other: Extent): boolean =>
  base.spacing !== null && other.spacing !== null;

const middleOf = ({ width, height }: Size) => imagePoint(width / 2, height / 2);

/**
 * The zoom of the other film, divided by the zoom of the case's film (`base`). A millimetre is
 * equally long on both if both spacings are known. Otherwise both films fit their panes equally.
 */
function zoomRatio(view: Viewport, base: Extent, other: Extent, pane: Size): number {
  if (base.spacing !== null && other.spacing !== null) return other.spacing / base.spacing;
  return fitImage({ ...view, screen: pane }, other.image).zoom / fitImage(view, base.image).zoom;
}

/**
 * Place the other film in its pane: its middle is as far from the pane's middle as the base film's.
 */
export function linkView(view: Viewport, base: Extent, other: Extent, pane: Size): Viewport {
  const zoom = view.zoom * zoomRatio(view, base, other, pane);
  const middle = imageToScreen(view, middleOf(base.image));
  const target = acrossPanes(middle, view.screen, pane);
  const linked = { ...view, screen: pane, zoom, x: 0, y: 0 };
  const at = imageToScreen(linked, middleOf(other.image));
  return { ...linked, x: target.x - at.x, y: target.y - at.y };
}

/** Return the point of another pane that is equally far from its middle. */
export function acrossPanes(at: ScreenPoint, from: Size, to: Size): ScreenPoint {
  return screenPoint(at.x + (to.width - from.width) / 2, at.y + (to.height - from.height) / 2);
}

/** Change the other film's window as `window` differs from the case's own window (`base`). */
export function linkWindow(window: Window, base: Window, other: Window): Window {
  const scale = other.width / Math.max(base.width, 1);
  return {
    center: other.center + (window.center - base.center) * scale,
    width: window.width * scale,
  };
}
