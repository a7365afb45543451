"""``run`` as people use it: up on one port, down without a trace, back after a ``kill -9``.

The real application with a data directory of its own; the bundle is the project's.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from myapp.kit.embedded import EmbeddedPostgres, EmbeddedValkey, files
from myapp.mix import frontend

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not frontend.is_current(), reason="the UI is not built; `make test` does"),
]


class Running:
    """One ``run`` in a process group of its own, with everything it printed."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir, self.port = data_dir, port
        self.begun = time.monotonic()
        self.text = ""
        kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "myapp", "run"],
            cwd=ROOT,
            env={**kept, "PORT": str(port), "DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def until_up(self, timeout_s: float = 60) -> float:
        assert files.wait_until(
            lambda: f"http://localhost:{self.port}" in self.text or self.is_over, timeout_s
        ), self.text
        assert not self.is_over, self.text
        return time.monotonic() - self.begun

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def end(self, number: signal.Signals) -> tuple[int, float]:
        begun = time.monotonic()
        os.killpg(self.process.pid, number)
        code = self.process.wait(30)
        self._reader.join(30)
        return code, time.monotonic() - begun

    def programs(self) -> dict[str, int]:
        record = json.loads((self.data_dir / "run.lock").read_text())
        return {name: pid for name, (pid, _) in record["programs"].items()}

    def status(self, path: str = "/ready") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.text += line


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    data_dir = tmp_path_factory.mktemp("run")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield data_dir, port
    EmbeddedValkey(data_dir).stop()
    EmbeddedPostgres(data_dir).erase()


def servers_are_down(data_dir: Path) -> bool:
    postgres, valkey = EmbeddedPostgres(data_dir), EmbeddedValkey(data_dir)
    return not postgres.is_running and not valkey.is_running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_comes_up_on_one_port_and_leaves_nothing_behind(house, number) -> None:
    running = Running(*house)
    running.until_up()
    assert running.status() == 200
    programs = running.programs()
    assert set(programs) == {"server", "worker"}

    code, duration_s = running.end(number)

    assert code == 0, running.text
    assert duration_s < 10
    assert not any(files.is_alive(pid) for pid in programs.values())
    assert servers_are_down(house[0])
    assert "database system is shut down" in files.last_words(house[0] / "log" / "postgres.log")


def test_a_killed_run_takes_its_programs_along_and_the_next_one_recovers(house) -> None:
    first = Running(*house)
    first.until_up()
    programs = first.programs()
    first.end(signal.SIGKILL)
    assert files.wait_until(lambda: not any(files.is_alive(pid) for pid in programs.values()), 5), (
        "web and worker outlived the one who would stop them"
    )

    second = Running(*house)
    duration_s = second.until_up()

    assert second.status() == 200
    assert len(re.findall("found running", second.text)) == 2
    assert duration_s < 20  # 10 on a quiet machine; tests share theirs
    assert second.end(signal.SIGTERM)[0] == 0
    assert servers_are_down(house[0])


def test_a_killed_worker_a_killed_web_and_a_killed_database_come_back(house) -> None:
    running = Running(*house)
    running.until_up()
    try:
        before = running.programs()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        lock = EmbeddedPostgres(house[0]).home / "data" / "postmaster.pid"
        os.kill(int(lock.read_text().split("\n")[0]), signal.SIGKILL)

        def is_back() -> bool:
            now = running.programs()
            if set(now) != set(before) or set(now.values()) & set(before.values()):
                return False
            with contextlib.suppress(OSError):
                return running.status() == 200
            return False

        assert files.wait_until(is_back, 30), running.text
    finally:
        code, _ = running.end(signal.SIGTERM)
    assert code == 0
