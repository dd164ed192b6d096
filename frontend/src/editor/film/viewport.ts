/** Where the film lies on the screen. The one place that turns image points into screen points. */

export type ImagePoint = { readonly x: number; readonly y: number; readonly space: "image" };
export type ScreenPoint = { readonly x: number; readonly y: number; readonly space: "screen" };

export const imagePoint = (x: number, y: number): ImagePoint => ({ x, y, space: "image" });
export const screenPoint = (x: number, y: number): ScreenPoint => ({ x, y, space: "screen" });

export const MIN_ZOOM = 0.05;
export const MAX_ZOOM = 32;
const FIT_MARGIN = 0.98;

export type Size = { readonly width: number; readonly height: number };

/**
 * `zoom` is CSS pixels per image pixel; (x, y) is the image's corner in CSS pixels. All of it, the
 * `screen` too, is in the film's own frame, however orientation.ts turns that on the stage.
 */
export type Viewport = {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
  readonly screen: Size;
  readonly pixelRatio: number;
  /** A fitted film stays fitted when the window changes its size. */
  readonly isFitted: boolean;
};

export const EMPTY_VIEWPORT: Viewport = {
  zoom: 1,
  x: 0,
  y: 0,
  screen: { width: 0, height: 0 },
  pixelRatio: 1,
  isFitted: true,
};

export function fitImage(view: Viewport, image: Size): Viewport {
  const { width, height } = view.screen;
  const zoom = clampZoom(Math.min(width / image.width, height / image.height) * FIT_MARGIN);
  return {
    ...view,
    zoom,
    x: (width - image.width * zoom) / 2,
    y: (height - image.height * zoom) / 2,
    isFitted: true,
  };
}

export function resize(view: Viewport, screen: Size, pixelRatio: number, image: Size): Viewport {
  const next = { ...view, screen, pixelRatio };
  if (view.isFitted) return fitImage(next, image);
  const dx = (screen.width - view.screen.width) / 2;
  const dy = (screen.height - view.screen.height) / 2;
  return keepInSight({ ...next, x: view.x + dx, y: view.y + dy }, image);
}

export function imageToScreen(view: Viewport, point: ImagePoint): ScreenPoint {
  return screenPoint(point.x * view.zoom + view.x, point.y * view.zoom + view.y);
}

export function screenToImage(view: Viewport, point: ScreenPoint): ImagePoint {
  return imagePoint((point.x - view.x) / view.zoom, (point.y - view.y) / view.zoom);
}

/** Zoom so that the image point under `at` stays under it. */
export function zoomAt(view: Viewport, at: ScreenPoint, factor: number, image: Size): Viewport {
  return zoomTo(view, at, view.zoom * factor, image);
}

/** Show one film pixel on one device pixel. */
export function actualSize(view: Viewport, at: ScreenPoint, image: Size): Viewport {
  return zoomTo(view, at, 1 / view.pixelRatio, image);
}

function zoomTo(view: Viewport, at: ScreenPoint, wanted: number, image: Size): Viewport {
  const zoom = clampZoom(wanted);
  const anchor = screenToImage(view, at);
  return keepInSight(
    { ...view, zoom, x: at.x - anchor.x * zoom, y: at.y - anchor.y * zoom, isFitted: false },
    image,
  );
}

export function panBy(view: Viewport, dx: number, dy: number, image: Size): Viewport {
  return keepInSight({ ...view, x: view.x + dx, y: view.y + dy, isFitted: false }, image);
}

/** Move the film no further than it takes to have a point `margin` or more from the screen's edges. */
export function showPoint(
  view: Viewport,
  point: ImagePoint,
  margin: number,
  image: Size,
): Viewport {
  const at = imageToScreen(view, point);
  const missing = (value: number, extent: number) => {
    const least = Math.min(margin, extent / 2);
    return Math.min(Math.max(value, least), extent - least) - value;
  };
  const [dx, dy] = [missing(at.x, view.screen.width), missing(at.y, view.screen.height)];
  return dx || dy ? panBy(view, dx, dy, image) : view;
}

/** The film may be pushed aside, never out of sight. */
function keepInSight(view: Viewport, image: Size): Viewport {
  const clamp = (value: number, extent: number, room: number) => {
    const least = Math.min(80, extent / 2);
    return Math.min(Math.max(value, least - extent), room - least);
  };
  return {
    ...view,
    x: clamp(view.x, image.width * view.zoom, view.screen.width),
    y: clamp(view.y, image.height * view.zoom, view.screen.height),
  };
}

function clampZoom(zoom: number): number {
  return Math.min(Math.max(zoom, MIN_ZOOM), MAX_ZOOM);
}
