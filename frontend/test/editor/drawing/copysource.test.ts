import { expect, it } from "vitest";
import type { Case } from "../../../src/api/types";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import { copySource, nextSource } from "../../../src/editor/drawing/state";

const current = { candidates: [{ id: "a" }, { id: "b" }] } as unknown as Case;
const stateOf = (change: Partial<RoomState>): RoomState => ({ ...INITIAL_STATE, ...change });

it("copies from the first candidate until another is chosen, and steps on when asked again", () => {
  const brush = stateOf({ current });
  expect([copySource(brush)?.id, nextSource(brush)?.id]).toEqual(["a", "a"]);
  const first = stateOf({ current, tool: "copy", copyFrom: "a" });
  expect(nextSource(first)?.id).toBe("b");
  const last = stateOf({ current, tool: "copy", copyFrom: "b" });
  expect([copySource(last)?.id, nextSource(last)?.id]).toEqual(["b", "a"]);
  expect(nextSource({ ...last, tool: "brush" })?.id).toBe("b");
});

it("has no source where there is no candidate, and none of the case before", () => {
  expect(copySource(stateOf({ current: { candidates: [] } as unknown as Case }))).toBeNull();
  expect(nextSource(stateOf({ tool: "copy" }))).toBeNull();
  expect(copySource(stateOf({ current, copyFrom: "gone" }))?.id).toBe("a");
});
