"""Topics, the messages said on them, and what a message changes in a listener's replica.

A topic has one source of order: PostgreSQL numbers its messages (``event_log``), Redis only carries
copies for speed (``pubsub``). A context declares each kind of topic as a ``Channel``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Protocol, cast
from uuid import UUID

JSON = Any  # str | int | float | bool | None | list[JSON] | dict[str, JSON]: not expressible without noise


@dataclass(frozen=True, slots=True)
class Topic:
    """One stream of messages of one workspace; made by contexts from a scope, never from input."""

    workspace_id: UUID
    kind: str
    id: UUID | None = None

    def __str__(self) -> str:
        tail = f":{self.id}" if self.id else ""
        return f"{self.workspace_id}:{self.kind}{tail}"

    @classmethod
    def parse(cls, text: str) -> "Topic":
        """Read back what ``str`` wrote; raises ``ValueError`` for anything else."""
        workspace_id, kind, *rest = text.split(":")
        return cls(UUID(workspace_id), kind, UUID(rest[0]) if rest else None)


class Event(Protocol):
    """A fact in the past tense; a frozen dataclass with a wire name and JSON data."""

    @property
    def name(self) -> str:
        """The name on the wire, ``<context>.<Class>``."""
        ...

    def data(self) -> dict[str, JSON]:
        """Only what the audience may see, as JSON types."""
        ...


class Fact:
    """Base of events: frozen dataclasses whose fields are views and JSON values."""

    @property
    def name(self) -> str:
        """Return ``<context>.<Class>``: the context is the package that declares the event."""
        return f"{type(self).__module__.split('.')[1]}.{type(self).__name__}"

    def data(self) -> dict[str, JSON]:
        """Return the fields, views as mappings."""
        return {field.name: _json(getattr(self, field.name)) for field in fields(cast("Any", self))}


def _json(value: Any) -> JSON:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


@dataclass(frozen=True, slots=True)
class Row:
    """One keyed row of a shared list; ``view`` is None when the record is gone."""

    id: str
    version: int
    view: dict[str, JSON] | None


@dataclass(frozen=True, slots=True)
class Change:
    """What one event changes in a replica: absolute values, so that applying it twice is harmless."""

    values: Mapping[str, JSON] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """Everything one transaction said on one topic, under one number."""

    topic: str
    seq: int
    events: tuple[tuple[str, dict[str, JSON]], ...]


Loader = Callable[[Topic], Awaitable[tuple[dict[str, JSON], int]]]


def _no_sources(_topic: Topic) -> tuple[Topic, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Channel:
    """A kind of topic: how its messages fold and how its snapshot is read.

    ``load`` reads values and head number in one REPEATABLE READ transaction. A channel with
    ``sources`` is derived: it has no numbers of its own, any message on a source marks it stale,
    and ``load`` runs at most once per ``min_interval_s`` while somebody looks.
    """

    kind: str
    fold: Callable[[str, dict[str, JSON]], Change]
    load: Loader
    sources: Callable[[Topic], tuple[Topic, ...]] = _no_sources
    min_interval_s: float = 0.0


def ignore(_name: str, _data: dict[str, JSON]) -> Change:
    """Fold nothing: for derived channels, whose values come from their loader alone."""
    return Change()
