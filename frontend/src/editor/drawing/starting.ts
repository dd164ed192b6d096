/** Which drawing a press of the pointer starts: the tool's, with what it needs of the case. */

import { words } from "../../words";
import { type Drawing, type Polygon, type Sample, startCopy, startLasso } from "./outlines";
import { startRegion } from "./region";
import { startRuler } from "./ruler";
import { copySource, type DrawingGround, type DrawnCase, SUBTRACTORS } from "./state";
import { pressedRadius, startStroke, startThreshold } from "./strokes";

export type Press = {
  readonly at: Sample;
  /** A pen turned round erases, whatever the tool. */
  readonly isEraserEnd: boolean;
  readonly isAlt: boolean;
};

function copy(
  { store }: DrawingGround,
  { maskDocument, prepared }: DrawnCase,
  at: Sample,
): Drawing | null {
  const candidate = copySource(store.get());
  const source = candidate && prepared.candidates.get(candidate.id);
  if (!source) {
    store.set({ notice: words.drawing.noSource });
    return null;
  }
  const notice = words.drawing.sourceMissing(candidate.letter);
  return startCopy(maskDocument, at, source, () => store.set({ notice }));
}

/** Null where nothing may be drawn now. */
export function startDrawing(room: DrawingGround, polygon: Polygon, press: Press): Drawing | null {
  const { tool, isBusy, phase, isSubtracting, isRegionNext, window } = room.store.get();
  const openCase = room.openCase();
  if (isBusy || phase !== "reading" || !openCase) return null;
  const { maskDocument } = openCase;
  const { at, isEraserEnd, isAlt } = press;
  const radius = ({ pressure }: Sample) => {
    const { radius, usesPressure } = room.store.get();
    return usesPressure && pressure !== undefined ? pressedRadius(radius, pressure) : radius;
  };
  const takesAway = isEraserEnd || isAlt || (isSubtracting && SUBTRACTORS.includes(tool));
  if (isRegionNext && !isEraserEnd) return startRegion(room, at);
  if (tool === "ruler" && !isEraserEnd) return startRuler(room.store, at);
  if (tool === "copy" && !isEraserEnd) return copy(room, openCase, at);
  if (tool === "lasso") return startLasso(maskDocument, at, takesAway);
  if (tool === "polygon") return polygon.press(at, takesAway);
  if (tool !== "threshold")
    return startStroke(maskDocument, at, radius, takesAway || tool === "eraser");
  const film = room.film();
  if (film) return startThreshold(maskDocument, at, radius, takesAway, film, window.width);
  room.store.set({ notice: words.drawing.filmLoading });
  return null;
}
