"""Pub/sub over Redis: copies of numbered messages, for speed alone.

Publishing never waits and never fails: what is lost here is healed by the numbers in PostgreSQL
(``event_log``). One consumer per process, the hub, reads ``messages``.

Usage::

    pubsub = PubSub("redis://127.0.0.1:6379/0")
    async with pubsub.run():
        await pubsub.subscribe("…:contacts")
        async for message in pubsub.messages(): ...

Telemetry: ``pubsub_connected`` and ``pubsub_lost`` in the log; ``is_connected`` for readiness.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from myapp.kit import event_log
from myapp.kit.topics import Message

log = structlog.get_logger(__name__)

PREFIX = "topic:"
_KEEP_ALIVE = "keep-alive"
_OUTBOX = 10_000
_RETRY_S = 0.2
_BATCH = 256
_LOST = (RedisError, OSError, asyncio.IncompleteReadError)


class PubSub:
    """One process's connection to the bus, both ways."""

    def __init__(self, url: str, *, prefix: str = PREFIX) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=2, health_check_interval=15)
        self._prefix = prefix
        self._topics: dict[str, asyncio.Event] = {}
        self._outbox: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_OUTBOX)
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._connection = None
        self.is_connected = False
        self.on_reconnect: list[Callable[[], None]] = []
        self.dropped = 0

    @contextlib.asynccontextmanager
    async def run(self, *, listen: bool = True) -> AsyncGenerator["PubSub"]:
        """Send, and receive when ``listen``, until the block is left; what waits is sent first."""
        tasks = [asyncio.create_task(self._send_loop(), name="pubsub.send")]
        if listen:
            tasks.append(asyncio.create_task(self._receive_loop(), name="pubsub.receive"))
        try:
            yield self
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._outbox.join(), timeout=1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._redis.aclose()

    def publish(self, topic: str, seq: int, payload: str) -> None:
        """Have a message sent soon; dropped when too many wait, since the numbers heal it."""
        try:
            self._outbox.put_nowait((topic, f"{seq} {payload}"))
        except asyncio.QueueFull:
            self.dropped += 1

    async def subscribe(self, topic: str) -> None:
        """Listen to a topic; returns when Redis confirmed it, or at once while Redis is away."""
        if topic in self._topics:
            return
        confirmed = self._topics[topic] = asyncio.Event()
        if not self.is_connected or self._connection is None:
            return
        try:
            await self._connection.subscribe(self._prefix + topic)
            async with asyncio.timeout(2):
                await confirmed.wait()
        except (*_LOST, TimeoutError):
            log.warning("pubsub_subscribe_unconfirmed", topic=topic)

    async def unsubscribe(self, topic: str) -> None:
        """Stop listening to a topic."""
        if self._topics.pop(topic, None) and self.is_connected and self._connection is not None:
            with contextlib.suppress(*_LOST):
                await self._connection.unsubscribe(self._prefix + topic)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives on the subscribed topics, for ever."""
        while True:
            yield await self._inbox.get()

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(await self._redis.execute_command("PING"))
        except _LOST:
            return False

    async def _send_loop(self) -> None:
        while True:
            batch = [await self._outbox.get()]
            while len(batch) < _BATCH and not self._outbox.empty():
                batch.append(self._outbox.get_nowait())
            try:
                pipeline = self._redis.pipeline(transaction=False)
                for topic, data in batch:
                    pipeline.publish(self._prefix + topic, data)
                await pipeline.execute()
            except _LOST:
                self.dropped += len(batch)
            finally:
                for _ in batch:
                    self._outbox.task_done()

    async def _receive_loop(self) -> None:
        while True:
            try:
                await self._receive()
            except _LOST as error:
                if self.is_connected:
                    log.warning("pubsub_lost", reason=str(error))
            finally:
                self.is_connected = False
                self._connection = None
            await asyncio.sleep(_RETRY_S)

    async def _receive(self) -> None:
        async with self._redis.pubsub() as connection:
            # Without a channel redis-py would not read at all; this one nobody publishes on.
            await connection.subscribe(
                self._prefix + _KEEP_ALIVE, *(self._prefix + topic for topic in self._topics)
            )
            self._connection = connection
            while True:
                item = await connection.get_message(timeout=10)
                if item is not None:
                    self._take(item)

    def _take(self, item: dict) -> None:
        topic = item["channel"].decode().removeprefix(self._prefix)
        if item["type"] == "message":
            seq, _, payload = item["data"].partition(b" ")
            self._inbox.put_nowait(event_log.decode(topic, int(seq), payload))
        elif item["type"] == "subscribe":
            if topic == _KEEP_ALIVE:
                self._came_back()
            elif confirmed := self._topics.get(topic):
                confirmed.set()

    def _came_back(self) -> None:
        self.is_connected = True
        log.info("pubsub_connected", topics=len(self._topics))
        for callback in self.on_reconnect:
            callback()
