/** Promises around the codec workers. Films have a worker of their own because they are slow. */

import type { Mask } from "../../mask/bitmap";
import type { ByteMap } from "../../mask/probability";
import { words } from "../../words";
import type { Job } from "./codec.worker";
import type { Film } from "./film";

type Answer = { readonly id: number; readonly value?: unknown; readonly error?: string };

function startWorker(): (job: Job, transfer: Transferable[]) => Promise<unknown> {
  let worker = open();
  const waiting = new Map<number, { done: (value: unknown) => void; fail: (e: Error) => void }>();
  let count = 0;

  function open(): Worker {
    const made = new Worker(new URL("./codec.worker.ts", import.meta.url), { type: "module" });
    made.addEventListener("message", lastState);
    made.addEventListener("error", died);
    return made;
  }

  function lastState(event: MessageEvent<Answer>): void {
    const { id, value, error } = event.data;
    const caller = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) caller?.done(value);
    else caller?.fail(new Error(error));
  }

  /** A dead worker answers no job: reject all waiting jobs and start a new worker. */
  function died(): void {
    worker.terminate();
    worker = open();
    for (const caller of waiting.values()) caller.fail(new Error(words.problems.codecDied));
    waiting.clear();
  }

  return (job, transfer) =>
    new Promise((done, fail) => {
      const id = ++count;
      waiting.set(id, { done, fail });
      worker.postMessage({ id, job }, transfer);
    });
}

type Bytes = Uint8Array<ArrayBuffer>;

export function createCodec() {
  const films = startWorker();
  const masks = startWorker();
  return {
    film: (bytes: Bytes) => films({ kind: "film", bytes }, [bytes.buffer]) as Promise<Film>,
    mask: (bytes: Bytes) => masks({ kind: "mask", bytes }, [bytes.buffer]) as Promise<Mask>,
    probability: (bytes: Bytes, width: number, height: number) =>
      films({ kind: "probability", bytes, width, height }, [bytes.buffer]) as Promise<ByteMap>,
    /** Copies the mask at once, so that the caller can go on painting. */
    encode: (mask: Mask) => {
      const data = mask.data.slice();
      return masks({ kind: "encode", mask: { ...mask, data } }, [data.buffer]) as Promise<Blob>;
    },
  };
}

export type Codec = ReturnType<typeof createCodec>;
