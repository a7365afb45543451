"""Imports: from a file of contacts to contacts, in the open.

The public API of the context; nothing outside this package opens its tables.
Every function takes the caller's scope first and sees only that workspace.

A file is received into a private store and looked at; a person may change how it is read and where its
columns go, and starts it. A job stages every row and promotes it to a contact. Each row of the file
meets exactly one of six fates (created, updated, unchanged, merged, skipped, rejected), and the six add
up to the rows read. The same file again creates and updates nothing.

Topics:
    ``<workspace_id>:imports``: ImportsChanged, ImportBatchDiscarded; rows are batches, values
    ``running`` and ``today``
    ``<workspace_id>:import:<batch_id>``: ImportBatchProgressed, ImportBatchDiscarded; value ``batch``
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

from myapp import runtime
from myapp.accounts.scope import Role, Scope
from myapp.imports import announcements, previews, progress, queries, receipts, store
from myapp.imports.announcements import BATCH_CHANNEL, LIST_CHANNEL, batch_topic, list_topic
from myapp.imports.events import (
    ColumnView,
    ImportBatchDiscarded,
    ImportBatchPage,
    ImportBatchProgressed,
    ImportBatchView,
    ImportsChanged,
    PreviewView,
    RejectedPage,
    RejectedRow,
    Remark,
    RemarkPage,
)
from myapp.imports.field_names import Field
from myapp.imports.schemas import DONE, ImportBatch
from myapp.imports.store import FileTooLarge, StoreFull, StoreUnusable
from myapp.imports.unreadable import Unreadable
from myapp.kit.changeset import Attrs, Changeset
from myapp.kit.result import Error, Ok

__all__ = [
    "BATCH_CHANNEL",
    "LIST_CHANNEL",
    "BatchAlreadyStarted",
    "CannotImport",
    "ColumnView",
    "Field",
    "FileTooLarge",
    "ImportBatchDiscarded",
    "ImportBatchPage",
    "ImportBatchProgressed",
    "ImportBatchView",
    "ImportsChanged",
    "PreviewView",
    "RejectedPage",
    "RejectedRow",
    "Remark",
    "RemarkPage",
    "StoreFull",
    "StoreUnusable",
    "Unreadable",
    "batch_topic",
    "list_topic",
]

PAGE_SIZE = queries.PAGE_SIZE
DELIMITERS = previews.DELIMITERS
ENCODINGS = previews.ENCODINGS
_WATCH_S = 0.2


class BatchAlreadyStarted(RuntimeError):
    """This import has already been started; open it to follow its progress."""


class CannotImport(ValueError):
    """This file cannot be imported as it is."""


async def list_batches(scope: Scope, page: int = 1) -> ImportBatchPage:
    """Return one page of imports, the newest first; a page past the end is the last one."""
    async with runtime.repo.snapshot(scope):
        total = (await runtime.repo.rows(queries.count()))[0][0]
        pages = queries.total_pages(total, PAGE_SIZE)
        page = min(max(1, page), pages)
        found = await runtime.repo.all(queries.newest(page))
        seq = await runtime.repo.head(list_topic(scope))
    return ImportBatchPage(tuple(map(progress.view, found)), total, page, pages, seq)


async def list_running(scope: Scope) -> tuple[ImportBatchView, ...]:
    """Return the imports that wait for a worker or are at work."""
    async with runtime.repo.snapshot(scope):
        return tuple(map(progress.view, await runtime.repo.all(queries.running())))


async def count_rows_today(scope: Scope) -> int:
    """Return how many rows went into contacts today (UTC)."""
    async with runtime.repo.snapshot(scope):
        return await queries.rows_today()


async def get_batch(scope: Scope, batch_id: UUID) -> ImportBatchView:
    """Return one import; raises ``NotFound`` also for another workspace's."""
    async with runtime.repo.snapshot(scope):
        return progress.view(await runtime.repo.get(ImportBatch, batch_id))


async def preview(scope: Scope, batch_id: UUID) -> PreviewView:
    """Return how a file will be read, its first rows and where its columns go.

    Raises ``NotFound``, and ``Unreadable`` when the file has gone or cannot be read any more.
    """
    async with runtime.repo.snapshot(scope):
        batch = await runtime.repo.get(ImportBatch, batch_id)
    return await previews.read(batch)


async def rejected_rows(scope: Scope, batch_id: UUID, page: int = 1) -> RejectedPage:
    """Return one page of the rejected rows with their reasons; raises ``NotFound``."""
    async with runtime.repo.snapshot(scope):
        batch = await runtime.repo.get(ImportBatch, batch_id)
        return await receipts.rejected(batch, page)


def stream_rejected_csv(scope: Scope, batch_id: UUID) -> AsyncIterator[bytes]:
    """Yield the rejected rows as a CSV file: the original columns, line and reason.

    Cells a spreadsheet would run as formulas are neutralised. Raises ``NotFound`` at the first piece.
    """
    return receipts.rejected_csv(scope, batch_id)


async def remarks(scope: Scope, batch_id: UUID, page: int = 1) -> RemarkPage:
    """Return one page of what was not taken over or done in passing; raises ``NotFound``."""
    async with runtime.repo.snapshot(scope):
        batch = await runtime.repo.get(ImportBatch, batch_id)
        return await receipts.remarks(batch, page)


async def receive_upload(scope: Scope, filename: str, chunks: AsyncIterator[bytes]) -> Any:
    """Store a file as it arrives, look into it and make it a batch: ``Ok(ImportBatchView)``.

    Broadcasts ``ImportsChanged``. A file that cannot be read is an error on ``file``, in words. Raises
    ``FileTooLarge``, ``StoreFull``, or what ``chunks`` raises; nothing stays of such a file.
    """
    scope.require(Role.MEMBER)
    stored = await store.receive(chunks)
    try:
        batch = await previews.first_look(scope, filename, stored)
        async with runtime.repo.transaction(scope):
            await runtime.repo.add_all([batch])
            return Ok(await announcements.announce(scope, batch))
    except Unreadable as error:
        await store.remove(stored.name)
        return Error(Changeset({}, types={"file": str}).add_error("file", error.message))
    except BaseException:
        await asyncio.shield(store.remove(stored.name))
        raise


async def update_reading(scope: Scope, batch_id: UUID, attrs: Attrs) -> Any:
    """Read an uploaded file another way (encoding, delimiter, has_header): ``Ok(PreviewView)``.

    The columns are mapped anew. Broadcasts ``ImportsChanged``. Raises ``NotFound``,
    ``BatchAlreadyStarted``.
    """
    scope.require(Role.MEMBER)
    async with runtime.repo.transaction(scope):
        batch = await _uploaded(batch_id)
        changeset = await previews.read_anew(batch, attrs)
        if not changeset.is_valid:
            return Error(changeset)
        await _save(scope, changeset)
    return Ok(await previews.read(batch))


async def update_mapping(scope: Scope, batch_id: UUID, attrs: Attrs) -> Any:
    """Say which field a column goes to: ``Ok(PreviewView)``.

    ``attrs`` holds fields by the number of their column, or all of them as ``fields``. Broadcasts
    ``ImportsChanged``. Raises ``NotFound``, ``BatchAlreadyStarted``.
    """
    scope.require(Role.MEMBER)
    async with runtime.repo.transaction(scope):
        batch = await _uploaded(batch_id)
        changeset = previews.mapped_anew(batch, attrs)
        if not changeset.is_valid:
            return Error(changeset)
        await _save(scope, changeset)
    return Ok(await previews.read(batch))


async def start_import(scope: Scope, batch_id: UUID) -> Any:
    """Have an uploaded file imported in the background: ``Ok(ImportBatchView)``.

    Broadcasts ``ImportBatchProgressed``. A mapping that cannot be used is an error on ``fields``.
    Imports of one workspace run one after the other. Raises ``NotFound``, ``BatchAlreadyStarted``.
    """
    scope.require(Role.MEMBER)
    async with runtime.repo.transaction(scope):
        batch = await _uploaded(batch_id)
        changeset = previews.mapped_anew(batch, {})
        if not changeset.is_valid:
            return Error(changeset)
        changeset.put("phase", "waiting")
        view = await _save(scope, changeset)
        await runtime.jobs.enqueue(
            scope,
            "imports.process_batch",
            lock=f"imports:{scope.workspace_id}",
            batch_id=str(batch_id),
        )
    return Ok(view)


async def cancel_import(scope: Scope, batch_id: UUID) -> ImportBatchView:
    """Stop an import: at once where no worker has it, else with the chunk at work.

    What was imported stays. Broadcasts ``ImportBatchProgressed``; one that has ended stays as it is.
    Raises ``NotFound``.
    """
    scope.require(Role.MEMBER)
    async with runtime.repo.transaction(scope):
        batch = await runtime.repo.get(ImportBatch, batch_id, lock=True)
        if batch.phase in DONE or batch.phase == "cancelling":
            return progress.view(batch)
        if batch.phase == "uploaded":
            await _discard(scope, batch)
            return progress.view(batch)
        return await _save(scope, ImportBatch.cancel(batch))


async def delete_batch(scope: Scope, batch_id: UUID) -> None:
    """Throw an uploaded file away before its import.

    Broadcasts ``ImportBatchDiscarded``. Raises ``NotFound``, ``BatchAlreadyStarted``.
    """
    scope.require(Role.MEMBER)
    async with runtime.repo.transaction(scope):
        await _discard(scope, await _uploaded(batch_id))


async def import_path(scope: Scope, path: Path, *, wait: bool = False) -> ImportBatchView:
    """Import a file of this machine as a person would in the browser.

    With ``wait`` this process works, too, until the import has ended. Raises ``CannotImport`` with the
    words a person would see, ``FileTooLarge``, ``StoreFull``.
    """
    received = await receive_upload(scope, path.name, _pieces(path))
    batch = _or_raise(received)
    started = _or_raise(await start_import(scope, UUID(batch.id)))
    return await _worked_through(scope, UUID(started.id)) if wait else started


def upload_limit() -> int:
    """Return how many bytes a file may have."""
    return runtime.settings.upload_max_bytes


async def check_store() -> None:
    """Ask at start whether uploads can be stored; raises ``StoreUnusable``."""
    await store.check()


async def _uploaded(batch_id: UUID) -> ImportBatch:
    batch = await runtime.repo.get(ImportBatch, batch_id, lock=True)
    if batch.phase != "uploaded":
        raise BatchAlreadyStarted(BatchAlreadyStarted.__doc__)
    return batch


async def _save(scope: Scope, changeset: Changeset[ImportBatch]) -> ImportBatchView:
    changeset.put("version", changeset.data.version + 1)
    batch = (await runtime.repo.update(changeset)).unwrap()
    return await announcements.announce(scope, batch)


async def _discard(scope: Scope, batch: ImportBatch) -> None:
    await runtime.repo.delete(batch)
    # The row goes first: a file without a row is rubbish, a row without its file is a riddle.
    path = store.path_of(batch.stored_as)
    runtime.repo.after_commit(lambda: path.unlink(missing_ok=True))
    await announcements.announce_discarded(scope, batch.id, batch.version + 1)


def _or_raise(result: Any) -> ImportBatchView:
    match result:
        case Ok(batch):
            return batch
        case Error(changeset):
            words = [message for errors in changeset.errors.values() for message in errors]
            raise CannotImport(" ".join(words))
    raise TypeError("neither Ok nor Error")


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, 1 << 20):
            yield piece


async def _worked_through(scope: Scope, batch_id: UUID) -> ImportBatchView:
    working = asyncio.create_task(runtime.jobs.work(concurrency=1), name="imports.work")
    try:
        while not (batch := await get_batch(scope, batch_id)).is_done:
            await asyncio.wait([working], timeout=_WATCH_S)
            if working.done():
                working.result()
        return batch
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
