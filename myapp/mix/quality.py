"""The house's standards: ``check`` in seconds, ``test`` in minutes."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import typer

from myapp.mix import browser, frontend
from myapp.mix.terminal import Screen

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
_BIN = Path(sys.executable).parent
_CHECKS = {
    "format": ("ruff", "format", "--check", "--quiet", "--diff", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "types": ("ty", "check", "--output-format", "concise"),
    "imports": ("lint-imports", "--no-cache"),
    "dependencies": ("deptry", "."),
}
# Plugins found by themselves cost seconds at every start; these are the ones in use.
_PLUGINS = ("anyio", "xdist", "hypothesispytest", "time_machine")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check said."""

    name: str
    is_good: bool
    words: str
    duration_s: float


def check() -> None:
    """Check format, lint, types, import borders and dependencies."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(_look, _CHECKS.items()))
    for outcome in outcomes:
        verdict = "ok" if outcome.is_good else "FAILED"
        print(f"  {outcome.name:<14}{verdict:<8}{outcome.duration_s:5.1f} s")
    for outcome in outcomes:
        if not outcome.is_good:
            print(f"\n{outcome.name}:\n{outcome.words}")
    if not all(outcome.is_good for outcome in outcomes):
        raise typer.Exit(1)


def test(context: typer.Context) -> None:
    """Find a browser, build the UI, run the tests; arguments go on to pytest."""
    screen = Screen()
    with screen.step("Browser") as step:
        path = browser.find_or_install()
        step.text = f"Browser {path}"
    frontend.build_if_changed(screen)
    environment = {**os.environ, "CHROMIUM": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = [part for name in _PLUGINS for part in ("-p", name)]
    command = [sys.executable, "-m", "pytest", *plugins, *context.args]
    sys.stdout.flush()
    done = subprocess.run(command, check=False, cwd=frontend.ROOT, env=environment)  # noqa: S603
    raise typer.Exit(done.returncode)


def _look(named: tuple[str, tuple[str, ...]]) -> Outcome:
    name, (program, *arguments) = named
    begun = time.monotonic()
    done = subprocess.run(  # noqa: S603 (the tools of our own environment)
        [str(_BIN / program), *arguments],
        check=False,
        cwd=frontend.ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    words = (done.stdout + done.stderr).strip()
    return Outcome(name, done.returncode == 0, words, time.monotonic() - begun)
