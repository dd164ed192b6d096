import { vi } from "vitest";

/**
 * Far longer than any wait: vi.waitFor gives up after one second, which a busy machine may need.
 */
const TIMEOUT_MS = 30_000;

/** Repeat a check until it passes. Returns its value. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: TIMEOUT_MS });
