r"""Files of contacts as rows of text: what is in a file, and its rows one after the other.

Usage:
    ``inspect`` finds out how to read a file and shows its first rows; a person may change what
    it found. ``chunks`` reads the rows for an import, the same way each time, so that a job
    killed in the middle goes on by ordinal. Nothing here knows of contacts or the database.

Nothing is dropped: blank rows, broken rows and rows with cells too long to keep all come out,
the latter two with a ``problem``.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TextIO

from myapp.imports import csv_dialect, csv_encoding, csv_header, csv_records
from myapp.imports.csv_dialect import Dialect
from myapp.imports.csv_encoding import Encoding, Scan
from myapp.imports.unreadable import BlankFile, HeaderOnly, Unreadable

__all__ = ["Dialect", "Preview", "Problem", "Record", "Unreadable", "chunks", "inspect", "records"]

CELL_LIMIT = csv_records.LONG_CHARS
PREVIEW_ROWS = 20
_SAMPLE_CHARS = 256 << 10
_SHOWN_CHARS = 200


class Problem(NamedTuple):
    """Why a row is refused: the column (empty for the whole row), what stands there, the reason."""

    column: str
    value: str
    reason: str


class Record(NamedTuple):
    """One row of the file.

    ``ordinal`` counts the rows below the header from 1; ``line`` is the line of the file, from 1,
    where the row starts.
    """

    ordinal: int
    line: int
    cells: list[str]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file holds and how it will be read."""

    dialect: Dialect
    rows: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]
    size: int
    estimated_rows: int

    @property
    def encoding(self) -> str:
        """The name of the encoding."""
        return self.dialect.encoding

    @property
    def delimiter(self) -> str:
        """What stands between two cells."""
        return self.dialect.delimiter

    @property
    def has_header(self) -> bool:
        """Whether the columns are named in the file."""
        return self.dialect.has_header

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, no name twice."""
        return self.dialect.columns


def inspect(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    has_header: bool | None = None,
) -> Preview:
    """Find out how a file is to be read; what is given is kept.

    Every byte is looked at once. Raises ``Unreadable`` with a sentence for people.
    """
    seen = csv_encoding.scan(path)
    found = csv_encoding.chosen(path, encoding) if encoding else csv_encoding.detect(path, seen)
    text = _sample(path, found)
    if not text.strip():
        raise BlankFile
    form = csv_dialect.detect_format(text, delimiter)
    dialect = Dialect(
        encoding=found.name,
        delimiter=form.delimiter,
        quote=form.quote,
        escape=form.escape,
        skips_space=form.skips_space,
        has_nul=found.has_nul,
        errors=found.errors,
    )
    dialect = _with_header(dialect, csv_dialect.records(text, form), has_header)
    rows = _first_rows(path, dialect)
    return Preview(
        dialect=dialect,
        rows=tuple(tuple(record.cells) for record in rows),
        warnings=tuple(_warnings(found, dialect, rows)),
        size=seen.size,
        estimated_rows=_estimate(seen, text, dialect),
    )


def records(path: Path, dialect: Dialect, start_line: int = 0) -> Iterator[Record]:
    """Read the rows of a file that start on ``start_line`` or below it, blank ones too."""
    for batch in _batches(path, dialect):
        for record in batch:
            if record.line >= start_line:
                yield record


def chunks(
    path: Path, dialect: Dialect, size: int = 5000, after_record: int = 0
) -> Iterator[list[Record]]:
    """Read the rows after an ordinal in lists of ``size``.

    The lists are the same each time, whatever was read before.
    """
    chunk: list[Record] = []
    for batch in _batches(path, dialect):
        fresh = batch
        if batch[0].ordinal <= after_record:
            fresh = batch[after_record - batch[0].ordinal + 1 :]
        chunk.extend(fresh)
        whole = len(chunk) - len(chunk) % size
        for start in range(0, whole, size):
            yield chunk[start : start + size]
        del chunk[:whole]
    if chunk:
        yield chunk


def _batches(path: Path, dialect: Dialect) -> Iterator[list[Record]]:
    with _opened(path, dialect) as file:
        line = max(dialect.header_line, 1)
        for _ in range(line - 1):
            file.readline()
        raws = csv_records.batches(
            file, dialect.format, line, len(dialect.columns), has_nul=dialect.has_nul
        )
        ordinal = 0 if dialect.has_header else 1
        for batch in raws:
            made = _numbered(batch, ordinal, dialect.columns)
            ordinal += len(batch)
            if made := made[1:] if made[0].ordinal == 0 else made:
                yield made


def _numbered(batch: list[csv_records.Raw], ordinal: int, columns: tuple[str, ...]) -> list[Record]:
    new = tuple.__new__
    return [
        _measured(Record(number, raw.line, raw.cells), columns, is_broken=raw.is_broken)
        if raw.is_long
        else new(Record, (number, raw[0], raw[1], None))
        for number, raw in enumerate(batch, start=ordinal)
    ]


def _measured(record: Record, columns: tuple[str, ...], *, is_broken: bool) -> Record:
    """Refuse a record that is broken or has a cell too long to keep."""
    cells = record.cells
    if is_broken:
        value = next((cell for cell in cells if '"' in cell or "'" in cell), "")
        problem = Problem("", value[:_SHOWN_CHARS], csv_records.UNCLOSED)
    elif index := next((i for i, cell in enumerate(cells, 1) if len(cell) > CELL_LIMIT), 0):
        column = columns[index - 1] if index <= len(columns) else f"Column {index}"
        value, size = cells[index - 1], len(cells[index - 1])
        reason = f"{column} is {size:,} characters long; at most {CELL_LIMIT:,} are allowed"
        problem = Problem(column, value[:_SHOWN_CHARS] + "…", reason)
    else:
        return record
    kept = [cell if len(cell) <= CELL_LIMIT else cell[:_SHOWN_CHARS] + "…" for cell in cells]
    return record._replace(cells=kept, problem=problem)


def _opened(path: Path, dialect: Dialect) -> TextIO:
    return path.open(encoding=dialect.codec, errors=dialect.errors, newline="")


def _sample(path: Path, found: Encoding) -> str:
    with _opened(path, Dialect(encoding=found.name, errors=found.errors)) as file:
        text = file.read(_SAMPLE_CHARS)
        text += file.readline() if text and text[-1] not in "\r\n" else ""
    return text.replace("\0", "")


def _with_header(
    dialect: Dialect, sample: list[csv_records.Raw], has_header: bool | None
) -> Dialect:
    filled = [raw for raw in sample if not csv_dialect.is_blank(raw.cells)]
    if not filled:
        raise BlankFile
    header = None if has_header is False else csv_header.find(sample)
    if header is None and has_header:
        header = filled[0]
    if header is None:
        width = max(len(raw.cells) for raw in filled)
        names = csv_header.names([""] * width)
        return replace(dialect, has_header=False, header_line=0, columns=names)
    return replace(dialect, header_line=header.line, columns=csv_header.names(header.cells))


def _first_rows(path: Path, dialect: Dialect) -> list[Record]:
    """Return the first rows that say something; raises ``HeaderOnly`` when there is none."""
    filled = (
        record
        for record in records(path, dialect)
        if record.problem or not csv_dialect.is_blank(record.cells)
    )
    rows = list(itertools.islice(filled, PREVIEW_ROWS))
    if not rows:
        raise HeaderOnly
    return rows


def _estimate(seen: Scan, text: str, dialect: Dialect) -> int:
    lines = text.count("\n") or text.count("\r")
    sample = csv_dialect.records(text, dialect.format, limit=len(text))
    below = sum(1 for raw in sample if raw.line > dialect.header_line)
    if len(text) < _SAMPLE_CHARS:
        return below
    return max(below, round(seen.line_count * below / max(lines, 1)))


def _warnings(found: Encoding, dialect: Dialect, rows: Iterable[Record]) -> Iterator[str]:
    if found.has_nul:
        yield "NUL characters were found in this file; they are left out."
    if found.unreadable_count:
        yield (
            f"{found.unreadable_count:,} characters cannot be read as {found.name}, the first on "
            f"line {found.first_bad_line:,}; they are shown as \ufffd."
        )
    if dialect.has_header and dialect.header_line > 1:
        lines = dialect.header_line - 1
        what = "Line 1 stands" if lines == 1 else f"Lines 1 to {lines} stand"
        yield f"{what} above the header and will be left out."
    if not dialect.has_header:
        yield "This file seems to have no header; its columns are numbered."
    if repeated := [name for name in dialect.columns if name.endswith(")") and _is_copy(name)]:
        yield f"Some columns have the same name; they are shown as {', '.join(repeated)}."
    width = len(dialect.columns)
    if uneven := [record.line for record in rows if any(c.strip() for c in record.cells[width:])]:
        yield f"Line {uneven[0]:,} has more cells than the header; such rows are rejected."


def _is_copy(name: str) -> bool:
    base, _, number = name[:-1].rpartition(" (")
    return bool(base) and number.isdigit()
