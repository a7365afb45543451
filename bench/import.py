"""How fast a file becomes contacts: 100,000 rows of five columns, from Start to finished in the database.

Each run has a fresh database and a worker process of its own, as in production; beside them, in the same
run, the raw COPY of the same file into a table without any index. Prints the machine and the ratios.

    python bench/import.py [--rows 100000] [--runs 3] [--memory]

``--memory`` imports once and prints how the worker's memory grew (use it with ``--rows 1000000``).
"""

import argparse
import asyncio
import csv
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
from alembic.config import Config as AlembicConfig

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alembic import command  # noqa: E402 (found from the root)
from myapp import accounts, application, config, imports  # noqa: E402
from myapp.imports import processing  # noqa: E402
from myapp.kit.embedded import EmbeddedPostgres, EmbeddedValkey  # noqa: E402

PEER_ROWS_PER_S = 51_500
PEER = "Phoenix 1.8, a changeset per row, measured on two cores"
FIRST = (
    "Ada",
    "Alan",
    "Barbara",
    "Carol",
    "Dorothy",
    "Edsger",
    "Emmy",
    "Frances",
    "Grace",
    "Hedy",
)
LAST = ("Adler", "Baker", "Castro", "Dahl", "Eriksen", "Fischer", "Garnier", "Hughes", "Ivanova")


def write_file(path: Path, rows: int) -> None:
    """Write contacts of 1,000 organizations: unique e-mail addresses on 50 domains, unique numbers."""
    chance = random.Random(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["first_name", "last_name", "email", "phone", "organization"])
        for number in range(rows):
            first, last = chance.choice(FIRST), f"{chance.choice(LAST)}{chance.randrange(1000)}"
            email = f"{first}.{last}.{number}@example{chance.randrange(50)}.com".lower()
            phone = f"+1202{2_000_000 + (number * 7919) % 7_999_999}"
            writer.writerow([first, last, email, phone, f"Organization {chance.randrange(1000)}"])


@contextmanager
def servers(folder: Path) -> Iterator[tuple[EmbeddedPostgres, EmbeddedValkey]]:
    """Run servers of our own, as the application runs them."""
    postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
    postgres.start()
    valkey.start()
    try:
        yield postgres, valkey
    finally:
        valkey.stop()
        postgres.stop()
        postgres.erase()


def fresh_database(postgres: EmbeddedPostgres, name: str) -> str:
    """Make an empty, migrated database and return its address."""
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" OWNER myapp')
    url = postgres.url(database=name)
    os.environ["DATABASE_URL"] = url
    command.upgrade(AlembicConfig(str(ROOT / "alembic.ini")), "head")
    return url


def raw_copy(url: str, path: Path) -> float:
    """COPY the file as it is into a bare table and return the seconds."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE raw (a text, b text, c text, d text, e text)")
        started = time.perf_counter()
        with (
            connection.cursor().copy("COPY raw FROM STDIN (FORMAT csv, HEADER)") as copy,
            path.open("rb") as file,
        ):
            while piece := file.read(1 << 18):
                copy.write(piece)
        seconds = time.perf_counter() - started
        connection.execute("DROP TABLE raw")
    return seconds


@contextmanager
def worker(checks: str) -> Iterator[subprocess.Popen]:
    """Run a worker process until the block ends."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--worker", checks], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.terminate()
        process.wait(20)


async def work(checks: str) -> None:
    """Be that worker process."""
    processing.process.__kwdefaults__["checks"] = checks
    async with application.worker_node(config.load()):
        print("working", flush=True)
        await asyncio.Event().wait()


async def timed_import(path: Path, process: subprocess.Popen) -> tuple[float, int, list[int]]:
    """Import the file through the queue; return seconds, steps of progress, the worker's memory."""
    async with application.services(config.load()):
        people = {"bench@example.com": accounts.Role.ADMIN}
        scope = await accounts.seed_workspace("Bench", "bench", people)
        batch = (await imports.receive_upload(scope, path.name, _pieces(path))).unwrap()
        batch_id, steps, memory = UUID(batch.id), set(), [rss_kib(process.pid)]
        started = time.perf_counter()
        await imports.start_import(scope, batch_id)
        while not batch.is_done:
            await asyncio.sleep(0.02)
            batch = await imports.get_batch(scope, batch_id)
            steps.add(batch.version)
            memory.append(rss_kib(process.pid))
        seconds = time.perf_counter() - started
    if batch.phase != "finished" or batch.rows_created != batch.rows_read:
        raise SystemExit(f"not imported: {batch}")
    return seconds, len(steps), memory


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def rss_kib(pid: int) -> int:
    """Return a process's resident memory, 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) if found else 0


def machine() -> str:
    """Return what was measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists() and (found := re.search(r"model name\s*: (.+)", info.read_text())):
        model = found[1]
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--worker", choices=("full", "fast"))
    options = parser.parse_args()
    if options.worker:
        asyncio.run(work(options.worker))
        return
    with tempfile.TemporaryDirectory(prefix="myapp-bench-") as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "contacts.csv"
        write_file(path, options.rows)
        os.environ.update(MYAPP_ENV="test", LOG_LEVEL="error", DATA_DIR=f"{folder}/data")
        os.environ["SECRET_KEY"] = "b" * 32
        with servers(Path(folder)) as (postgres, valkey):
            os.environ["REDIS_URL"] = valkey.url()
            if options.memory:
                _memory(postgres, path)
            else:
                _speed(postgres, path, options.rows, options.runs)


def _speed(postgres: EmbeddedPostgres, path: Path, rows: int, runs: int) -> None:
    print(f"{machine()}; {postgres.version()}")
    print(f"{rows:,} rows x 5 columns, {path.stat().st_size:,} bytes, median of {runs} runs")
    seconds: dict[str, list[float]] = {"full": [], "fast": [], "copy": []}
    steps = []
    for run in range(runs):
        for checks in ("full", "fast"):
            url = fresh_database(postgres, f"bench_{run}_{checks}")
            seconds["copy"].append(raw_copy(url, path))
            with worker(checks) as process:
                took, changes, _ = asyncio.run(timed_import(path, process))
            seconds[checks].append(took)
            steps.append(changes / took)
    raw = rows / statistics.median(seconds["copy"])
    print(f"raw COPY of the file:         {raw:>10,.0f} rows/s")
    for checks, words in (("full", "full validation"), ("fast", "same checks as the peer")):
        rate = rows / statistics.median(seconds[checks])
        spread = ", ".join(f"{each:.2f} s" for each in seconds[checks])
        print(
            f"{words + ':':<30}{rate:>10,.0f} rows/s = {rate / PEER_ROWS_PER_S:.2f} x peer,"
            f" 1/{raw / rate:.0f} of COPY ({spread})"
        )
    print(f"steps of progress seen:       {statistics.median(steps):>10,.1f} per second")
    print(f"peer:                         {PEER_ROWS_PER_S:>10,} rows/s ({PEER})")


def _memory(postgres: EmbeddedPostgres, path: Path) -> None:
    fresh_database(postgres, "bench_memory")
    with worker("full") as process:
        seconds, _, memory = asyncio.run(timed_import(path, process))
    tenth = max(1, len(memory) // 10)
    marks = " ".join(f"{each // 1024}" for each in memory[::tenth])
    print(f"{machine()}; finished in {seconds:.1f} s; worker's memory in MiB over time: {marks}")


if __name__ == "__main__":
    main()
