"""Where imports are announced, and what their listeners are told. Private to the context."""

from dataclasses import asdict
from uuid import UUID

from sqlmodel import col, select

from myapp import runtime
from myapp.accounts.scope import Scope
from myapp.imports import progress, queries
from myapp.imports.events import (
    ImportBatchDiscarded,
    ImportBatchProgressed,
    ImportBatchView,
    ImportsChanged,
    fold_batch,
    fold_list,
)
from myapp.imports.schemas import ImportBatch
from myapp.kit.topics import JSON, Channel, Topic


def batch_topic(scope: Scope, batch_id: UUID) -> Topic:
    """Return where one import is followed."""
    return Topic(workspace_of(scope), "import", batch_id)


def list_topic(scope: Scope) -> Topic:
    """Return where all imports of a workspace are followed."""
    return Topic(workspace_of(scope), "imports")


def workspace_of(scope: Scope) -> UUID:
    """Return the scope's workspace; imports belong to one."""
    if scope.workspace_id is None:
        raise ValueError("imports belong to a workspace; this scope has none")
    return scope.workspace_id


async def announce(scope: Scope, batch: ImportBatch) -> ImportBatchView:
    """Say on both topics, with the open transaction, that a batch moved on."""
    view = progress.view(batch)
    running, today = await summary()
    await runtime.repo.say(scope, batch_topic(scope, batch.id), ImportBatchProgressed(view))
    await runtime.repo.say(scope, list_topic(scope), ImportsChanged(view, running, today))
    return view


async def announce_discarded(scope: Scope, batch_id: UUID, version: int) -> None:
    """Say on both topics that an uploaded file was thrown away."""
    running, today = await summary()
    event = ImportBatchDiscarded(str(batch_id), version, running, today)
    await runtime.repo.say(scope, batch_topic(scope, batch_id), event)
    await runtime.repo.say(scope, list_topic(scope), event)


async def summary() -> tuple[tuple[dict, ...], int]:
    """Return the running imports as JSON and how many rows went in today."""
    running = await runtime.repo.all(queries.running())
    return tuple(asdict(progress.view(batch)) for batch in running), await queries.rows_today()


async def _load_batch(topic: Topic) -> tuple[dict[str, JSON], int]:
    async with runtime.repo.snapshot(Scope(topic.workspace_id)):
        found = await runtime.repo.find(select(ImportBatch).where(col(ImportBatch.id) == topic.id))
        view = None if found is None else asdict(progress.view(found))
        return {"batch": view}, await runtime.repo.head(topic)


async def _load_list(topic: Topic) -> tuple[dict[str, JSON], int]:
    async with runtime.repo.snapshot(Scope(topic.workspace_id)):
        running, today = await summary()
        return {"running": running, "today": today}, await runtime.repo.head(topic)


BATCH_CHANNEL = Channel("import", fold_batch, _load_batch)
LIST_CHANNEL = Channel("imports", fold_list, _load_list)
