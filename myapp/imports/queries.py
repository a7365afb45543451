"""What imports ask the database. Private to the context; every statement names the workspace."""

# ruff: noqa: S608 (statements are put together from constants of this file alone)

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func
from sqlmodel import col, select

from myapp import runtime
from myapp.imports.schemas import FATES, RUNNING, ImportBatch

PAGE_SIZE = 50
_FATES_TOTAL = " + ".join(f"rows_{fate}" for fate in FATES)
_READ_SHARE = 20

# One statement moves a batch on, and only the attempt that owns it, from the very place it started at:
# a worker that was taken over, or paused and woken, moves nothing. Percent is kept at its highest, so
# an estimate that was too low never sends the bar back.
MOVE = f"""
UPDATE import_batches SET
    {{cursor}} = :to, version = version + 1,
    rows_read = rows_read + :read, rows_by_phone = rows_by_phone + :by_phone,
    rows_created = rows_created + :created, rows_updated = rows_updated + :updated,
    rows_unchanged = rows_unchanged + :unchanged, rows_merged = rows_merged + :merged,
    rows_skipped = rows_skipped + :skipped, rows_rejected = rows_rejected + :rejected,
    rows_per_s = coalesce(CAST(:rows_per_s AS double precision), rows_per_s),
    percent = greatest(percent, least(99, CAST(
        {_READ_SHARE} * CASE WHEN staged_at IS NULL
            THEN (rows_read + :read) / greatest(rows_estimated, rows_read + :read, 1.0) ELSE 1 END
        + {100 - _READ_SHARE} * ({_FATES_TOTAL} + :created + :updated + :unchanged + :merged
            + :skipped + :rejected) / greatest(
                CASE WHEN staged_at IS NULL THEN rows_estimated ELSE 0 END, rows_read + :read, 1.0)
        - 0.5 AS integer)))
WHERE workspace_id = :workspace_id AND id = :id AND attempt = :attempt AND {{cursor}} = :from
    AND phase IN ('reading', 'importing', 'cancelling')
RETURNING *
"""

TAKE_OVER = """
UPDATE import_batches SET attempt = attempt + 1, version = version + 1,
    started_at = coalesce(started_at, now()),
    phase = CASE WHEN phase = 'cancelling' THEN phase
                 WHEN staged_at IS NULL THEN 'reading' ELSE 'importing' END
WHERE workspace_id = :workspace_id AND id = :id AND phase IN ('waiting', 'reading', 'importing', 'cancelling')
RETURNING *
"""

STAGED = """
UPDATE import_batches SET staged_at = now(), version = version + 1,
    phase = CASE WHEN phase = 'cancelling' THEN phase ELSE 'importing' END
WHERE workspace_id = :workspace_id AND id = :id AND attempt = :attempt AND staged_at IS NULL
RETURNING *
"""

FINISH = """
UPDATE import_batches SET phase = CAST(:phase AS text), problem = :problem, finished_at = now(), version = version + 1,
    percent = CASE WHEN CAST(:phase AS text) = 'finished' THEN 100 ELSE percent END
WHERE workspace_id = :workspace_id AND id = :id AND attempt = :attempt
    AND phase IN ('waiting', 'reading', 'importing', 'cancelling')
RETURNING *
"""

OWNS = """
SELECT 1 FROM import_batches
WHERE workspace_id = :workspace_id AND id = :id AND attempt = :attempt
"""

# A worker that was stopped in the middle of a transaction still holds its locks. Every transaction of
# an import holds a shared advisory lock on its batch; whoever takes over ends those that still do.
_LOCKED = "CAST(:workspace_id AS text) || ':import:' || CAST(:id AS text)"
HOLD = f"""
SELECT pg_advisory_xact_lock_shared(hashtextextended({_LOCKED}, 0))
"""
EVICT = f"""
WITH lock AS (SELECT hashtextextended({_LOCKED}, 0) AS key)
SELECT pg_terminate_backend(l.pid)
FROM pg_locks l, lock
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = CAST((lock.key >> 32) & 4294967295 AS oid)
    AND l.objid = CAST(lock.key & 4294967295 AS oid)
"""

ROWS = """
SELECT ordinal, contact_id AS new_id, first_name, last_name, organization, notes, emails, phones,
    phone_keys, kind, hash
FROM import_rows
WHERE workspace_id = :workspace_id AND batch_id = :batch_id
    AND ordinal > :after AND ordinal <= :upto AND {kind}
"""
# Asked by contact: the planner, to whom a new batch looks empty, is kept from going through all of it.
EARLIER = """
SELECT t.ordinal, t.contact_id, r.first_name, r.last_name, r.organization, r.notes
FROM import_receipts t
JOIN import_rows r ON r.batch_id = t.batch_id AND r.ordinal = t.ordinal
WHERE t.workspace_id = :workspace_id AND (t.batch_id = :batch_id) IS TRUE
"""
NEXT_BY_PHONE = """
SELECT max(ordinal) FROM (
    SELECT ordinal FROM import_rows
    WHERE workspace_id = :workspace_id AND batch_id = :batch_id AND kind = 'p' AND ordinal > :after
    ORDER BY ordinal LIMIT :limit
) AS next_rows
"""
GIVE_RECEIPTS = """
INSERT INTO import_receipts (workspace_id, batch_id, ordinal, contact_id, fate, remarks)
SELECT :workspace_id, :batch_id, ordinal, contact_id, fate, remarks FROM incoming_contacts
"""
# A later row filled a blank of a contact whose leading row had nothing new: it has been updated then.
AMEND_RECEIPTS = """
UPDATE import_receipts t SET fate = 'updated'
FROM incoming_contacts i
WHERE t.workspace_id = :workspace_id AND (t.batch_id = :batch_id) IS TRUE
    AND t.contact_id = i.contact_id
    AND t.fate = 'unchanged' AND i.is_lead AND i.has_earlier AND i.has_changed
"""

COUNT_FATES = """
SELECT fate, count(*) AS count FROM import_rows
WHERE workspace_id = :workspace_id AND batch_id = :batch_id AND fate IS NOT NULL GROUP BY fate
UNION ALL
SELECT fate, count(*) FROM import_receipts
WHERE workspace_id = :workspace_id AND batch_id = :batch_id GROUP BY fate
"""

REJECTED = """
SELECT ordinal, line, cells, problems FROM import_rows
WHERE workspace_id = :workspace_id AND batch_id = :batch_id AND fate = 'rejected' AND ordinal > :after
ORDER BY ordinal OFFSET :offset LIMIT :limit
"""
REMARKED = """
SELECT coalesce(r.ordinal, t.ordinal) AS ordinal, x.line, r.remarks AS read, t.remarks AS merged
FROM (SELECT ordinal, remarks FROM import_rows
      WHERE workspace_id = :workspace_id AND batch_id = :batch_id AND remarks IS NOT NULL) r
FULL JOIN (SELECT ordinal, remarks FROM import_receipts
      WHERE workspace_id = :workspace_id AND batch_id = :batch_id AND remarks IS NOT NULL) t
    ON t.ordinal = r.ordinal
JOIN import_rows x ON x.batch_id = :batch_id AND x.ordinal = coalesce(r.ordinal, t.ordinal)
ORDER BY 1 OFFSET :offset LIMIT :limit
"""
COUNT_REMARKED = """
SELECT count(*) FROM (
    SELECT ordinal FROM import_rows
    WHERE workspace_id = :workspace_id AND batch_id = :batch_id AND remarks IS NOT NULL
    UNION
    SELECT ordinal FROM import_receipts
    WHERE workspace_id = :workspace_id AND batch_id = :batch_id AND remarks IS NOT NULL
) AS remarked
"""

TODAY = """
SELECT coalesce(sum(rows_created + rows_updated + rows_unchanged + rows_merged), 0)
FROM import_batches
WHERE workspace_id = :workspace_id AND inserted_at >= :since AND started_at >= :midnight
"""


def running() -> Select[Any]:
    """Select the imports at work, the one that started first before the others."""
    return (
        select(ImportBatch)
        .where(col(ImportBatch.phase).in_(RUNNING))
        .order_by(col(ImportBatch.started_at).nulls_last(), col(ImportBatch.id))
    )


def newest(page: int) -> Select[Any]:
    """Select one page of imports, the newest first."""
    return (
        select(ImportBatch)
        .order_by(col(ImportBatch.inserted_at).desc(), col(ImportBatch.id).desc())
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    )


def count() -> Select[Any]:
    """Select how many imports there are."""
    return select(func.count(col(ImportBatch.id)))


async def rows_today() -> int:
    """Return how many rows went into contacts today, by the clock in UTC."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # Uploaded days before and started today counts; the bound keeps to the index.
    since = midnight - timedelta(days=7)
    found = await runtime.repo.sql(TODAY, {"since": since, "midnight": midnight})
    return int(found.scalar_one())


async def batch_or_none(statement: str, parameters: Mapping[str, Any]) -> ImportBatch | None:
    """Run one of the updates above and return the batch as it is now, or None: no longer ours."""
    found = (await runtime.repo.sql(statement, parameters)).mappings().one_or_none()
    return None if found is None else ImportBatch.model_validate(dict(found))


def total_pages(total: int, size: int) -> int:
    """Return how many pages there are, one at least."""
    return max(1, -(-total // size))


def identified(batch_id: UUID, **more: Any) -> dict[str, Any]:
    """Return the parameters of a statement about one batch's rows."""
    return {"batch_id": batch_id, **more}
