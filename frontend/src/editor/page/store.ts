/** Holds a value that is replaced, never mutated, and calls listeners after each change. */

export type Store<T> = {
  readonly get: () => T;
  readonly set: (change: Partial<T>) => void;
  readonly subscribe: (listener: (state: T, before: T) => void) => void;
};

export function createStore<T extends object>(initial: T): Store<T> {
  let state = initial;
  const listeners: ((state: T, before: T) => void)[] = [];
  return {
    get: () => state,
    set: (change) => {
      const before = state;
      state = { ...state, ...change };
      for (const listener of listeners) listener(state, before);
    },
    subscribe: (listener) => {
      listeners.push(listener);
    },
  };
}
