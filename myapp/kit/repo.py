"""The repo: the only door to PostgreSQL.

Statements run inside ``transaction(scope)`` or ``snapshot(scope)``; both are ambient, so a function
called within joins without being handed anything. No application code says ``commit``.

* **Two walls.** Every ORM statement on a workspace-owned table gets the scope's workspace added, and is
  refused without one. Textual SQL must name ``:workspace_id``; the repo binds it.
* **Effects ride on the transaction.** ``say`` collects messages; as the last statements before COMMIT the
  repo numbers them (``event_log``), after it they are published. What is said in a savepoint that rolls
  back, or in a transaction that fails, was never said.
* **A transaction belongs to its task.** One inherited by another task is refused: two tasks on one
  connection would interleave.

Telemetry: ``statements`` counts what ran in the current context, for tests that bound it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Executable, event, inspect, select, text
from sqlalchemy import Result as Rows
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlmodel import Field as Column
from sqlmodel import SQLModel, col

from myapp.kit import event_log
from myapp.kit.changeset import Changeset
from myapp.kit.pubsub import PubSub
from myapp.kit.result import Error, Ok
from myapp.kit.topics import JSON, Event, Topic

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=SQLModel)
_UNSCOPED = "repo_unscoped"


class NotFound(LookupError):
    """There is no such record in this workspace, or no longer."""


class NoScope(RuntimeError):
    """A statement on a workspace-owned table needs a scope with a workspace."""


class NoTransaction(RuntimeError):
    """Open ``repo.transaction(scope)`` or ``repo.snapshot(scope)`` around this call."""


class ForeignTransaction(RuntimeError):
    """This transaction was opened by another task; open one of your own."""


class ScopeLike(Protocol):
    """What the repo needs to know of who is asking."""

    @property
    def workspace_id(self) -> UUID | None:
        """The workspace every statement is bound to."""
        ...

    @property
    def actor_id(self) -> UUID | None:
        """Who is asking, for the event rows."""
        ...


class WorkspaceOwned(SQLModel):
    """Mixin of tables whose rows belong to one workspace.

    Each such table has an index or unique key that starts with ``workspace_id``.
    """

    workspace_id: UUID = Column(foreign_key="workspaces.id", ondelete="CASCADE")


@dataclass
class _Ambient:
    session: AsyncSession
    scope: ScopeLike
    task: asyncio.Task[Any] | None
    is_read_only: bool
    said: list[tuple[Topic, Event]] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)


_ambient: ContextVar[_Ambient | None] = ContextVar("repo_ambient", default=None)
_statements: ContextVar[list[str] | None] = ContextVar("repo_statements", default=None)


class Repo:
    """One process's pool and its transactions."""

    def __init__(
        self,
        url: str,
        pubsub: PubSub,
        *,
        pool_size: int = 10,
        pool_timeout_s: float = 5.0,
        cause: Callable[[], dict[str, JSON]] = dict,
    ) -> None:
        self.engine = _engine(url, pool_size, pool_timeout_s)
        self._pubsub = pubsub
        self._cause = cause

    @contextlib.asynccontextmanager
    async def transaction(self, scope: ScopeLike) -> AsyncGenerator[None]:
        """Open a transaction for ``scope``, or join the one that is open.

        Raises ``ForeignTransaction`` when the open one belongs to another task, and ``NoScope`` when
        it belongs to another workspace.
        """
        open_ = _ambient.get()
        if open_ is not None:
            _check_joinable(open_, scope)
            yield
            return
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            ambient = _Ambient(session, scope, asyncio.current_task(), is_read_only=False)
            token = _ambient.set(ambient)
            try:
                async with session.begin():
                    yield
                    await session.flush()
                    messages = await self._number(ambient)
            finally:
                _ambient.reset(token)
        for topic, seq, payload in messages:
            self._pubsub.publish(topic, seq, payload)
        for callback in ambient.after:
            callback()

    @contextlib.asynccontextmanager
    async def snapshot(self, scope: ScopeLike) -> AsyncGenerator[None]:
        """Open a REPEATABLE READ, READ ONLY transaction, or join the one that is open."""
        open_ = _ambient.get()
        if open_ is not None:
            _check_joinable(open_, scope)
            yield
            return
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            ambient = _Ambient(session, scope, asyncio.current_task(), is_read_only=True)
            token = _ambient.set(ambient)
            try:
                await session.connection(
                    execution_options={
                        "isolation_level": "REPEATABLE READ",
                        "postgresql_readonly": True,
                    }
                )
                yield
            finally:
                _ambient.reset(token)

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """Run a part that may fail alone; what was said in it is forgotten when it does."""
        ambient = self._here()
        said, after = len(ambient.said), len(ambient.after)
        try:
            async with ambient.session.begin_nested():
                yield
        except BaseException:
            del ambient.said[said:]
            del ambient.after[after:]
            raise

    async def say(self, scope: ScopeLike, topic: Topic, *events: Event) -> None:
        """Broadcast facts on a topic: with the open transaction's commit, else with one of its own."""
        ambient = _ambient.get()
        if ambient is None:
            async with self.transaction(scope):
                self._here().said.extend((topic, event_) for event_ in events)
            return
        _check_joinable(ambient, scope)
        ambient.said.extend((topic, event_) for event_ in events)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once the open transaction is committed; never when it is not."""
        self._here().after.append(callback)

    async def insert(self, changeset: Changeset[M]) -> Ok[M] | Error[Changeset[M]]:
        """Insert a valid changeset's record; a breached constraint it names becomes its error."""
        ambient = self._here()
        _check_changeset(changeset)
        _own(changeset.data, ambient.scope)
        return await self._write(changeset, ambient, add=True)

    async def update(self, changeset: Changeset[M]) -> Ok[M] | Error[Changeset[M]]:
        """Write a valid changeset's changes; a breached constraint it names becomes its error."""
        _check_changeset(changeset)
        return await self._write(changeset, self._here(), add=False)

    async def add_all(
        self, records: Sequence[SQLModel], *, across_workspaces: bool = False
    ) -> None:
        """Insert records the application made itself, without attributes from anyone.

        ``across_workspaces`` lets records that name their workspace in without a scope's.
        """
        ambient = self._here()
        for record in records if not across_workspaces else ():
            _own(record, ambient.scope)
        ambient.session.add_all(records)
        await ambient.session.flush()

    async def delete(self, record: SQLModel) -> None:
        """Delete a record that was read in this transaction."""
        session = self._here().session
        await session.delete(record)
        await session.flush()

    async def get(self, table: type[M], id_: Any, *, lock: bool = False) -> M:
        """Return one record by id; raises ``NotFound`` also for another workspace's."""
        found = await self.find(select(table).where(_key(table) == id_), lock=lock)
        if found is None:
            raise NotFound(NotFound.__doc__)
        return found

    async def find(self, statement: Any, *, lock: bool = False) -> Any:
        """Return the first row's entity, or None."""
        if lock:
            statement = statement.with_for_update().execution_options(populate_existing=True)
        result = await self._here().session.execute(statement)
        return result.scalars().first()

    async def all(self, statement: Any) -> list[Any]:
        """Return the entities (first column) of all rows."""
        result = await self._here().session.execute(statement)
        return list(result.scalars().all())

    async def rows(self, statement: Any) -> Sequence[Any]:
        """Return all rows as named tuples."""
        result = await self._here().session.execute(statement)
        return result.all()

    async def execute(self, statement: Executable) -> Rows[Any]:
        """Run an ORM or Core statement; the workspace is added where a table is owned by one."""
        return await self._here().session.execute(statement)

    async def sql(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Rows[Any]:
        """Run textual SQL with ``:workspace_id`` bound to the scope; it must name it."""
        ambient = self._here()
        if ":workspace_id" not in statement:
            raise NoScope("textual SQL must name :workspace_id")
        if ambient.scope.workspace_id is None:
            raise NoScope(NoScope.__doc__)
        return await ambient.session.execute(
            text(statement), {**(parameters or {}), "workspace_id": ambient.scope.workspace_id}
        )

    async def head(self, topic: Topic) -> int:
        """Return a topic's number as the open snapshot sees it."""
        return await event_log.head(self._here().session, str(topic))

    async def driver_connection(self) -> Any:
        """Return the psycopg connection of the open transaction: for COPY and for jobs."""
        ambient = self._here()
        await ambient.session.flush()
        connection: AsyncConnection = await ambient.session.connection()
        return (await connection.get_raw_connection()).driver_connection

    @contextlib.contextmanager
    def counting(self) -> Any:
        """Collect the statements the block runs; for tests that bound them."""
        ran: list[str] = []
        token = _statements.set(ran)
        try:
            yield ran
        finally:
            _statements.reset(token)

    async def ping(self) -> None:
        """Ask the database for an answer; raises what the driver raises."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()

    def _here(self) -> _Ambient:
        ambient = _ambient.get()
        if ambient is None:
            raise NoTransaction(NoTransaction.__doc__)
        if ambient.task is not asyncio.current_task():
            raise ForeignTransaction(ForeignTransaction.__doc__)
        return ambient

    async def _write(
        self, changeset: Changeset[M], ambient: _Ambient, *, add: bool
    ) -> Ok[M] | Error[Changeset[M]]:
        if not changeset.is_valid:
            return Error(changeset)
        try:
            async with self.savepoint():
                record = changeset.apply()
                if add:
                    ambient.session.add(record)
                await ambient.session.flush()
        except IntegrityError as error:
            diagnosis = getattr(error.orig, "diag", None)
            if not changeset.take_violation(getattr(diagnosis, "constraint_name", None)):
                raise
            return Error(changeset)
        return Ok(record)

    async def _number(self, ambient: _Ambient) -> list[tuple[str, int, str]]:
        by_topic: dict[str, list[tuple[str, dict[str, JSON]]]] = {}
        workspaces: dict[str, UUID] = {}
        for topic, event_ in ambient.said:
            by_topic.setdefault(str(topic), []).append((event_.name, event_.data()))
            workspaces[str(topic)] = topic.workspace_id
        cause = json.dumps(self._cause(), default=str) if by_topic else ""
        messages = []
        for topic in sorted(by_topic):
            payload = event_log.encode(by_topic[topic])
            seq = await event_log.append(
                ambient.session,
                topic,
                payload,
                workspace_id=workspaces[topic],
                actor_id=ambient.scope.actor_id,
                cause=cause,
            )
            messages.append((topic, seq, payload))
        return messages


def sqlalchemy_url(url: str) -> str:
    """Return a ``postgresql://`` address with the driver this project uses named in it."""
    return f"postgresql+psycopg://{url.partition('://')[2]}"


def _engine(url: str, pool_size: int, pool_timeout_s: float) -> AsyncEngine:
    engine = create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        pool_pre_ping=True,
        hide_parameters=True,  # people's addresses do not belong in a log line about an error
        pool_recycle=1800,
        connect_args={
            "connect_timeout": 5,
            "application_name": "myapp",
            # A statement whose process was killed must not go on holding its locks.
            "options": "-c client_connection_check_interval=2s",
        },
    )
    event.listen(engine.sync_engine, "before_cursor_execute", _count)
    return engine


def _count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
    ran = _statements.get()
    if ran is not None:
        ran.append(statement)


def _check_joinable(open_: _Ambient, scope: ScopeLike) -> None:
    if open_.task is not asyncio.current_task():
        raise ForeignTransaction(ForeignTransaction.__doc__)
    if open_.scope.workspace_id != scope.workspace_id:
        raise NoScope("the open transaction belongs to another workspace")


def _check_changeset(changeset: Any) -> None:
    if not isinstance(changeset, Changeset):
        raise TypeError("the repo writes changesets, so that nothing unchecked is written")


def _own(record: Any, scope: ScopeLike) -> None:
    if not isinstance(record, WorkspaceOwned):
        return
    if scope.workspace_id is None:
        raise NoScope(NoScope.__doc__)
    if getattr(record, "workspace_id", None) is None:
        record.workspace_id = scope.workspace_id
    elif record.workspace_id != scope.workspace_id:
        raise NoScope("the record belongs to another workspace")


def _key(table: type[SQLModel]) -> Any:
    return inspect(table).primary_key[0]


@event.listens_for(Session, "do_orm_execute")
def _add_workspace(state: ORMExecuteState) -> None:
    ambient = _ambient.get()
    if ambient is None or state.is_insert or state.is_column_load or state.is_relationship_load:
        return
    owned = [
        mapper.class_ for mapper in state.all_mappers if issubclass(mapper.class_, WorkspaceOwned)
    ]
    if not owned or state.execution_options.get(_UNSCOPED):
        return
    workspace_id = ambient.scope.workspace_id
    if workspace_id is None:
        raise NoScope(NoScope.__doc__)
    # Every owned table, not only those named here: related rows are loaded by the same options.
    state.statement = state.statement.options(
        *(
            with_loader_criteria(
                table, col(table.workspace_id) == workspace_id, include_aliases=True
            )
            for table in WorkspaceOwned.__subclasses__()
        )
    )


def across_workspaces(statement: Any) -> Any:
    """Mark a statement as one that may see every workspace: sign-in, recovery, maintenance."""
    return statement.execution_options(**{_UNSCOPED: True})
