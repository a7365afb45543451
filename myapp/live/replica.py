"""A topic's replica in this process: its values, what changed since the last frame, and who looks.

Applying a message and saying what a member must be sent is all that happens here; reading, writing and
waiting are the hub's.
"""

import asyncio
import contextvars
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from myapp.kit.topics import JSON, Change, Channel, Message, Row, Topic

log = structlog.get_logger(__name__)

STREAMS = "live_streams"
BACKLOG_LIMIT = 1_000
SHARED_LIMIT = 32

started_at: contextvars.ContextVar[Mapping[str, int]] = contextvars.ContextVar("started_at")
"""The heads of the joined topics when the running handler began: no window it reads is older."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one State shows of a topic: its own vars by their name on the wire, its streams."""

    state: str
    fields: tuple[tuple[str, str], ...] = ()
    streams: tuple[str, ...] = ()
    is_informed: bool = False


Shape = tuple[Subscription, ...]


@dataclass(slots=True)
class Pending:
    """What changed since the last frame."""

    values: dict[str, JSON] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    is_stale: bool = False

    def __bool__(self) -> bool:
        return bool(self.values or self.rows or self.is_stale)


class Replica:
    """The state of one topic as all its members on this process see it."""

    def __init__(self, topic: Topic, channel: Channel) -> None:
        self.topic = topic
        self.name = str(topic)
        self.channel = channel
        self.sources = tuple(str(source) for source in channel.sources(topic))
        self.seq = 0
        self.values: dict[str, JSON] = {}
        self.members: dict[str, dict[str, Subscription]] = {}
        self.lagging: set[str] = set()
        self.pending = Pending()
        self.due_at = 0.0
        self.waiting = 0
        self.is_ready = False
        self.is_stale = False
        self.loaded_at = float("-inf")
        self.failures = 0
        self.job: asyncio.Task[None] | None = None
        self.backlog: list[Message] = []
        self.shared: OrderedDict[tuple[int, Any], tuple[float, asyncio.Future[Any]]] = OrderedDict()

    @property
    def is_derived(self) -> bool:
        """Whether the topic has no numbers of its own."""
        return bool(self.sources)

    @property
    def is_working(self) -> bool:
        """Whether a load or a catching-up is under way."""
        return self.job is not None and not self.job.done()

    def shape(self, sid: str) -> Shape:
        """Return what a member is subscribed to; members of one shape share every frame."""
        return tuple(self.members[sid].values())

    def hold_back(self, message: Message) -> None:
        """Keep a message that came while the snapshot or a gap is being read."""
        if len(self.backlog) < BACKLOG_LIMIT:
            self.backlog.append(message)

    def load(self, values: dict[str, JSON], seq: int) -> None:
        """Take a snapshot; members are sent what differs, and their streams ask again."""
        changed = {k: v for k, v in values.items() if k not in self.values or self.values[k] != v}
        had_members = self.is_ready and bool(self.members)
        if seq != self.seq and had_members and not self.is_derived:
            self.pending.is_stale = True
        self.values = dict(values)
        self.seq = seq
        self.pending.values.update(changed)
        self.is_ready = True

    def apply(self, message: Message) -> None:
        """Fold the next message in."""
        for name, data in message.events:
            self._take(self._fold(name, data))
        self.seq = message.seq

    def take_pending(self) -> Pending:
        """Return what changed and begin anew."""
        taken, self.pending = self.pending, Pending()
        return taken

    def _fold(self, name: str, data: dict[str, JSON]) -> Change:
        try:
            return self.channel.fold(name, data)
        except Exception:
            log.exception("fold_failed", topic=self.name, event_name=name)
            return Change(is_stale=True)

    def _take(self, change: Change) -> None:
        for name, value in change.values.items():
            if name not in self.values or self.values[name] != value:
                self.values[name] = self.pending.values[name] = value
        for row in change.rows:
            known = self.pending.rows.get(row.id)
            if known is None or row.version >= known.version:
                self.pending.rows[row.id] = row
        self.pending.is_stale = self.pending.is_stale or change.is_stale


def delta_of(
    shape: Shape, topic: str, seq: int, pending: Pending, *, is_joined: bool = False
) -> dict[str, dict[str, JSON]]:
    """Return what a member of this shape must be sent; empty when nothing concerns it."""
    delta: dict[str, dict[str, JSON]] = {}
    streams: dict[str, JSON] = {}
    op = _stream_op(topic, seq, pending, is_joined=is_joined)
    for subscription in shape:
        values = {
            attribute: pending.values[wire]
            for wire, attribute in subscription.fields
            if wire in pending.values
        }
        if values:
            delta[subscription.state] = values
        if op:
            streams.update(dict.fromkeys(subscription.streams, op))
    if streams:
        delta[STREAMS] = streams
    return delta


def _stream_op(topic: str, seq: int, pending: Pending, *, is_joined: bool) -> dict[str, JSON]:
    op: dict[str, JSON] = {}
    if is_joined:
        op["join"] = topic
    if pending.rows or pending.is_stale:
        rows = [[row.id, row.version, row.view] for row in pending.rows.values()]
        op["patch"] = {"seq": seq, "rows": rows, "stale": pending.is_stale}
    return op
