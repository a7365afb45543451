"""Where the header of a table is, and whether there is one.

A header names what stands below it: known names say so, and so does text above a column of
numbers. An e-mail address or a telephone number in the first row says there is none. Title
lines are skipped only before a header that is certain: otherwise they may be contacts.
"""

import re
from collections.abc import Sequence

from myapp.imports import csv_dialect, field_names
from myapp.imports.csv_records import Raw

NAME_LIMIT = 100
_TITLE_RECORDS = 30
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.\w+")
_PHONE = re.compile(r"\+?[\d\s().\-/]{7,25}")
_NUMBER = re.compile(r"[-+]?[\d.,'\s]*\d[\d.,]*\s?[%€$£]?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?")
_WEB = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def find(records: Sequence[Raw]) -> Raw | None:
    """Return the record that is the header, or None when the table has none."""
    filled = [raw for raw in records if not csv_dialect.is_blank(raw.cells)]
    if not filled:
        return None
    first = filled[0]
    widest = sorted(_filled_count(raw) for raw in filled)[len(filled) // 2]
    for index, raw in enumerate(filled[:_TITLE_RECORDS]):
        if index and (_filled_count(raw) < max(2, widest / 2) or _has_values(raw)):
            continue
        if index and _is_like(first, filled[index]):
            break
        below = filled[index + 1 :]
        is_title = _filled_count(raw) == 1 and any(_is_fuller(later) for later in below)
        if not is_title and _is_certain(raw, below):
            return raw
    return first if _is_header(first, filled[1:]) else None


def names(cells: Sequence[str]) -> tuple[str, ...]:
    """Name the columns: each with a name, no name twice.

    >>> names(["Email", " Email", ""])
    ('Email', 'Email (2)', 'Column 3')
    """
    unique: dict[str, None] = {}
    for number, cell in enumerate(cells, start=1):
        name = " ".join(cell.split())[:NAME_LIMIT] or f"Column {number}"
        candidate, copy = name, 1
        while candidate in unique:
            copy += 1
            candidate = f"{name} ({copy})"
        unique[candidate] = None
    return tuple(unique)


def _is_certain(raw: Raw, below: Sequence[Raw]) -> bool:
    if _has_values(raw):
        return False
    known = field_names.known_count(raw.cells)
    if known and known * 4 >= _filled_count(raw):
        return True
    return known >= 2 or (bool(below) and _filled_count(raw) >= 2 and _votes(raw, below) > 0)


def _is_header(raw: Raw, below: Sequence[Raw]) -> bool:
    if _is_certain(raw, below):
        return True
    if _has_values(raw) or _votes(raw, below) < 0:
        return False
    cells = [cell.strip() for cell in raw.cells]
    if any(len(cell) > NAME_LIMIT for cell in cells):
        return False
    # A name does not come again among the values it names.
    return not any(
        cell and any(cell == value for value in _column(below, index))
        for index, cell in enumerate(cells)
    )


def _is_fuller(raw: Raw) -> bool:
    """Tell whether a record names two fields: a lone name above it is a title."""
    return not _has_values(raw) and field_names.known_count(raw.cells) > 1


def _is_like(first: Raw, other: Raw) -> bool:
    """Tell whether the first record is as full as the other: then it is no title line."""
    return _filled_count(first) > max(1, _filled_count(other) / 2)


def _filled_count(raw: Raw) -> int:
    return sum(1 for cell in raw.cells if cell.strip())


def _has_values(raw: Raw) -> bool:
    return any(_kind(cell) in {"email", "phone", "web"} for cell in raw.cells)


def _votes(raw: Raw, below: Sequence[Raw]) -> int:
    votes = 0
    for index, cell in enumerate(raw.cells):
        kinds = [_kind(value) for value in _column(below, index)]
        if not kinds or not cell.strip():
            continue
        common = max(set(kinds), key=kinds.count)
        if common == "text" or kinds.count(common) < len(kinds) * 0.8:
            votes -= _kind(cell) in {"number", "date"} and common == "text"
        else:
            votes += 1 if _kind(cell) == "text" else -1
    return votes


def _column(below: Sequence[Raw], index: int) -> list[str]:
    values = (raw.cells[index].strip() for raw in below[:50] if index < len(raw.cells))
    return [value for value in values if value]


def _kind(cell: str) -> str:
    cell = cell.strip()
    if "@" in cell and _EMAIL.fullmatch(cell):
        return "email"
    if _DATE.fullmatch(cell):
        return "date"
    if _PHONE.fullmatch(cell) and 7 <= sum(map(str.isdigit, cell)) <= 15:
        return "phone"
    if _NUMBER.fullmatch(cell):
        return "number"
    return "web" if _WEB.match(cell) else "text"
