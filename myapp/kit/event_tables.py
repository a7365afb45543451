"""The kit's own tables: numbers and messages of topics, errors of jobs.

Read and written by textual statements in ``event_log`` and ``jobs``; declared here so that migrations
know them.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class TopicHead(SQLModel, table=True):
    """The number of a topic's last message."""

    __tablename__ = "topic_heads"

    topic: str = Field(primary_key=True)
    workspace_id: UUID
    seq: int = Field(sa_type=BigInteger)


class EventRow(SQLModel, table=True):
    """One numbered message: everything one transaction said on one topic, by whom and why."""

    __tablename__ = "events"
    __table_args__ = (Index("events_by_time", "inserted_at"),)

    topic: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    workspace_id: UUID
    payload: Any = Field(sa_type=JSONB)
    actor_id: UUID | None = None
    cause: Any = Field(sa_type=JSONB)
    inserted_at: datetime = Field(sa_type=DateTime(timezone=True))


class JobError(SQLModel, table=True):
    """What one run of a job ended with, when not well."""

    __tablename__ = "job_errors"
    __table_args__ = (Index("job_errors_by_job", "job_id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    job_id: int = Field(sa_type=BigInteger)
    attempt: int
    message: str
    inserted_at: datetime = Field(sa_type=DateTime(timezone=True))
