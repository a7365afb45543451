"""A browser for the tests: one that is there, or one that is brought."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from myapp.mix.terminal import CannotRun

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_INSTALL_TIMEOUT_S = 300
_ASK_PLAYWRIGHT = (
    "from playwright.sync_api import sync_playwright as start\n"
    "with start() as playwright: print(playwright.chromium.executable_path)\n"
)


def find_or_install() -> str:
    """Return the path of a Chromium, installed if need be.

    Looks at $CHROMIUM, the usual names on PATH and Playwright's own; then asks Playwright to
    fetch its own and, as root on Debian, the distribution.
    """
    if named := os.environ.get("CHROMIUM"):
        if shutil.which(named) is None:
            raise CannotRun(f"CHROMIUM={named}: cannot be run", code=1)
        return named
    found = find()
    if found is None and _try([sys.executable, "-m", "playwright", "install", "chromium"]):
        found = find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _try(["apt-get", "update"])
        _try(["apt-get", "install", "--yes", "--no-install-recommends", "chromium"])
        found = find()
    if found is None:
        raise CannotRun(
            "no Chromium found: install one and set CHROMIUM to its path "
            "(`playwright install chromium` could not fetch it here)",
            code=1,
        )
    return found


def find() -> str | None:
    """Return the path of a Chromium that is already here."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    asked = subprocess.run(  # noqa: S603 (our own interpreter)
        [sys.executable, "-c", _ASK_PLAYWRIGHT], check=False, capture_output=True, text=True
    )
    path = asked.stdout.strip()
    # Its libraries may be missing: only a browser that starts is a browser.
    return path if path and Path(path).exists() and _try([path, "--version"]) else None


def _try(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603 (fixed commands)
            command,
            check=False,
            capture_output=True,
            timeout=_INSTALL_TIMEOUT_S,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
