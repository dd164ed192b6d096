/** The sign-in page: delete from this browser's journal what the server has. Unsaved strokes stay. */

import { dropSaved, openJournal } from "../editor/saving/journal";
import { isTabAlive } from "../editor/saving/tabs";

async function start(): Promise<void> {
  const names = (await indexedDB.databases()).map(({ name }) => name);
  if (!names.includes("roundtruth")) return; // to open it would create it
  const db = await openJournal(indexedDB);
  await dropSaved(db, isTabAlive);
  db.close();
}

// A journal that cannot be opened belongs to a newer release or to an open tab: it is left alone.
void start().catch(() => undefined);
