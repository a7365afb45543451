"""The processing of a batch: taken over, read, promoted, ended. Private to the context.

Two things go on at once, each committing its own chunks: **reading** stages the rows of the file,
**promotion** turns staged rows into contacts, close behind. Each chunk moves its cursor in the same
transaction as its work, and only if the batch is still this attempt's and stands where the chunk began.
So it may be killed anywhere, stopped and woken, or run twice at once: nothing is lost or doubled.

Taking over ends the transactions of a former worker that still hold locks on the batch.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import structlog
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import col, select

from myapp import contacts, runtime
from myapp.accounts.scope import Scope
from myapp.contacts import ContactsImported, LostRace
from myapp.imports import announcements, queries, staging, store
from myapp.imports.row_values import Checks
from myapp.imports.schemas import FATES, ImportBatch
from myapp.imports.unreadable import Unreadable

log = structlog.get_logger(__name__)

PROMOTED_ROWS = 10_000
FIRST_ROWS = 1_000
STEP_S = 0.25
RACES_LOST = 20
VANISHED = "The uploaded file is no longer there; upload it again."
_RETRIED = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class TakenOver(RuntimeError):
    """Another worker has taken this import over."""


class FatesDoNotAddUp(AssertionError):
    """The fates of an import do not add up to the rows read; this is a mistake in the program."""


@dataclass
class Run:
    """One attempt at a batch: who works, how far the rows are staged, since when."""

    scope: Scope
    batch: ImportBatch
    checks: Checks = "full"
    staged: int = 0
    is_read: bool = False
    progress: asyncio.Condition = field(default_factory=asyncio.Condition)
    started: float = field(default_factory=time.monotonic)
    settled: int = 0
    step_rows: int = FIRST_ROWS

    def keep_pace(self, rows: int, seconds: float) -> None:
        """Choose the size of the next chunk so that people see a step every ``STEP_S``."""
        self.step_rows = max(FIRST_ROWS, min(2 * rows, round(rows * STEP_S / max(seconds, 1e-3))))

    @property
    def owned(self) -> dict[str, Any]:
        """The parameters that fence a statement."""
        return {"id": self.batch.id, "attempt": self.batch.attempt}


async def process(scope: Scope, batch_id: UUID, *, checks: Checks = "full") -> bool:
    """Work a batch through to its end; False when another worker has it, or it has ended before."""
    run = await _take_over(scope, batch_id, checks)
    if run is None:
        return True
    try:
        await _work(run)
    except TakenOver:
        return False
    except (DBAPIError, psycopg.Error):
        if not await _is_ours(run):
            return False
        raise
    except FileNotFoundError:
        await fail(run.scope, run.batch.id, VANISHED)
    except Unreadable as error:
        await fail(run.scope, run.batch.id, error.message)
    return True


async def fail(scope: Scope, batch_id: UUID, problem: str) -> None:
    """End a batch that cannot go on, with words for people; one that has ended stays as it is."""
    async with runtime.repo.transaction(scope):
        found = select(ImportBatch).where(col(ImportBatch.id) == batch_id)
        batch = await runtime.repo.find(found, lock=True)
        if batch is not None:
            owned = {"id": batch.id, "attempt": batch.attempt}
            await _end(scope, owned, "failed", problem)


async def _take_over(scope: Scope, batch_id: UUID, checks: Checks) -> Run | None:
    async with runtime.repo.transaction(scope):
        await runtime.repo.sql(queries.EVICT, {"id": batch_id})
    async with runtime.repo.transaction(scope):
        batch = await queries.batch_or_none(queries.TAKE_OVER, {"id": batch_id})
        if batch is None:
            return None
        await announcements.announce(scope, batch)
    run = Run(scope, batch, checks, staged=batch.cursor, is_read=batch.staged_at is not None)
    log.info("import_taken_over", batch_id=str(batch_id), attempt=batch.attempt)
    return run


async def _work(run: Run) -> None:
    if run.batch.phase != "cancelling":
        tasks = [asyncio.create_task(_read(run)), asyncio.create_task(_promote(run))]
        try:
            await asyncio.gather(*tasks)
        except _Cancelled:
            pass
        else:
            await _finish(run)
            return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    async with runtime.repo.transaction(run.scope):
        await _end(run.scope, run.owned, "cancelled", None)


class _Cancelled(Exception):
    """A person has cancelled the import."""


async def _read(run: Run) -> None:
    if not run.is_read:
        path = store.path_of(run.batch.stored_as)
        async for chunk in staging.read_chunks(path, run.batch, checks=run.checks):
            await _stage(run, chunk)
        async with _holding(run):
            staged = await queries.batch_or_none(queries.STAGED, run.owned)
            await _said(run, staged)
    async with run.progress:
        run.is_read = True
        run.progress.notify_all()


async def _stage(run: Run, chunk: staging.StagedChunk) -> None:
    async with _holding(run):
        connection = await runtime.repo.driver_connection()
        async with connection.cursor() as cursor, cursor.copy(staging.COPY) as copy:
            await copy.write(chunk.data)
        moved = await _move(
            run,
            "cursor",
            (run.staged, chunk.last),
            read=chunk.rows,
            by_phone=chunk.by_phone,
            skipped=chunk.skipped,
            rejected=chunk.rejected,
        )
        await _said(run, moved)
    async with run.progress:
        run.staged = chunk.last
        run.progress.notify_all()
    _check_cancelled(moved)


async def _promote(run: Run) -> None:
    done = run.batch.promoted
    while True:
        goal = done + min(run.step_rows, PROMOTED_ROWS)
        async with run.progress:
            await run.progress.wait_for(
                lambda: run.is_read or run.staged >= goal  # noqa: B023 (awaited at once)
            )
            upto = min(run.staged, goal)
        if upto == done:
            break
        started = time.monotonic()
        await _promote_chunk(run, "promoted", (done, upto))
        run.keep_pace(upto - done, time.monotonic() - started)
        done = upto
    await _promote_by_phone(run)


async def _promote_by_phone(run: Run) -> None:
    done = run.batch.promoted_by_phone
    while True:
        limit = min(run.step_rows, PROMOTED_ROWS)
        async with runtime.repo.snapshot(run.scope):
            parameters = queries.identified(run.batch.id, after=done, limit=limit)
            upto = (await runtime.repo.sql(queries.NEXT_BY_PHONE, parameters)).scalar_one()
        if upto is None:
            return
        await _promote_chunk(run, "promoted_by_phone", (done, upto))
        done = upto


async def _promote_chunk(run: Run, cursor: str, span: tuple[int, int]) -> None:
    for remaining in reversed(range(RACES_LOST)):
        try:
            moved = await _promote_once(run, cursor, span, is_contended=remaining < RACES_LOST - 1)
        except (LostRace, IntegrityError, DBAPIError) as error:
            # Somebody edited these very contacts at this moment: what he did is read again.
            if remaining == 0 or not _is_race(error):
                raise
            log.info("import_chunk_retried", batch_id=str(run.batch.id), reason=str(error)[:200])
        else:
            _check_cancelled(moved)
            return


def _is_race(error: Exception) -> bool:
    if isinstance(error, LostRace | IntegrityError):
        return True
    return isinstance(getattr(error, "orig", None), _RETRIED)


async def _promote_once(
    run: Run, cursor: str, span: tuple[int, int], *, is_contended: bool
) -> ImportBatch:
    scope, batch_id = run.scope, run.batch.id
    rows = queries.ROWS.format(
        kind="kind = 'p'" if cursor == "promoted_by_phone" else "kind <> 'p'"
    )
    spanned = queries.identified(batch_id, after=span[0], upto=span[1])
    async with _holding(run):
        counts = await contacts.upsert_incoming(
            scope, rows, queries.EARLIER, spanned, is_contended=is_contended
        )
        await runtime.repo.sql(queries.GIVE_RECEIPTS, queries.identified(batch_id))
        amended = 0
        if counts.changed_before:
            found = await runtime.repo.sql(queries.AMEND_RECEIPTS, queries.identified(batch_id))
            amended = found.rowcount  # ty: ignore[missing-attribute]
        fates = {
            "created": counts.created,
            "updated": counts.updated + amended,
            "unchanged": counts.unchanged - amended,
            "merged": counts.merged,
        }
        moved = await _move(run, cursor, span, rate=_rate(run, sum(fates.values())), **fates)
        moved = await _said(run, moved)
        if any(fates.values()):
            said = ContactsImported(str(batch_id), fates)
            await runtime.repo.say(scope, contacts.topic(scope), said)
    run.settled += sum(fates.values())
    return moved


def _rate(run: Run, rows: int) -> float | None:
    elapsed = time.monotonic() - run.started
    settled = run.settled + rows
    return settled / elapsed if elapsed > 0 and settled else None


async def _finish(run: Run) -> None:
    async with _holding(run):
        found = await runtime.repo.sql(queries.COUNT_FATES, queries.identified(run.batch.id))
        counted = {row.fate: row.count for row in found}
        batch = await _end(run.scope, run.owned, "finished", None)
        if batch is None:
            raise TakenOver(TakenOver.__doc__)
        kept = {fate: getattr(batch, f"rows_{fate}") for fate in FATES}
        if counted != {fate: count for fate, count in kept.items() if count}:
            raise FatesDoNotAddUp(f"{FatesDoNotAddUp.__doc__} {counted} {kept}")


async def _end(
    scope: Scope, owned: dict[str, Any], phase: str, problem: str | None
) -> ImportBatch | None:
    batch = await queries.batch_or_none(
        queries.FINISH, {**owned, "phase": phase, "problem": problem}
    )
    if batch is not None:
        await announcements.announce(scope, batch)
    return batch


async def _move(
    run: Run, cursor: str, span: tuple[int, int], *, rate: float | None = None, **counts: int
) -> ImportBatch | None:
    nothing = dict.fromkeys(("read", "by_phone", *FATES), 0)
    fence = {**run.owned, "from": span[0], "to": span[1], "rows_per_s": rate}
    return await queries.batch_or_none(
        queries.MOVE.format(cursor=cursor), {**nothing, **counts, **fence}
    )


async def _said(run: Run, batch: ImportBatch | None) -> ImportBatch:
    if batch is None:
        raise TakenOver(TakenOver.__doc__)
    await announcements.announce(run.scope, batch)
    return batch


def _check_cancelled(batch: ImportBatch | None) -> None:
    if batch is not None and batch.phase == "cancelling":
        raise _Cancelled


async def _is_ours(run: Run) -> bool:
    async with runtime.repo.snapshot(run.scope):
        return (await runtime.repo.sql(queries.OWNS, run.owned)).first() is not None


@asynccontextmanager
async def _holding(run: Run) -> AsyncGenerator[None]:
    async with runtime.repo.transaction(run.scope):
        await runtime.repo.sql(queries.HOLD, {"id": run.batch.id})
        yield
