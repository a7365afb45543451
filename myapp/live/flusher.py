"""Frames out: what changed in a topic, encoded once per shape of subscription and written to all.

The first change leaves at once, then at most one frame per topic in ``flush_s``. A browser whose socket
is full is skipped and, once drained, gets one picture of all values and a mark that its rows are stale.

Telemetry: the counters ``frames`` (encoded), ``deliveries`` (written), ``skips`` (slow browsers).
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from myapp.kit.topics import JSON
from myapp.live import reflex_seams
from myapp.live.replica import Pending, Replica, Shape, delta_of
from myapp.live.writer import Writer

_YIELD_EVERY = 256
_DRAIN_FLUSHES = 4

Frames = dict[tuple[bool, Shape], Any]


class Flusher:
    """Writes the changes of replicas to their members."""

    def __init__(self, *, flush_s: float) -> None:
        self._flush_s = flush_s
        self._dirty: dict[str, Replica] = {}
        self._wake = asyncio.Event()
        self.writer: Writer | None = None
        self.frames = self.deliveries = self.skips = 0

    @property
    def is_busy(self) -> bool:
        """Whether frames wait for their turn."""
        return bool(self._dirty)

    def mark(self, replica: Replica) -> None:
        """Have a replica's changes sent at the next turn."""
        if replica.pending:
            self._dirty[replica.name] = replica
            self._wake.set()

    def forget(self, replica: Replica) -> None:
        """Send nothing more of a replica that was dropped."""
        self._dirty.pop(replica.name, None)

    def send(self, sid: str, delta: Mapping[str, Mapping[str, JSON]]) -> None:
        """Write a delta to one browser, in order with everything else it is sent."""
        frame = self._frame(delta)
        if frame is not None and self.writer is not None:
            self.writer.write(sid, frame)
            self.deliveries += 1

    def send_picture(self, replica: Replica, sid: str, shape: Shape) -> None:
        """Write all values of a topic to a browser that joined it."""
        everything = Pending(dict(replica.values))
        self.send(sid, delta_of(shape, replica.name, replica.seq, everything, is_joined=True))

    async def run(self) -> None:
        """Send what is due, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            now = loop.time()
            for replica in [each for each in self._dirty.values() if each.due_at <= now]:
                self._dirty.pop(replica.name, None)
                await self._flush(replica)
            if self._dirty:
                due = min(replica.due_at for replica in self._dirty.values())
                loop.call_at(due, self._wake.set)

    async def _flush(self, replica: Replica) -> None:
        pending, frames = replica.take_pending(), Frames()
        replica.due_at = asyncio.get_running_loop().time() + self._flush_s
        # The number these changes lead to: more may be applied between two members.
        seq = replica.seq
        for count, sid in enumerate(list(replica.members if pending else replica.lagging), start=1):
            if sid in replica.members:
                self._deliver(replica, sid, seq, pending, frames)
            if count % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        if replica.lagging:
            replica.due_at += (_DRAIN_FLUSHES - 1) * self._flush_s
            self._dirty[replica.name] = replica

    def _deliver(
        self, replica: Replica, sid: str, seq: int, pending: Pending, frames: Frames
    ) -> None:
        assert self.writer is not None
        if self.writer.is_slow(sid):
            replica.lagging.add(sid)
            self.skips += 1
            return
        was_lagging = sid in replica.lagging
        replica.lagging.discard(sid)
        key = (was_lagging, replica.shape(sid))
        if key not in frames:
            what = Pending(dict(replica.values), is_stale=True) if was_lagging else pending
            frames[key] = self._frame(delta_of(key[1], replica.name, seq, what))
        if frames[key] is not None:
            self.writer.write(sid, frames[key])
            self.deliveries += 1

    def _frame(self, delta: Mapping[str, Mapping[str, JSON]]) -> Any:
        if not delta or self.writer is None:
            return None
        self.frames += 1
        return self.writer.frame(reflex_seams.encode(delta))
