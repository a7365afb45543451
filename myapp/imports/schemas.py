"""Tables of imports: batches, the staged rows of their files, and the receipts. Private to the context."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, DateTime, Index, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from myapp.kit.changeset import Changeset
from myapp.kit.ids import uuid7
from myapp.kit.repo import WorkspaceOwned

FATES = ("created", "updated", "unchanged", "merged", "skipped", "rejected")
RUNNING = ("waiting", "reading", "importing", "cancelling")
DONE = ("finished", "cancelled", "failed")


def _time(**options: Any) -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True), **options)


def _json(**options: Any) -> Any:
    return Field(sa_type=JSONB, **options)


def _texts() -> Any:
    return Field(default_factory=list, sa_type=ARRAY(Text))


class ImportBatch(WorkspaceOwned, table=True):
    """One file on its way into the contacts, from upload to its receipt.

    Three cursors, each an ordinal of the file and each moved only by the transaction that did the
    work, fenced by ``attempt``: ``cursor`` up to where rows are staged, ``promoted`` up to where they
    became contacts, ``promoted_by_phone`` the same for rows known by phone and name alone, which come
    last.
    """

    __tablename__ = "import_batches"
    __table_args__ = (
        Index("import_batches_by_time", "workspace_id", "inserted_at", "id"),
        CheckConstraint(
            "phase <> 'finished' OR rows_read = rows_created + rows_updated + rows_unchanged"
            " + rows_merged + rows_skipped + rows_rejected",
            name="import_batches_fates_add_up",
        ),
    )

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    person_id: UUID | None = Field(
        default=None, foreign_key="people.id", index=True, ondelete="SET NULL"
    )
    person_name: str = ""
    filename: str
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str
    stored_as: str
    phase: str = "uploaded"
    dialect: dict[str, Any] = _json(default_factory=dict)
    mapping: dict[str, Any] = _json(default_factory=dict)
    rows_estimated: int = 0
    attempt: int = 0
    cursor: int = 0
    promoted: int = 0
    promoted_by_phone: int = 0
    percent: int = 0
    rows_per_s: float = 0.0
    rows_read: int = 0
    rows_by_phone: int = 0
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

    @staticmethod
    def cancel(batch: "ImportBatch") -> Changeset["ImportBatch"]:
        """Return the changes of a cancel: a worker that has the batch ends it, else it ends now."""
        if batch.phase == "waiting":
            return Changeset(batch).put("phase", "cancelled").put("finished_at", datetime.now(UTC))
        return Changeset(batch).put("phase", "cancelling")


class ImportRow(WorkspaceOwned, table=True):
    """One record of a file: where it stands, its raw cells, what was read from them.

    Written once, by COPY, and never changed: what became of it is its receipt, unless ``fate`` says
    that it was skipped or rejected while reading. ``contact_id`` is the id its contact gets if it is
    new.
    """

    __tablename__ = "import_rows"
    __table_args__ = (
        Index("import_rows_rejected", "batch_id", "ordinal", postgresql_where="fate = 'rejected'"),
        Index(
            "import_rows_remarked", "batch_id", "ordinal", postgresql_where="remarks IS NOT NULL"
        ),
        Index("import_rows_by_phone", "batch_id", "ordinal", postgresql_where="kind = 'p'"),
    )

    workspace_id: (
        UUID  # without a foreign key: the batch's guards it, at half the cost of an import
    )
    batch_id: UUID = Field(primary_key=True)  # without one too: one check a row; discarded set-wise
    ordinal: int = Field(primary_key=True)
    line: int
    cells: list[str] = _texts()
    contact_id: UUID | None = None
    first_name: str | None = None
    last_name: str | None = None
    emails: list[str] = _texts()
    phones: list[str] = _texts()
    phone_keys: list[str] = _texts()
    organization: str | None = None
    notes: str | None = None
    kind: str | None = None
    hash: str | None = None
    fate: str | None = None
    problems: list[Any] | None = _json(default=None, nullable=True)
    remarks: list[Any] | None = _json(default=None, nullable=True)


class ImportReceipt(WorkspaceOwned, table=True):
    """What became of a row: its fate and its contact; never without the contact's own writing."""

    __tablename__ = "import_receipts"
    __table_args__ = (
        Index("import_receipts_by_contact", "contact_id"),
        Index(
            "import_receipts_remarked",
            "batch_id",
            "ordinal",
            postgresql_where="remarks IS NOT NULL",
        ),
    )

    workspace_id: UUID
    batch_id: UUID = Field(primary_key=True)
    ordinal: int = Field(primary_key=True)
    contact_id: UUID
    fate: str
    remarks: list[Any] | None = _json(default=None, nullable=True)
