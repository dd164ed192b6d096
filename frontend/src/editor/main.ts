/** The reading room starts here: reads the page's config, builds the room, opens the first case. */

import { createClient } from "../api/client";
import type { ReadingConfig } from "../api/types";
import { words } from "../words";
import { ACTIONS, createRegistry } from "./actions";
import { createToolbar, createVerdictBar } from "./bars";
import { createCodec } from "./codec";
import { holdCompared } from "./compared";
import { createComparePane } from "./comparepane";
import { createComparer } from "./comparison";
import { settleConflict } from "./conflict";
import { h } from "./dom";
import { createFlow } from "./flow";
import { createHand } from "./hand";
import { createHeader } from "./header";
import { createOverlays } from "./hud";
import { dropExpired, openJournal } from "./journal";
import { listenToKeys } from "./keyboard";
import { askLastCase } from "./lastcases";
import { createLayers } from "./layers";
import { createPalmGuard } from "./palm";
import { keepPreferences } from "./preferences";
import { createVerbs } from "./readerverbs";
import { createRenderer } from "./render";
import { isAtWork } from "./rest";
import "./room.css";
import { createRoom } from "./room";
import { createSidebar } from "./sidebar";
import { createSignIn } from "./signin";
import { createStage } from "./stage";
import { meetNeighbours, nameTab } from "./tabs";
import { exposeTestHandle } from "./testhandle";
import { watchTime } from "./time";
import { createZoneNames } from "./zonenames";

function readConfig(): ReadingConfig {
  const tag = document.getElementById("reading-config");
  const given = JSON.parse(tag?.textContent ?? "{}") as Partial<ReadingConfig>;
  const project = given.project ?? "";
  return {
    project,
    projectName: project,
    projectUrl: `/p/${project}/`,
    reader: "",
    account: "",
    apiBase: "/api/v1",
    csrf: "",
    guideline: "",
    reopened: null,
    signInUrl: "/accounts/login/",
    testHandle: false,
    ...given,
  };
}

async function start(): Promise<void> {
  const config = readConfig();
  const host = document.getElementById("reading-room");
  if (!host) return;
  const client = createClient(config, () => signIn.expired());
  const codec = createCodec();
  const tab = await nameTab();
  const db = await openJournal(indexedDB, () =>
    room.store.set({ journalFailure: words.notices.outdated }),
  );
  void dropExpired(db, Date.now()).catch(() => undefined);

  const room = createRoom({ client, codec, db, tab, neighbours: meetNeighbours() });
  keepPreferences(room.store, () => localStorage);
  const registry = createRegistry(ACTIONS);
  const flow = createFlow({ config, client, codec, room });
  const stage = createStage();
  const signIn = createSignIn(config, client, room, () => {
    room.store.set({ notice: "" });
    if (room.sitting()) verbs.retry();
    else void flow.begin();
  });
  const verbs = createVerbs({
    room,
    flow,
    registry,
    config,
    hand: () => hand,
    askLastCase: () => askLastCase(client, codec, room.store),
    signIn: signIn.ask,
  });
  const layers = createLayers(room, () => renderer.invalidate({ layers: true }));
  const compared = holdCompared(room, () => renderer.invalidate({ mask: "all" }));
  const renderer = createRenderer(stage.canvases, () =>
    stage.sceneOf(room, hand, layers.shown(), compared()),
  );
  const pointing = { store: room.store, verbs, palms: createPalmGuard() };
  const hand = createHand(stage.canvases.cursor, room, pointing, () =>
    renderer.invalidate({ cursor: true }),
  );
  stage.connect(room, renderer);
  stage.element.append(createZoneNames(room.store), ...createOverlays(config, room.store, verbs));
  const beside = createComparePane(pointing, createComparer(client, codec, room.store), registry);
  host.replaceChildren(
    createHeader(config, room.store, verbs, registry),
    createToolbar(registry, room.store, verbs),
    h("div", { class: "panes" }, stage.element, beside.element),
    createSidebar(room, verbs, registry),
    createVerdictBar(registry, room.store, verbs),
  );
  listenToKeys(registry, room.store, verbs);
  watchTime(room);
  room.onConflict((sitting) => void settleConflict(client, codec, room, sitting));
  window.addEventListener("pagehide", flow.leave);
  // The mask is kept whatever happens; what is begun and not ended is not, nor a decision on its way.
  window.addEventListener("beforeunload", (event) => {
    const isBegun = isAtWork(room) || room.store.get().corners > 0;
    if (isBegun || flow.isSending()) event.preventDefault();
  });
  window.addEventListener("online", verbs.retry);
  window.addEventListener("focus", verbs.retry);
  // A page from the back/forward cache holds leases it gave back.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  if (config.testHandle) exposeTestHandle(room, stage.canvases.cursor, beside.scene);
  await (config.reopened ? flow.reopen(config.reopened) : flow.begin());
}

start().catch((error: Error) => {
  const sentence = words.room.couldNotStart(error.message);
  document.getElementById("reading-room")?.replaceChildren(h("p", { role: "alert" }, sentence));
});
