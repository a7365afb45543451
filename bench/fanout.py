"""From one committed message to the last of many browsers: how long, and what it costs the server.

Starts PostgreSQL, Valkey and one real web process of its own, opens protocol browsers on one page from
a second process, and publishes from a third: a transaction that says one fact on the page's topic, each
heard by all before the next. Beside each line stands what Phoenix LiveView did on two cores (DESIGN §8).
Linux only: processor time and memory of the web process are read from /proc.

    python bench/fanout.py [--clients 100,1000] [--publishes 10] [--runs 3] [--page import|contacts]
"""

import argparse
import asyncio
import contextlib
import dataclasses
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

import machine

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Only now can the application be found.
from myapp import config, contacts, imports, runtime  # noqa: E402
from myapp.accounts import DEVELOPMENT_PASSWORD, Scope, scope_by_email  # noqa: E402
from myapp.application import console  # noqa: E402
from myapp.kit.embedded.postgres import EmbeddedPostgres  # noqa: E402
from myapp.kit.embedded.valkey import EmbeddedValkey  # noqa: E402
from myapp.kit.topics import Fact, Topic  # noqa: E402
from myapp.mix.frontend import BUNDLE  # noqa: E402

EMAIL = "admin@example.com"
WARM_UP = 20
PAUSE_S = 0.25  # longer than the hub's 100 ms between two frames of a topic
IDLE_S = 2.0
READY_S = 60.0
STOP_S = 8.0
PHOENIX = {
    "last": ("Phoenix", 19, 21),
    "cpu": ("Phoenix", 29, 34),
    "memory": ("Phoenix", 142, 142),
}


class Process:
    """A process spoken with by lines of JSON."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, **command: Any) -> None:
        """Send a command; the answer is read later."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Read one answer; raises ``RuntimeError`` when the process failed."""
        assert self._process.stdout is not None
        answer = json.loads(self._process.stdout.readline() or '{"error": "it ended"}')
        if "error" in answer or answer.get("lost"):
            raise RuntimeError(f"{self._process.args}: {answer}")
        return answer

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and read its answer."""
        self.tell(**command)
        return self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Web:
    """The web process under measurement."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "myapp", "server"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + READY_S
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self._ask("GET", "/ready").status == 200:
                    return self
            time.sleep(0.05)
        self._log.seek(0)
        said = self._log.read()[-2000:]
        self.__exit__()
        raise RuntimeError(f"the web process did not become ready: {said}")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def sign_in(self) -> str:
        """Sign in over HTTP and return the cookie."""
        form = urlencode({"email": EMAIL, "password": DEVELOPMENT_PASSWORD})
        answer = self._ask("POST", "/sign-in", form)
        cookie = answer.getheader("Set-Cookie")
        if answer.status != 303 or cookie is None:
            raise RuntimeError(f"signing in was answered with {answer.status}")
        return cookie.partition(";")[0]

    def cpu_s(self) -> float:
        """Return the processor time of all its threads so far, user and system."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in tasks) / 1e9

    def rss_kib(self) -> int:
        """Return its resident memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def _ask(self, method: str, path: str, body: str | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {
            "Origin": f"http://localhost:{self.port}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer


@dataclasses.dataclass(slots=True)
class Figures:
    """What one run measured with so many browsers."""

    last_ms: list[float] = dataclasses.field(default_factory=list)
    committed_ms: list[float] = dataclasses.field(default_factory=list)
    whole_ms: list[float] = dataclasses.field(default_factory=list)
    each_ms: list[float] = dataclasses.field(default_factory=list)
    cpu_us: float = 0.0
    kib: float = 0.0
    opened_per_s: float = 0.0
    frame_bytes: int = 0


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Run PostgreSQL and Valkey in a folder of their own, migrated and seeded; yield their versions."""
    folder = Path(tempfile.mkdtemp(prefix="myapp-bench-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user than root
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
        stack.callback(postgres.erase)
        for server in (postgres, valkey):
            stack.callback(server.stop)
            server.start()
        for name in ("HOST", "PUBLIC_URL", "ORIGINS", "UPLOADS_URL"):
            os.environ.pop(name, None)
        os.environ.update(
            DATABASE_URL=postgres.url(),
            REDIS_URL=valkey.url(),
            DATA_DIR=str(folder / "data"),
            MYAPP_ENV="development",
            LOG_LEVEL="warning",
            LOG_FORMAT="json",
            SECRET_KEY=config.random_secret(),
        )
        subprocess.run([sys.executable, "-m", "myapp", "migrate", "--seed"], cwd=ROOT, check=True)
        yield {"PostgreSQL": postgres.version(), "Valkey": valkey.version()}


def measure(page: str, clients: list[int], publishes: int) -> dict[int, Figures]:
    """Measure one fresh web process with growing numbers of browsers."""
    found: dict[int, Figures] = {}
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(Web(_free_port()))
        cookie = web.sign_in()
        publisher = stack.enter_context(Process(__file__, "--as-publisher", "--page", page))
        place = publisher.hear()
        with _browsers(web, cookie, place) as warm:
            warm.ask(open=WARM_UP)
            _publish(publisher, warm, "bench-warm", None)
        time.sleep(IDLE_S)
        crowd = stack.enter_context(_browsers(web, cookie, place))
        before, opened, numbers = web.rss_kib(), 0, count()
        for size in clients:
            figures = found[size] = Figures()
            answer = crowd.ask(open=size - opened)
            figures.opened_per_s = (size - opened) / answer["seconds"]
            opened = size
            idle = _idle_cpu(web)
            figures.kib = (web.rss_kib() - before) / size
            cpu, started = web.cpu_s(), time.monotonic()
            for _ in range(publishes):
                _publish(publisher, crowd, f"bench-{next(numbers):04}", figures)
                time.sleep(PAUSE_S)
            spent = web.cpu_s() - cpu - idle * (time.monotonic() - started)
            figures.cpu_us = spent * 1e6 / (size * publishes)
    return found


def report(runs: list[dict[int, Figures]], publishes: int) -> None:
    """Print the medians over all runs, beside the peer's."""
    by_size: dict[int, list[Figures]] = defaultdict(list)
    for run in runs:
        for size, figures in run.items():
            by_size[size].append(figures)
    for size, all_ in by_size.items():
        # The peer was measured with a thousand browsers; fewer are not compared.
        peer = PHOENIX if size == 1000 else {}
        frame = f"frames of {all_[0].frame_bytes} bytes"
        print(f"\n{size:,} browsers, {len(runs)} runs of {publishes} publishes, {frame}")
        last = [machine.median(each.last_ms) for each in all_]
        print(machine.line("publish -> last browser, median", last, "ms", peer=peer.get("last")))
        slowest = [machine.percentile(each.last_ms, 99) for each in all_]
        print(machine.line("publish -> last browser, slowest", slowest, "ms"))
        tail = [machine.percentile(each.each_ms, 99) for each in all_]
        print(machine.line("publish -> any browser, p99", tail, "ms"))
        whole = [machine.median(each.whole_ms) for each in all_]
        print(machine.line("  counted from before the transaction", whole, "ms"))
        committed = [machine.median(each.committed_ms) for each in all_]
        print(machine.line("  of which until COMMIT returned", committed, "ms"))
        cpu = [each.cpu_us for each in all_]
        print(machine.line("server CPU per delivery", cpu, "µs", peer=peer.get("cpu")))
        memory = [each.kib for each in all_]
        print(machine.line("memory per session", memory, "KiB", peer=peer.get("memory")))
        opened = [each.opened_per_s for each in all_]
        print(machine.line("pages opened per second", opened, "/s", digits=0))


Subject = tuple[dict[str, Any], Topic, Callable[[str], Fact]]


async def import_page(scope: Scope) -> Subject:
    """Return the page of an import that waits for a worker, its topic, and a step of its progress."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"Email\nada@example.com\n"

    uploaded = (await imports.receive_upload(scope, "fanout.csv", pieces())).unwrap()
    batch = (await imports.start_import(scope, UUID(uploaded.id))).unwrap()
    place = {
        "path": f"/w/{scope.workspace_slug}/imports/{batch.id}",
        "query": {"workspace": scope.workspace_slug, "batch_id": batch.id},
        "states": 2,  # Shell, ImportShow
    }

    def progressed(mark: str) -> Fact:
        return imports.ImportBatchProgressed(dataclasses.replace(batch, phase_text=mark))

    return place, imports.batch_topic(scope, UUID(batch.id)), progressed


async def contacts_page(scope: Scope) -> Subject:
    """Return the list of contacts, its topic, and a change of one row of it."""
    row = (await contacts.list_contacts(scope, contacts.ContactQuery())).rows[0]
    versions = count(row.version + 1)
    place = {
        "path": f"/w/{scope.workspace_slug}/contacts",
        "query": {"workspace": scope.workspace_slug},
        "states": 3,  # Shell, ContactIndex, ContactForm
    }

    def changed(mark: str) -> Fact:
        return contacts.ContactUpdated(
            dataclasses.replace(row, version=next(versions), organization=mark)
        )

    return place, contacts.topic(scope), changed


PAGES = {"import": import_page, "contacts": contacts_page}


async def publish_on_demand(page: str) -> None:
    """Say a fact on the page's topic for each line on standard input, in a transaction each."""
    async with console(config.load()):
        scope = await scope_by_email(EMAIL, "demo")
        place, topic, fact = await PAGES[page](scope)
        print(json.dumps(place), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            said = fact(json.loads(line)["mark"])
            started = time.monotonic()
            async with runtime.repo.transaction(scope):
                await runtime.repo.say(scope, topic, said)
            print(json.dumps({"started": started, "published": time.monotonic()}), flush=True)


def _publish(publisher: Process, crowd: Process, mark: str, figures: Figures | None) -> None:
    crowd.tell(mark=mark)
    said = publisher.ask(mark=mark)
    heard = crowd.hear()
    if figures is None:
        return
    times = heard["times"]
    figures.frame_bytes = heard["bytes"]
    figures.each_ms += [(each - said["published"]) * 1e3 for each in times]
    figures.last_ms.append((max(times) - said["published"]) * 1e3)
    figures.whole_ms.append((max(times) - said["started"]) * 1e3)
    figures.committed_ms.append((said["published"] - said["started"]) * 1e3)


def _browsers(web: Web, cookie: str, place: dict[str, Any]) -> Process:
    return Process(
        str(Path(__file__).with_name("browsers.py")),
        *("--port", str(web.port), "--cookie", cookie, "--path", place["path"]),
        *("--query", json.dumps(place["query"]), "--states", str(place["states"])),
    )


def _idle_cpu(web: Web) -> float:
    """Return the processor seconds per second the connected but silent server takes."""
    before, started = web.cpu_s(), time.monotonic()
    time.sleep(IDLE_S)
    return (web.cpu_s() - before) / (time.monotonic() - started)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", default="100,1000", help="how many browsers, in steps")
    parser.add_argument("--publishes", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--page", choices=PAGES, default="import", help="which page is open")
    parser.add_argument("--as-publisher", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.as_publisher:
        asyncio.run(publish_on_demand(given.page))
        return
    if not BUNDLE.exists():
        sys.exit("The web process serves a built UI: run `python -m myapp build` first.")
    clients = sorted(int(each) for each in given.clients.split(","))
    with servers() as versions:
        print(machine.describe(**versions), flush=True)
        runs = [measure(given.page, clients, given.publishes) for _ in range(given.runs)]
    report(runs, given.publishes)


if __name__ == "__main__":
    main()
