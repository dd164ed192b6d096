import { describe, expect, it } from "vitest";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import { rulerWords, startRuler } from "../../../src/editor/drawing/ruler";
import { createStore } from "../../../src/editor/page/store";

const RULER = { from: { x: 10, y: 20 }, to: { x: 310, y: 420 } };

describe("the ruler", () => {
  it("says millimetres where the spacing is known, and otherwise that it is not", () => {
    expect(rulerWords(RULER, 0.15)).toBe("75.0 mm");
    expect(rulerWords(RULER, 0.3)).toBe("150 mm");
    expect(rulerWords(RULER, null)).toBe("500 px, spacing unknown");
  });

  it("leaves the former line where the new one is given up or has no length", () => {
    const store = createStore<RoomState>({ ...INITIAL_STATE, ruler: RULER });
    const drawing = startRuler(store, { x: 0, y: 0 });
    drawing.end();
    expect(store.get().ruler).toBe(RULER);
    drawing.move({ x: 5, y: 5 });
    expect(store.get().ruler).toEqual({ from: { x: 0, y: 0 }, to: { x: 5, y: 5 } });
    drawing.cancel();
    expect(store.get().ruler).toBe(RULER);
  });
});
