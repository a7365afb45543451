"""Imports whose worker is killed, stopped, woken: nothing is lost, nothing doubled."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from uuid import UUID

import anyio
import pytest

from myapp import contacts, imports
from myapp.config import Settings
from myapp.imports import processing, workers
from myapp.kit.jobs import Job
from tests.fixtures.imports import count_rows, csv_text, fates, people, started_fixture

pytestmark = pytest.mark.anyio

ROWS = 6_000
KILLS = 5
PATIENCE_S = 40


@contextlib.asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a worker process of its own and wait until it works; kill it at the end."""
    environment = {
        **os.environ,
        "MYAPP_ENV": "test",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "DATA_DIR": str(settings.data_dir),
        "SECRET_KEY": "k" * 32,
        "LOG_LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fixtures.worker_process",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        with anyio.fail_after(PATIENCE_S):
            assert await process.stdout.readline() == b"working\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until(scope, batch_id, condition):
    """Wait for a batch to be as asked and return it."""
    with anyio.fail_after(PATIENCE_S):
        while not condition(batch := await imports.get_batch(scope, batch_id)):
            await anyio.sleep(0.005)
    return batch


def settled(batch) -> int:
    return sum(fates(batch).values())


async def assert_exact(scope, batch_id, batch) -> None:
    """Every row has its fate once, every person is there once."""
    assert batch.phase == "finished"
    assert fates(batch) == {"created": ROWS, "merged": 100, "skipped": 100, "rejected": 100}
    assert batch.rows_read == settled(batch) == ROWS + 300
    assert await contacts.count_contacts(scope) == ROWS
    for table, count in (
        ("import_rows", ROWS + 300),
        ("import_receipts", ROWS + 100),
        ("contact_emails", ROWS),
        ("contact_phones", ROWS),
    ):
        assert await count_rows(scope, table) == count


def mixed_file() -> str:
    """Return a file whose rows meet four fates, mixed."""
    lines = people(ROWS).splitlines()
    repeated = lines[1:101]
    bad = [f"Bad,,bad{n},,," for n in range(100)]
    body = [*lines[1:], *repeated, *bad, *[",,,,,"] * 100]
    random.Random(4).shuffle(body)  # noqa: S311 (the same order every time)
    # The first rows decide what the columns hold.
    return "\n".join([lines[0], *sorted(body[:20], reverse=True), *body[20:]]) + "\n"


async def test_a_worker_killed_five_times_loses_and_doubles_nothing(scope, settings):
    batch_id = await started_fixture(scope, mixed_file())
    moments = random.Random(7)  # noqa: S311 (the same moments every time)
    percent = before = 0
    for _ in range(KILLS):
        async with worker(settings) as process:
            goal = before + ROWS // (KILLS + 3)
            batch = await until(scope, batch_id, lambda now, goal=goal: settled(now) >= goal)
            # Anywhere within a chunk: an arbitrary moment is what is tested, not a state waited for.
            await anyio.sleep(moments.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        batch = await imports.get_batch(scope, batch_id)
        assert batch.is_running
        assert batch.percent >= percent
        percent, before = batch.percent, settled(batch)
    async with worker(settings):
        batch = await until(scope, batch_id, lambda now: now.is_done)
    await assert_exact(scope, batch_id, batch)


async def test_a_stopped_worker_that_wakes_up_writes_nothing_twice(scope, settings):
    batch_id = await started_fixture(scope, mixed_file())
    async with worker(settings) as stopped:
        await until(scope, batch_id, lambda batch: settled(batch) > 500)
        stopped.send_signal(signal.SIGSTOP)
        async with worker(settings):
            # Woken while the other is at work, not after it.
            before = settled(await imports.get_batch(scope, batch_id))
            await until(scope, batch_id, lambda batch: settled(batch) > before + 500)
            stopped.send_signal(signal.SIGCONT)
            batch = await until(scope, batch_id, lambda now: now.is_done)
            await assert_exact(scope, batch_id, batch)
            again = await started_fixture(scope, people(10))
            await until(scope, again, lambda now: now.phase == "finished")
    assert await imports.get_batch(scope, batch_id) == batch


async def test_the_batch_ends_in_words_when_its_last_try_fails(scope, monkeypatch):
    async def broken(*_args, **_kwargs):
        raise ZeroDivisionError

    batch_id = await started_fixture(scope, csv_text([("Ada", "", "", "", "", "")]))
    monkeypatch.setattr(workers, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(processing, "_read", broken)
    job = Job(1, "imports.process_batch", {"batch_id": str(batch_id)}, 1, scope.workspace_id, None)
    with pytest.raises(ZeroDivisionError):
        await workers.process_batch.function(job)
    batch = await imports.get_batch(scope, UUID(str(batch_id)))
    assert (batch.phase, batch.problem) == ("failed", workers.GIVEN_UP)
