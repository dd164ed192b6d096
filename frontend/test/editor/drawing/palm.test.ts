import { expect, it } from "vitest";
import { createPalmGuard } from "../../../src/editor/drawing/palm";

const contact = (pointerType: string, timeStamp: number, more = {}) => ({
  ...{ type: "pointerdown", pointerType, pointerId: 1, timeStamp, buttons: 1 },
  ...{ width: 20, height: 20 },
  ...more,
});

it("takes a fingertip for a finger and four centimetres for a palm", () => {
  const guard = createPalmGuard();
  expect(guard.isPalm(contact("touch", 0))).toBe(false);
  expect(guard.isPalm(contact("touch", 0, { height: 160 }))).toBe(true);
  expect(guard.isPalm(contact("mouse", 0, { height: 160 }))).toBe(false);
});

it("takes every touch for a palm while a pen hovers or has just been there", () => {
  const guard = createPalmGuard();
  guard.see(contact("pen", 1000, { type: "pointermove" }));
  expect(guard.isPalm(contact("touch", 1700))).toBe(true);
  expect(guard.isPalm(contact("touch", 1900))).toBe(false);
  expect(guard.isPalm(contact("pen", 1000))).toBe(false);
});

it("takes every touch for a palm as long as a pen is down, however still it is held", () => {
  const guard = createPalmGuard();
  guard.see(contact("pen", 0));
  expect(guard.isPalm(contact("touch", 60_000))).toBe(true);
  guard.see(contact("pen", 60_000, { type: "pointermove" }));
  expect(guard.isPalm(contact("touch", 120_000))).toBe(true);
  guard.see(contact("pen", 120_000, { type: "pointercancel" }));
  expect(guard.isPalm(contact("touch", 121_000))).toBe(false);
});

it("lets go of a pen whose release was swallowed, once it moves unpressed", () => {
  const guard = createPalmGuard();
  guard.see(contact("pen", 0));
  guard.see(contact("pen", 100, { type: "pointermove", buttons: 0 }));
  expect(guard.isPalm(contact("touch", 2000))).toBe(false);
});

it("is not moved by what mouse and fingers do", () => {
  const guard = createPalmGuard();
  guard.see(contact("mouse", 0));
  guard.see(contact("touch", 0));
  expect(guard.isPalm(contact("touch", 10))).toBe(false);
});
