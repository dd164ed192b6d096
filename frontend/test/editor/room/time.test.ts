import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import { createStore } from "../../../src/editor/page/store";
import type { Room } from "../../../src/editor/room/room";
import { watchTime } from "../../../src/editor/room/time";

let page: { hidden: boolean };
let recordTime: ReturnType<typeof vi.fn<() => void>>;

beforeEach(() => {
  vi.useFakeTimers();
  page = { hidden: false };
  recordTime = vi.fn<() => void>();
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", new EventTarget());
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function reading(activeSeconds = 0) {
  const store = createStore<RoomState>({ ...INITIAL_STATE, phase: "reading", activeSeconds });
  watchTime({ store, openCase: () => ({ recordTime }) } as unknown as Room);
  return { store, seconds: () => store.get().activeSeconds };
}

const pass = (seconds: number) => vi.advanceTimersByTime(1000 * seconds);
const move = (sign = "pointermove") => window.dispatchEvent(new Event(sign));

test("each second counts while the reader does something now and then", () => {
  const { seconds } = reading();
  for (let i = 0; i < 6; i++) {
    pass(20);
    move();
  }
  expect(seconds()).toBe(120);
});

test("after 30 seconds without a sign of life nothing counts until the next one", () => {
  const { seconds } = reading();
  pass(10);
  move();
  pass(29);
  expect(seconds()).toBe(39);
  pass(300);
  expect(seconds()).toBe(39);
  move();
  pass(5);
  expect(seconds()).toBe(44);
});

test.each(["pointermove", "pointerdown", "keydown", "wheel"])("%s is a sign of life", (sign) => {
  const { seconds } = reading();
  pass(100);
  const idle = seconds();
  move(sign);
  pass(3);
  expect(seconds()).toBe(idle + 3);
});

test("a page out of sight does not count, and goes on from where it was", () => {
  const { seconds } = reading();
  pass(5);
  page.hidden = true;
  for (let i = 0; i < 10; i++) {
    move();
    pass(1);
  }
  expect(seconds()).toBe(5);
  page.hidden = false;
  pass(4);
  expect(seconds()).toBe(9);
});

test("only a case that is being read counts", () => {
  const { store, seconds } = reading();
  pass(3);
  store.set({ phase: "empty" });
  pass(10);
  expect(seconds()).toBe(3);
  store.set({ phase: "reading", activeSeconds: 0 });
  pass(2);
  expect(seconds()).toBe(2);
});

test("every tenth second is noted for the journal, also on a case that was begun before", () => {
  const { seconds } = reading(57);
  pass(2);
  expect(recordTime).not.toHaveBeenCalled();
  pass(1);
  expect(recordTime).toHaveBeenCalledTimes(1);
  pass(10);
  expect([seconds(), recordTime.mock.calls.length]).toEqual([70, 2]);
});
