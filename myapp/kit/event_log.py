"""The event log: PostgreSQL gives each topic's messages their numbers.

As the last statements before COMMIT the repo appends one row per topic and transaction. The row lock
on ``topic_heads`` lasts from there to COMMIT, so numbers have no gaps and follow commit order; topics
are sorted, so two transactions never wait for each other in a circle. No sequence (it would run ahead
of commits) and no NOTIFY (it serialises them).
"""

import json
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from myapp.kit.topics import JSON, Message

KEEP_HOURS = 24
KEEP_PER_TOPIC = 10_000

_APPEND = text("""
    WITH head AS (
        INSERT INTO topic_heads (topic, workspace_id, seq) VALUES (:topic, :workspace_id, 1)
        ON CONFLICT (topic) DO UPDATE SET seq = topic_heads.seq + 1
        RETURNING seq
    )
    INSERT INTO events (topic, seq, workspace_id, payload, actor_id, cause, inserted_at)
    SELECT :topic, seq, :workspace_id, CAST(:payload AS jsonb), :actor_id, CAST(:cause AS jsonb), now()
    FROM head
    RETURNING seq
""")
_HEADS = text("SELECT topic, seq FROM topic_heads WHERE topic = ANY(:topics)")
_SINCE = text("""
    SELECT seq, payload FROM events WHERE topic = :topic AND seq > :seq ORDER BY seq LIMIT :limit
""")
_PRUNE = text("""
    DELETE FROM events e USING topic_heads h
    WHERE h.topic = e.topic
      AND (e.inserted_at < now() - make_interval(hours => :hours) OR e.seq <= h.seq - :per_topic)
""")
_GAP_LIMIT = 1_000


def encode(events: Sequence[tuple[str, dict[str, JSON]]]) -> str:
    """Return the payload of one message, as stored and as sent."""
    return json.dumps(events, separators=(",", ":"), ensure_ascii=False, default=str)


def decode(topic: str, seq: int, payload: Any) -> Message:
    """Read a stored or sent payload back."""
    events = json.loads(payload) if isinstance(payload, str | bytes) else payload
    return Message(topic, seq, tuple((name, data) for name, data in events))


async def append(
    session: AsyncSession,
    topic: str,
    payload: str,
    *,
    workspace_id: Any,
    actor_id: Any,
    cause: str,
) -> int:
    """Append one message in the session's transaction and return its number."""
    row = await session.execute(
        _APPEND,
        {
            "topic": topic,
            "workspace_id": workspace_id,
            "payload": payload,
            "actor_id": actor_id,
            "cause": cause,
        },
    )
    return row.scalar_one()


async def head(session: AsyncSession, topic: str) -> int:
    """Return a topic's number as the session's snapshot sees it; 0 before its first message."""
    rows = await session.execute(_HEADS, {"topics": [topic]})
    found = rows.first()
    return found.seq if found else 0


class EventLog:
    """Reads numbers and messages back; used by whoever keeps a replica of topics."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def heads(self, topics: Collection[str]) -> dict[str, int]:
        """Return the number of each topic; a topic nobody spoke on is 0."""
        if not topics:
            return {}
        async with self._reading() as connection:
            rows = await connection.execute(_HEADS, {"topics": list(topics)})
            found = {row.topic: row.seq for row in rows}
        return {topic: found.get(topic, 0) for topic in topics}

    async def since(self, topic: str, seq: int) -> list[Message] | None:
        """Return the messages after ``seq`` in order, or None where some are pruned or too many."""
        async with self._reading() as connection:
            result = await connection.execute(
                _SINCE, {"topic": topic, "seq": seq, "limit": _GAP_LIMIT + 1}
            )
            rows = result.all()
            heads = (await connection.execute(_HEADS, {"topics": [topic]})).first()
        if len(rows) > _GAP_LIMIT:
            return None
        last = heads.seq if heads else 0
        if last > seq and (not rows or rows[0].seq != seq + 1):
            return None
        return [decode(topic, row.seq, row.payload) for row in rows]

    async def prune(self) -> int:
        """Delete messages past ``KEEP_HOURS`` or beyond ``KEEP_PER_TOPIC`` and return how many."""
        async with self._engine.begin() as connection:
            result = await connection.execute(
                _PRUNE, {"hours": KEEP_HOURS, "per_topic": KEEP_PER_TOPIC}
            )
            return result.rowcount

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[AsyncConnection]:
        # Two reads need no BEGIN and COMMIT around them: half the round trips of the head check.
        async with self._engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")
