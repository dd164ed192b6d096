/** The name of this tab, which tabs are still open, and the messages between tabs. */

const KEY = "roundtruth.tab";
const LOCK = "roundtruth.tab.";

/** `crypto.randomUUID` exists on secure pages only; hospitals serve plain HTTP inside. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Hold a lock as long as the tab is open. In a duplicated tab the lock is taken already. */
function holdLock(tab: string): Promise<boolean> {
  return new Promise((done) => {
    void navigator.locks.request(LOCK + tab, { ifAvailable: true }, (lock) => {
      done(lock !== null);
      return lock ? new Promise(() => undefined) : undefined;
    });
  });
}

async function claim(tab: string): Promise<string> {
  const isOurs = !("locks" in navigator) || (await holdLock(tab));
  if (!isOurs) return claim(randomId());
  sessionStorage.setItem(KEY, tab);
  return tab;
}

export function nameTab(): Promise<string> {
  return claim(sessionStorage.getItem(KEY) ?? randomId());
}

/** Without the Locks API every tab counts as open, so that no work is taken from a tab in use. */
export async function isTabAlive(tab: string): Promise<boolean> {
  if (!("locks" in navigator)) return true;
  const { held } = await navigator.locks.query();
  return (held ?? []).some((lock) => lock.name === LOCK + tab);
}

/** How a case ended, in the server's codes: submitted, or left as it was submitted before. */
export type Ending = "already_submitted" | "put_back";

export type EndedCase = { readonly assignment: string; readonly ending: Ending };

export type OtherTabs = {
  /** Tell the other tabs of this browser that a case has ended here. */
  readonly announceEnd: (over: EndedCase) => void;
  readonly onEnd: (listener: (over: EndedCase) => void) => void;
};

/** Without BroadcastChannel, another tab learns it from the server at its next save. */
export function connectOtherTabs(): OtherTabs {
  if (!("BroadcastChannel" in globalThis))
    return { announceEnd: () => undefined, onEnd: () => undefined };
  const channel = new BroadcastChannel("roundtruth.over");
  return {
    announceEnd: (over) => channel.postMessage(over),
    onEnd: (listener) =>
      channel.addEventListener("message", (event: MessageEvent<EndedCase>) => listener(event.data)),
  };
}
