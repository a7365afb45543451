// The browser's side of streams, notices, titles and form acknowledgements.
//
// It registers "virtual substates" beside Reflex's own on the same socket, so that rows need no state of
// a session and no delta ever carries a whole list. The reducer never evaluates a filter: it replaces
// rows by id and version and asks the server for the window whenever that may not be enough.
import { useCallback, useSyncExternalStore } from "react";
import { eventLoop } from "$/utils/context-registry";
import { ReflexEvent, refs } from "$/utils/state";

const ASK_EVERY_MS = 1000;
const KEPT_PATCHES = 100;
const NOTHING = Object.freeze({ rows: Object.freeze([]), isLoaded: false, total: 0 });

const windows = new Map();
const mountListeners = new Set();
const ackListeners = new Set();

function windowOf(key) {
  let w = windows.get(key);
  if (!w) {
    w = {
      view: NOTHING,
      topic: null,
      seq: -1,
      versions: new Map(),
      kept: [],
      lost: -1,
      ask: null,
      askedAt: -Infinity,
      timer: null,
      listeners: new Set(),
    };
    windows.set(key, w);
  }
  return w;
}

function show(w, view) {
  w.view = Object.freeze(view);
  w.listeners.forEach((listener) => listener());
}

function askAgain(w) {
  if (!w.ask || w.timer !== null) return;
  const wait = Math.max(0, w.askedAt + ASK_EVERY_MS - Date.now());
  w.timer = setTimeout(() => {
    w.timer = null;
    w.askedAt = Date.now();
    // Nobody looks at a window of a page that was left: its State would join again for nothing.
    if (w.ask && w.listeners.size > 0) eventLoop.addEvents([ReflexEvent(w.ask)], [], {});
  }, wait);
}

// Returns the rows after a patch and whether the window must be asked for.
function patched(w, rows, patch) {
  let next = rows;
  let mustAsk = patch.stale === true;
  for (const [id, version, view] of patch.rows) {
    const at = next.findIndex((row) => String(row.id) === id);
    if (at === -1) {
      mustAsk = true;
      continue;
    }
    if (version <= (w.versions.get(id) ?? -1)) continue;
    if (next === rows) next = rows.slice();
    if (view === null) {
      next.splice(at, 1);
      w.versions.delete(id);
    } else {
      next[at] = view;
      w.versions.set(id, version);
    }
    mustAsk = true; // it may have to move
  }
  return [next, mustAsk];
}

function keep(w, patch) {
  w.kept.push(patch);
  if (w.kept.length > KEPT_PATCHES) w.lost = w.kept.shift().seq;
}

function takePatch(w, patch) {
  keep(w, patch);
  if (!w.view.isLoaded || (patch.seq <= w.seq && !patch.stale)) return;
  const [rows, mustAsk] = patched(w, w.view.rows, patch);
  if (rows !== w.view.rows) show(w, { ...w.view, rows });
  if (mustAsk) askAgain(w);
}

function takeReset(w, reset) {
  const old = new Map(w.view.rows.map((row) => [String(row.id), row]));
  w.seq = reset.seq;
  w.ask = reset.ask;
  const oldVersions = w.versions;
  w.versions = new Map(reset.rows.map((row, at) => [String(row.id), reset.versions[at]]));
  // A row whose version did not change keeps its object, so that nothing below it renders again.
  let rows = reset.rows.map((row) => {
    const id = String(row.id);
    return old.has(id) && oldVersions.get(id) === w.versions.get(id) ? old.get(id) : row;
  });
  w.kept = w.kept.filter((patch) => patch.seq > reset.seq);
  let mustAsk = w.lost > reset.seq;
  w.lost = -1;
  for (const patch of w.kept) {
    const [next, ask] = patched(w, rows, patch);
    rows = next;
    mustAsk = mustAsk || ask;
  }
  show(w, { rows, isLoaded: true, total: reset.total ?? rows.length });
  if (mustAsk) askAgain(w);
}

function takeJoin(w, topic) {
  if (w.topic === topic) return;
  w.topic = topic;
  w.seq = -1;
  w.kept = [];
  w.lost = -1;
  w.versions = new Map();
  if (w.view !== NOTHING) show(w, { ...NOTHING });
}

export function applyStreams(delta) {
  for (const [key, op] of Object.entries(delta)) {
    const w = windowOf(key);
    if (op.join !== undefined) takeJoin(w, op.join);
    if (op.reset !== undefined) takeReset(w, op.reset);
    if (op.patch !== undefined) takePatch(w, op.patch);
  }
}

export function applyPage(delta) {
  if (delta.reload) {
    window.location.reload();
    return;
  }
  if (delta.title !== undefined) document.title = delta.title;
  if (delta.mounted) mountListeners.forEach((listener) => listener());
  for (const { kind, text } of delta.flash ?? []) {
    const toast = refs["__toast"];
    if (toast) (toast[kind] ?? toast)(text);
  }
}

export function applyForms(delta) {
  ackListeners.forEach((listener) => listener(delta));
}

export function register(dispatch) {
  dispatch["live_streams"] = applyStreams;
  dispatch["live_page"] = applyPage;
  dispatch["live_forms"] = applyForms;
}

export function onMounted(listener) {
  mountListeners.add(listener);
  return () => mountListeners.delete(listener);
}

export function onAcknowledged(listener) {
  ackListeners.add(listener);
  return () => ackListeners.delete(listener);
}

export function useStream(key) {
  const subscribe = useCallback(
    (listener) => {
      const w = windowOf(key);
      w.listeners.add(listener);
      return () => w.listeners.delete(listener);
    },
    [key],
  );
  return useSyncExternalStore(
    subscribe,
    () => windowOf(key).view,
    () => NOTHING,
  );
}
