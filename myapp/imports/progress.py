"""A batch as people see it: phase in words, rate, time left. Private to the context."""

from datetime import UTC, datetime

from myapp.imports.events import ImportBatchView
from myapp.imports.schemas import DONE, FATES, RUNNING, ImportBatch

PHASES = {
    "uploaded": "Ready to start",
    "waiting": "Waiting for a worker",
    "reading": "Reading",
    "importing": "Importing",
    "cancelling": "Cancelling",
    "finished": "Finished",
    "cancelled": "Cancelled",
    "failed": "Failed",
}


def view(batch: ImportBatch) -> ImportBatchView:
    """Return what may be shown of a batch."""
    remaining = rows_remaining(batch)
    duration = _duration_s(batch)
    rate = batch.rows_per_s
    if batch.phase == "finished" and duration:
        rate = batch.rows_read / duration
    is_running = batch.phase in RUNNING
    return ImportBatchView(
        id=str(batch.id),
        version=batch.version,
        filename=batch.filename,
        size_bytes=batch.size_bytes,
        person_name=batch.person_name,
        phase=batch.phase,
        phase_text=PHASES[batch.phase],
        percent=batch.percent,
        rows_read=batch.rows_read,
        rows_created=batch.rows_created,
        rows_updated=batch.rows_updated,
        rows_unchanged=batch.rows_unchanged,
        rows_merged=batch.rows_merged,
        rows_skipped=batch.rows_skipped,
        rows_rejected=batch.rows_rejected,
        rows_remaining=remaining,
        rows_per_s=round(rate),
        seconds_left=round(remaining / rate) if is_running and rate else None,
        duration_s=duration,
        problem=batch.problem or "",
        inserted_at=_shown(batch.inserted_at),
        started_at=_shown(batch.started_at),
        finished_at=_shown(batch.finished_at),
        is_running=is_running,
        is_done=batch.phase in DONE,
        has_rejected=batch.rows_rejected > 0,
    )


def rows_settled(batch: ImportBatch) -> int:
    """Return how many rows have met their fate."""
    return sum(getattr(batch, f"rows_{fate}") for fate in FATES)


def rows_remaining(batch: ImportBatch) -> int:
    """Return how many rows are still to go: an estimate until the file is read to its end."""
    total = batch.rows_read
    if batch.staged_at is None:
        total = max(total, batch.rows_estimated)
    return max(0, total - rows_settled(batch))


def _duration_s(batch: ImportBatch) -> float | None:
    if batch.started_at is None or batch.finished_at is None:
        return None
    return round((batch.finished_at - batch.started_at).total_seconds(), 3)


def _shown(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat()
