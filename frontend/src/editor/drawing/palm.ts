/** Which touches are palms: touches during or soon after pen input, and touches larger than a fingertip. */

const PEN_RULES_MS = 800;
/** In CSS pixels, of which there are 3.8 to the millimetre: four centimetres. */
const PALM_PX = 152;

type Contact = Pick<
  PointerEvent,
  "type" | "pointerType" | "pointerId" | "timeStamp" | "buttons" | "width" | "height"
>;

export type PalmGuard = ReturnType<typeof createPalmGuard>;

export function createPalmGuard() {
  let isPenDown = false;
  let penAt = Number.NEGATIVE_INFINITY;
  return {
    /** Call this for every event, because a hovering pen counts too. */
    see: ({ type, pointerType, timeStamp, buttons }: Contact): void => {
      if (pointerType !== "pen") return;
      penAt = timeStamp;
      // A dialog can swallow the release. A pen that moves without a pressed button is up.
      if (type !== "pointermove") isPenDown = type === "pointerdown";
      else if (buttons === 0) isPenDown = false;
    },
    isPalm: ({ pointerType, timeStamp, width, height }: Contact): boolean => {
      if (pointerType !== "touch") return false;
      return isPenDown || timeStamp - penAt < PEN_RULES_MS || Math.max(width, height) > PALM_PX;
    },
  };
}
