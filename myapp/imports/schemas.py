"""Tables of imports: batches and the staged rows of their files. Private to the context."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Index, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from myapp.kit.ids import uuid7
from myapp.kit.repo import WorkspaceOwned


def _time(**options: Any) -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True), **options)


def _json(**options: Any) -> Any:
    return Field(sa_type=JSONB, **options)


class ImportBatch(WorkspaceOwned, table=True):
    """One file on its way into the contacts, from upload to its receipt.

    ``cursor`` is how many rows are staged, ``promoted`` up to which row (ordinal) fates are given;
    both move only with the transaction that did the work, fenced by ``attempt``.
    """

    __tablename__ = "import_batches"
    __table_args__ = (Index("import_batches_by_time", "workspace_id", "inserted_at", "id"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    person_id: UUID | None = Field(
        default=None, foreign_key="people.id", index=True, ondelete="SET NULL"
    )
    filename: str
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str
    stored_as: str
    phase: str = "uploaded"
    dialect: dict[str, Any] = _json(default_factory=dict)
    columns: list[str] = _json(default_factory=list)
    mapping: dict[str, Any] = _json(default_factory=dict)
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    attempt: int = 0
    cursor: int = 0
    bytes_read: int = Field(default=0, sa_type=BigInteger)
    promoted: int = 0
    rows_read: int = 0
    rows_created: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_merged: int = 0
    rows_skipped: int = 0
    rows_rejected: int = 0
    problem: str | None = None
    version: int = 1
    started_at: datetime | None = _time()
    staged_at: datetime | None = _time()
    finished_at: datetime | None = _time()
    inserted_at: datetime = _time(
        sa_column_kwargs={"server_default": func.now(), "nullable": False}
    )


class ImportRow(WorkspaceOwned, table=True):
    """One record of a file: where it stands, its raw cells, what was read from them, its fate."""

    __tablename__ = "import_rows"
    __table_args__ = (
        Index("import_rows_by_key", "batch_id", "key", "ordinal"),
        Index("import_rows_rejected", "batch_id", "ordinal", postgresql_where="fate = 'rejected'"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    workspace_id: (
        UUID  # without a foreign key: the batch's guards it, at half the cost of an import
    )
    batch_id: UUID = Field(primary_key=True, foreign_key="import_batches.id", ondelete="CASCADE")
    ordinal: int = Field(primary_key=True)
    line: int
    cells: list[str] = Field(sa_type=ARRAY(Text))
    contact_id: UUID | None = None
    first_name: str | None = None
    last_name: str | None = None
    emails: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    phones: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    organization: str | None = None
    notes: str | None = None
    key: str | None = None
    fate: str | None = None
    remarks: list[Any] | None = _json(default=None, nullable=True)
