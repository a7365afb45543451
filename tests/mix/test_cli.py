"""The command line: its list of tasks, and refusals of one line each."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TASKS = {
    "run",
    "check",
    "config",
    "dev",
    "server",
    "seed",
    "console",
    "worker",
    "topics",
    "migrate",
    "reset",
    "build",
    "rollback",
    "jobs",
    "import",
    "routes",
    "test",
}


def myapp(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [sys.executable, "-m", "myapp", *arguments],
        cwd=ROOT,
        env={**kept, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_every_task_and_imports_nothing_heavy() -> None:
    done = myapp("--help")
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert set(listed) >= TASKS
    script = "import sys, myapp.mix.cli; print({'reflex', 'sqlalchemy'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "set()"


def test_all_bad_settings_are_named_at_once() -> None:
    done = myapp("run", PORT="0", LOG_LEVEL="loud", REDIS_URL="http://x")
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "PORT",
        "REDIS_URL",
        "LOG_LEVEL",
    ]


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = myapp("run", PORT=port, DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"PORT={port}: already in use on 127.0.0.1; ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("listens", "reason"), [(False, "nothing listens there"), (True, "no answer")]
)
def test_an_unreachable_server_is_one_line_without_its_password(
    tmp_path: Path, *, listens: bool, reason: str
) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        if listens:
            mute.listen()
        place = f"127.0.0.1:{mute.getsockname()[1]}"
        begun = time.monotonic()
        done = myapp(
            "run",
            PORT=str(_free_port()),
            DATA_DIR=str(tmp_path),
            DATABASE_URL=f"postgresql://ada:hush@{place}/myapp",
            REDIS_URL="redis://:hush@127.0.0.1:1/0",
        )
    assert time.monotonic() - begun < 7
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"DATABASE_URL: PostgreSQL at {place}: {reason}",
        "REDIS_URL: Redis at 127.0.0.1:1: nothing listens there",
    ]
    assert "hush" not in done.stdout + done.stderr


def test_config_shows_the_settings_in_force_and_no_secret() -> None:
    done = myapp("config", DATABASE_URL="postgresql://ada:hush@db/myapp")
    assert done.returncode == 0
    assert "PORT" in done.stdout
    assert "hush" not in done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
