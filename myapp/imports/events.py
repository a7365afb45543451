"""What imports say out loud: views, facts, and how facts change what people see."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from myapp.kit.topics import JSON, Change, Fact, Row


@dataclass(frozen=True, slots=True)
class ImportBatchView:
    """An import as its page, the list and the dashboard show it; times are ISO 8601 in UTC.

    ``percent`` never goes backwards. ``rows_remaining`` were read or expected but not imported; after
    a cancel that is how many the file had left.
    """

    id: str
    version: int
    filename: str
    size_bytes: int
    person_name: str
    phase: str
    phase_text: str
    percent: int
    rows_read: int
    rows_created: int
    rows_updated: int
    rows_unchanged: int
    rows_merged: int
    rows_skipped: int
    rows_rejected: int
    rows_remaining: int
    rows_per_s: int
    seconds_left: int | None
    duration_s: float | None
    problem: str
    inserted_at: str
    started_at: str
    finished_at: str
    is_running: bool
    is_done: bool
    has_rejected: bool


@dataclass(frozen=True, slots=True)
class ImportBatchPage:
    """One page of the list of imports, the newest first, as of message ``seq`` of the list's topic."""

    rows: tuple[ImportBatchView, ...]
    total: int
    page: int
    pages: int
    seq: int


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column of a file: its name, the field it goes to, what stands in it."""

    index: int
    name: str
    field: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreviewView:
    """A file before its import: how it is read, what its first rows hold, where its columns go."""

    batch: ImportBatchView
    encoding: str
    delimiter: str
    has_header: bool
    columns: tuple[ColumnView, ...]
    rows: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]
    rows_estimated: int
    problem: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """Why a row was refused; a row with several faults stands here once for each."""

    ordinal: int
    line: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class RejectedPage:
    """Some of the rejected rows; ``total`` counts rows, not reasons."""

    rows: tuple[RejectedRow, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Remark:
    """What was not taken over, or done in passing, about a row that went in."""

    ordinal: int
    line: int
    column: str
    value: str
    kept: str
    text: str


@dataclass(frozen=True, slots=True)
class RemarkPage:
    """Some of the remarks; ``total`` counts rows that have any."""

    rows: tuple[Remark, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class ImportBatchProgressed(Fact):
    """An import moved on: the batch as it is now."""

    batch: ImportBatchView


@dataclass(frozen=True)
class ImportsChanged(Fact):
    """An import of the list moved on; with it, all that run and the rows imported today."""

    batch: ImportBatchView
    running: tuple[Mapping[str, JSON], ...] = ()
    today: int = 0


@dataclass(frozen=True)
class ImportBatchDiscarded(Fact):
    """An uploaded file was thrown away before its import; ``version`` is higher than any it had."""

    batch_id: str
    version: int
    running: tuple[Mapping[str, JSON], ...] = field(default=())
    today: int = 0


def fold_batch(name: str, data: dict[str, JSON]) -> Change:
    """Return what one event changes on an import's page."""
    match name:
        case "imports.ImportBatchProgressed":
            return Change({"batch": data["batch"]})
        case "imports.ImportBatchDiscarded":
            return Change({"batch": None})
        case _:
            return Change()


def fold_list(name: str, data: dict[str, JSON]) -> Change:
    """Return what one event changes in the list of imports."""
    match name:
        case "imports.ImportsChanged":
            batch = data["batch"]
            row = Row(batch["id"], batch["version"], batch)
        case "imports.ImportBatchDiscarded":
            row = Row(data["batch_id"], data["version"], None)
        case _:
            return Change()
    return Change({"running": data["running"], "today": data["today"]}, rows=(row,))
