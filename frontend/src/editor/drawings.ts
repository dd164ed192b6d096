/** Which drawing a press of the pointer starts: the tool's, with what it needs of the case. */

import { type Drawing, type Polygon, startCopy, startLasso } from "./outlines";
import type { Room } from "./room";
import type { Sitting } from "./sitting";
import { copySource, SUBTRACTORS } from "./state";
import { startStroke, startThreshold } from "./strokes";
import type { ImagePoint } from "./viewport";

export type Press = {
  readonly at: ImagePoint;
  /** A pen turned round erases, whatever the tool. */
  readonly isEraserEnd: boolean;
  readonly isAlt: boolean;
};

type Place = Pick<Room, "store" | "sitting" | "film">;

function copy({ store }: Place, { desk, prepared }: Sitting, at: ImagePoint): Drawing | null {
  const candidate = copySource(store.get());
  const source = candidate && prepared.candidates.get(candidate.id);
  if (!source) {
    store.set({ notice: "This case has no candidate to copy from." });
    return null;
  }
  const notice = `Candidate ${candidate.letter} is not loaded, so nothing was copied.`;
  return startCopy(desk, at, source, () => store.set({ notice }));
}

/** Null where nothing may be drawn now. */
export function startDrawing(room: Place, polygon: Polygon, press: Press): Drawing | null {
  const { tool, isBusy, phase, isSubtracting, window } = room.store.get();
  const sitting = room.sitting();
  if (isBusy || phase !== "reading" || !sitting) return null;
  const { desk } = sitting;
  const { at, isEraserEnd, isAlt } = press;
  const radius = () => room.store.get().radius;
  const takesAway = isEraserEnd || isAlt || (isSubtracting && SUBTRACTORS.includes(tool));
  if (tool === "copy" && !isEraserEnd) return copy(room, sitting, at);
  if (tool === "lasso") return startLasso(desk, at, takesAway);
  if (tool === "polygon") return polygon.press(desk, at, takesAway);
  if (tool !== "threshold") return startStroke(desk, at, radius, takesAway || tool === "eraser");
  const film = room.film();
  if (film) return startThreshold(desk, at, radius, takesAway, film, window.width);
  const notice = "The film is still loading. The threshold brush works once it is there.";
  room.store.set({ notice });
  return null;
}
