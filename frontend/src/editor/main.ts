/** The entry of the reading room: reads the page's config, builds the room, opens the first case. */

import { createClient } from "../api/client";
import type { ReadingConfig } from "../api/types";
import { words } from "../words";
import { listenToKeys } from "./actions/keyboard";
import { ACTIONS, createRegistry } from "./actions/registry";
import { holdCompared } from "./compare/compared";
import { createComparer } from "./compare/comparison";
import { createComparePane } from "./compare/pane";
import { isInteracting } from "./drawing/idle";
import { createPalmGuard } from "./drawing/palm";
import { createPointerInput } from "./drawing/pointerinput";
import { createCodec } from "./film/codec";
import { createLayerPictures } from "./film/layerpictures";
import { h } from "./page/elements";
import { createToolbar, createVerdictBar } from "./panels/bars";
import { createHeader } from "./panels/header";
import { createOverlays } from "./panels/hud";
import { askLastCase } from "./panels/lastcases";
import { createHandlers } from "./room/casehandlers";
import { settleConflict } from "./room/conflict";
import { createFlow } from "./room/flow";
import { keepPreferences } from "./room/preferences";
import { createRenderer } from "./room/render";
import { dropExpired, openJournal } from "./saving/journal";
import "./room.css";
import { createZoneNames } from "./film/zonenames";
import { createSidebar } from "./panels/sidebar";
import { createSignIn } from "./panels/signin";
import { createRoom } from "./room/room";
import { createStage } from "./room/stage";
import { exposeTestHandle } from "./room/testhandle";
import { watchTime } from "./room/time";
import { connectOtherTabs, nameTab } from "./saving/tabs";

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

  const room = createRoom({ client, codec, db, tab, otherTabs: connectOtherTabs() });
  keepPreferences(room.store, () => localStorage);
  const registry = createRegistry(ACTIONS);
  const flow = createFlow({ client, codec, room });
  const stage = createStage();
  const signIn = createSignIn(config, client, room, () => {
    room.store.set({ notice: "" });
    if (room.openCase()) handlers.retry();
    else void flow.begin();
  });
  const handlers = createHandlers({
    room,
    flow,
    registry,
    config,
    pointerInput: () => pointerInput,
    askLastCase: () => askLastCase(client, codec, room.store),
    signIn: signIn.ask,
  });
  const layers = createLayerPictures(room, () => renderer.invalidate({ layers: true }));
  const compared = holdCompared(room, () => renderer.invalidate({ mask: "all" }));
  const renderer = createRenderer(stage.canvases, () =>
    stage.sceneOf(room, pointerInput, layers.shown(), compared()),
  );
  const pointing = { store: room.store, handlers, palms: createPalmGuard() };
  const pointerInput = createPointerInput(stage.canvases.cursor, room, pointing, () =>
    renderer.invalidate({ cursor: true }),
  );
  stage.connect(room, renderer);
  stage.element.append(
    createZoneNames(room.store),
    ...createOverlays(config, room.store, handlers),
  );
  const comparer = createComparer(client, codec, room.store);
  const beside = createComparePane({ store: room.store, handlers, pointing, comparer, registry });
  host.replaceChildren(
    createHeader(config, room.store, handlers, registry),
    createToolbar(registry, room.store, handlers),
    h("div", { class: "panes" }, stage.element, beside.element),
    createSidebar(room, handlers, registry),
    createVerdictBar(registry, room.store, handlers),
  );
  listenToKeys(registry, room.store, handlers);
  watchTime(room);
  room.onConflict((openCase) => void settleConflict(client, codec, room, openCase));
  window.addEventListener("pagehide", flow.leave);
  // The journal keeps the mask, but not an unfinished gesture or a decision that is being sent.
  window.addEventListener("beforeunload", (event) => {
    const isBegun = isInteracting(room) || room.store.get().corners > 0;
    if (isBegun || flow.isSending()) event.preventDefault();
  });
  window.addEventListener("online", handlers.retry);
  window.addEventListener("focus", handlers.retry);
  // A page from the back/forward cache has given its leases back already.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  if (config.testHandle) exposeTestHandle(room, stage.canvases.cursor, beside.scene);
  await (config.reopened ? flow.reopen(config.reopened) : flow.begin());
}

start().catch((error: Error) => {
  const sentence = words.room.couldNotStart(error.message);
  document.getElementById("reading-room")?.replaceChildren(h("p", { role: "alert" }, sentence));
});
