"""Replicas: the joined topics of this process, kept in the order of PostgreSQL's numbers.

The next number is applied, an old one dropped, a hole read from the event log, a pruned hole loaded again.
Every head check compares the numbers, which heals a wake-up lost after COMMIT and carries the app while
Redis is away. A derived topic has no numbers: a message on one of its sources marks it stale, and its
loader runs at most once per interval while somebody looks.

Telemetry: the counters ``loads`` and ``resyncs``; ``replica_load_failed`` in the log.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

import structlog

from myapp.kit.topics import Channel, Message, Topic
from myapp.live.errands import Errands
from myapp.live.flusher import Flusher
from myapp.live.replica import SHARED_LIMIT, Replica

log = structlog.get_logger(__name__)

_LOAD_ATTEMPTS = 3
_RETRY_S = 0.1
_SHARED_S = 2.0
_T = TypeVar("_T")


class Bus(Protocol):
    """The part of ``kit.pubsub.PubSub`` the hub listens through."""

    on_reconnect: list[Callable[[], None]]

    async def subscribe(self, topic: str) -> None:
        """Listen to a topic."""
        ...

    async def unsubscribe(self, topic: str) -> None:
        """Stop listening to a topic."""
        ...

    def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives, for ever."""
        ...


class Log(Protocol):
    """The part of ``kit.event_log.EventLog`` the hub heals from."""

    async def heads(self, topics: Collection[str]) -> dict[str, int]:
        """Return the number of each topic."""
        ...

    async def since(self, topic: str, seq: int) -> list[Message] | None:
        """Return the messages after a number, or None where some are pruned."""
        ...


class JoinFailed(Exception):
    """This page could not be connected to its live data; it is tried again when it is opened again."""


class Replicas:
    """Keeps the replicas of one process current."""

    def __init__(
        self,
        pubsub: Bus,
        event_log: Log,
        channels: Mapping[str, Channel],
        *,
        flusher: Flusher,
        errands: Errands,
        on_message: Callable[[Replica, Message], None],
    ) -> None:
        self._pubsub = pubsub
        self._event_log = event_log
        self._channels = dict(channels)
        self._flusher = flusher
        self._errands = errands
        self._on_message = on_message
        self._by_name: dict[str, Replica] = {}
        self._listened: Counter[str] = Counter()
        self._source_heads: dict[str, int] = {}
        self._listening = asyncio.Lock()
        self.check_now = asyncio.Event()
        self.resyncs = self.loads = 0
        pubsub.on_reconnect.append(self.check_now.set)

    @property
    def is_busy(self) -> bool:
        """Whether a snapshot or a hole is being read."""
        return any(replica.is_working for replica in self._by_name.values())

    def get(self, name: str) -> Replica | None:
        """Return a joined topic's replica by the topic's name."""
        return self._by_name.get(name)

    def enter(self, topic: Topic) -> Replica:
        """Return a topic's replica, made when nobody looked at it before."""
        name = str(topic)
        if (replica := self._by_name.get(name)) is None:
            channel = self._channels.get(topic.kind)
            if channel is None:
                raise JoinFailed(f"No channel is declared for the kind {topic.kind!r}.")
            replica = self._by_name[name] = Replica(topic, channel)
            for heard in replica.sources or (name,):
                self._listened[heard] += 1
                if replica.is_derived:
                    self._source_heads.setdefault(heard, -1)
        return replica

    async def ready(self, replica: Replica) -> None:
        """Wait until a replica has its snapshot; raises ``JoinFailed`` after three attempts."""
        for attempt in range(_LOAD_ATTEMPTS):
            if replica.is_ready:
                return
            if not replica.is_working:
                replica.job = self._errands.spawn(
                    self._first_load(replica), f"hub.load.{replica.name}"
                )
            job = replica.job
            assert job is not None
            await asyncio.wait([job])
            if not replica.is_ready and attempt + 1 < _LOAD_ATTEMPTS:
                await asyncio.sleep(_RETRY_S * 2**attempt)
        if not replica.is_ready:
            raise JoinFailed

    async def _first_load(self, replica: Replica) -> None:
        for heard in replica.sources or (replica.name,):
            async with self._listening:
                await self._pubsub.subscribe(heard)
        if replica.is_derived:
            heads = await self._event_log.heads(replica.sources)
            self._source_heads.update(heads)
        await self._load(replica)

    async def _load(self, replica: Replica) -> None:
        self.loads += 1
        replica.is_stale = False
        replica.loaded_at = asyncio.get_running_loop().time()
        work = self._errands.spawn(
            _awaited(replica.channel.load(replica.topic)), "hub.channel_load"
        )
        await asyncio.wait([work])
        if work.cancelled() or (error := work.exception()) is not None:
            replica.failures += 1
            replica.is_stale = True
            reason = None if work.cancelled() else error
            log.error("replica_load_failed", topic=replica.name, exc_info=reason)
            return
        replica.failures = 0
        values, seq = work.result()
        replica.load(values, seq)
        self._drain(replica)
        self._flusher.mark(replica)

    def _drain(self, replica: Replica) -> None:
        held, replica.backlog = replica.backlog, []
        for message in held:
            self._take(replica, message)

    def collect(self, replica: Replica) -> None:
        """Drop a replica nobody looks at."""
        if replica.members or replica.waiting or self._by_name.get(replica.name) is not replica:
            return
        del self._by_name[replica.name]
        self._flusher.forget(replica)
        if replica.job is not None:
            replica.job.cancel()
        for heard in replica.sources or (replica.name,):
            self._listened[heard] -= 1
            if not self._listened[heard]:
                del self._listened[heard]
                self._errands.spawn(self._stop_listening(heard), f"hub.unsubscribe.{heard}")
        heard_by = {source for other in self._by_name.values() for source in other.sources}
        for source in replica.sources:
            if source not in heard_by:
                self._source_heads.pop(source, None)

    async def _stop_listening(self, name: str) -> None:
        async with self._listening:
            if not self._listened.get(name):
                await self._pubsub.unsubscribe(name)

    async def check(self) -> None:
        """Compare the heads of all joined topics once: heals a wake-up that was lost after COMMIT."""
        names = [name for name, replica in self._by_name.items() if not replica.is_derived]
        names += self._source_heads
        before = {name: self._by_name[name].seq for name in names if name in self._by_name}
        for name, seq in (await self._event_log.heads(set(names)) if names else {}).items():
            replica = self._by_name.get(name)
            # A head below what stood here before the question was set back, by a restore for one.
            if replica is not None and (seq > replica.seq or seq < before.get(name, 0)):
                self._catch_up(replica)
            if name in self._source_heads and self._source_heads[name] != seq:
                self._source_heads[name] = seq
                self._mark_stale(name)
        for replica in list(self._by_name.values()):
            if replica.is_derived and replica.is_stale:
                self._refresh(replica)

    async def shared(
        self, topic: Topic, key: Any, loader: Callable[[], Coroutine[Any, Any, _T]]
    ) -> _T:
        """Return what the loader reads, once for all who ask the same at the same head of the topic.

        The key must hold everything the result depends on: filter, order, page, and what the person
        may see. Kept for two seconds at most, so that what no event announced is seen too.
        """
        replica = self._by_name.get(str(topic))
        if replica is None or replica.is_derived:
            return await loader()
        now, slot = asyncio.get_running_loop().time(), (replica.seq, key)
        kept = replica.shared.get(slot)
        if kept is None or now - kept[0] > _SHARED_S:
            kept = replica.shared[slot] = (now, self._errands.spawn(loader(), "hub.shared"))
            while len(replica.shared) > SHARED_LIMIT:
                replica.shared.popitem(last=False)
        try:
            return await asyncio.shield(kept[1])
        except BaseException:
            if kept[1].done() and replica.shared.get(slot) is kept:
                del replica.shared[slot]
            raise

    async def pump(self) -> None:
        """Take what arrives on the bus, for ever."""
        async for message in self._pubsub.messages():
            if (replica := self._by_name.get(message.topic)) is not None:
                self._take(replica, message)
            if message.topic in self._source_heads:
                self._source_heads[message.topic] = max(
                    message.seq, self._source_heads[message.topic]
                )
                self._mark_stale(message.topic)

    def _take(self, replica: Replica, message: Message) -> None:
        if replica.is_working and asyncio.current_task() is not replica.job:
            replica.hold_back(message)
        elif not replica.is_ready or message.seq <= replica.seq:
            return
        elif message.seq == replica.seq + 1:
            replica.apply(message)
            self._flusher.mark(replica)
            self._on_message(replica, message)
        elif asyncio.current_task() is replica.job:
            self.check_now.set()
        else:
            replica.hold_back(message)
            self._catch_up(replica)

    def _catch_up(self, replica: Replica) -> None:
        if not replica.is_working and replica.members:
            replica.job = self._errands.spawn(self._heal(replica), f"hub.heal.{replica.name}")

    async def _heal(self, replica: Replica) -> None:
        self.resyncs += 1
        missed = await self._event_log.since(replica.name, replica.seq)
        # An empty gap behind another head: the head was set back, by a restored database for one.
        if missed:
            for message in missed:
                self._take(replica, message)
            self._drain(replica)
        else:
            await self._load(replica)

    def _mark_stale(self, source: str) -> None:
        for replica in self._by_name.values():
            if source in replica.sources:
                replica.is_stale = True
                self._refresh(replica)

    def _refresh(self, replica: Replica) -> None:
        if not replica.is_working and replica.is_ready:
            replica.job = self._errands.spawn(
                self._keep_fresh(replica), f"hub.refresh.{replica.name}"
            )

    async def _keep_fresh(self, replica: Replica) -> None:
        loop = asyncio.get_running_loop()
        while replica.is_stale and replica.failures < _LOAD_ATTEMPTS:
            pause = replica.channel.min_interval_s + _RETRY_S * 2**replica.failures * bool(
                replica.failures
            )
            await asyncio.sleep(max(0.0, replica.loaded_at + pause - loop.time()))
            await self._load(replica)
        replica.failures = 0  # the head check begins anew


async def _awaited(work: Awaitable[_T]) -> _T:
    return await work
