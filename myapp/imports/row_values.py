"""What one row says about a contact: values, key, and what is wrong with it.

``reader`` prepares a mapping once; what it returns is called for every row of a file, so it
is written for speed. ``checks="fast"`` looks at presence, lengths and the shape of e-mails;
``"full"``, which the application uses, checks e-mails and phones as the libraries do.
"""

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple, TypeVar

from myapp.imports import emails, person_names, phones
from myapp.imports.csv_reader import Problem
from myapp.imports.emails import Email
from myapp.imports.mapping import Field, Mapping
from myapp.imports.phones import Phone

Checks = Literal["fast", "full"]

NAME_LIMIT = 160
ORGANIZATION_LIMIT = 200
NOTES_LIMIT = 10_000
NOTHING = "Row has no name, e-mail, phone or organization"
_SHOWN_CHARS = 200


class RowValues(NamedTuple):
    """One row, read. ``key`` tells which contact it is about; empty when there are problems."""

    first_name: str = ""
    last_name: str = ""
    emails: tuple[Email, ...] = ()
    phones: tuple[Phone, ...] = ()
    organization: str = ""
    notes: str = ""
    key: str = ""
    problems: tuple[Problem, ...] = ()
    notes_for_person: tuple[str, ...] = ()
    is_blank: bool = False


Read = Callable[..., RowValues]
Address = TypeVar("Address", Email, Phone)


def read(
    cells: Sequence[str],
    mapping: Mapping,
    checks: Checks = "full",
    problem: Problem | None = None,
) -> RowValues:
    """Read one row; ``problem`` is what the file's reader has found wrong with it."""
    return reader(mapping, checks)(cells, problem)


@lru_cache(maxsize=32)
def reader(mapping: Mapping, checks: Checks = "full") -> Read:
    """Return the function that reads the rows of a file with this mapping."""
    return _Reader(mapping, checks).read


class _Reader:
    """A mapping made ready: plain numbers and tuples, looked up once."""

    def __init__(self, mapping: Mapping, checks: Checks) -> None:
        columns = mapping.columns
        self._width = len(columns)
        self._columns = columns
        # One cell more than the header has, always blank: stands for fields no column holds.
        self._first = next(iter(mapping.indexes(Field.FIRST_NAME)), self._width)
        self._last = next(iter(mapping.indexes(Field.LAST_NAME)), self._width)
        self._name = next(iter(mapping.indexes(Field.NAME)), self._width)
        self._organization = next(iter(mapping.indexes(Field.ORGANIZATION)), self._width)
        self._notes = next(iter(mapping.indexes(Field.NOTES)), self._width)
        self._emails = mapping.indexes(Field.EMAIL)
        self._phones = mapping.indexes(Field.PHONE)
        self._email = emails.full if checks == "full" else emails.like
        self._phone = phones.full if checks == "full" else phones.like
        self._bare_email = emails.bare_full if checks == "full" else emails.bare_like
        self._bare_phone = phones.bare_full if checks == "full" else phones.bare_like

    def read(self, cells: Sequence[str], problem: Problem | None = None) -> RowValues:
        if problem is not None:
            return RowValues(problems=(problem,))
        problems: list[Problem] = []
        remarks: list[str] = []
        count = len(cells)
        if count != self._width:
            cells = self._fitted(cells, problems, remarks)
        row = [*cells, ""]
        first, last, organization = row[self._first], row[self._last], row[self._organization]
        words = f"{first}{last}{organization}"
        if words.isascii() and words.isprintable() and "  " not in words:
            first, last, organization = first.strip(), last.strip(), organization.strip()
        else:
            first, last, organization = map(person_names.clean, (first, last, organization))
        if not first and not last and (whole := person_names.clean(row[self._name])):
            first, last = person_names.split(whole)
        notes = row[self._notes].strip()
        found_emails = self._read_emails(row, problems, remarks) if self._emails else ()
        found_phones = self._read_phones(row, problems) if self._phones else ()
        if len(first) + len(last) + len(organization) > NAME_LIMIT or len(notes) > NOTES_LIMIT:
            self._add_too_long(first, last, organization, notes, problems)
        if not (first or last or found_emails or found_phones or organization or problems):
            if not any(cell.strip() for cell in cells):
                return RowValues(is_blank=True)
            problems.append(Problem("", "", NOTHING))
        key = "e:" + found_emails[0][1] if found_emails and not problems else ""
        # Made without RowValues' own __new__, whose names cost as much as the checks.
        said: RowValues = tuple.__new__(
            RowValues,
            (
                first,
                last,
                found_emails,
                found_phones,
                organization,
                notes,
                key,
                tuple(problems),
                tuple(remarks),
                False,
            ),
        )
        return said if said.key or problems else said._replace(key=_key(said))

    def _fitted(
        self, cells: Sequence[str], problems: list[Problem], remarks: list[str]
    ) -> Sequence[str]:
        width, count = self._width, len(cells)
        if count < width:
            if any(cell.strip() for cell in cells):
                remarks.append(
                    f"Row has {_counted(count)}, the header has {width}; the missing ones are blank"
                )
            return [*cells, *[""] * (width - count)]
        if any(cell.strip() for cell in cells[width:]):
            extra = next(cell for cell in cells[width:] if cell.strip())
            reason = f"Row has {_counted(count)}, the header has {width}"
            problems.append(Problem("", _clipped(extra), reason))
        return cells[:width]

    def _read_emails(
        self, row: Sequence[str], problems: list[Problem], remarks: list[str]
    ) -> tuple[Email, ...]:
        found: list[Email] = []
        for index in self._emails:
            cell = row[index].strip()
            if not cell:
                continue
            if email := self._bare_email(cell):
                found.append(email)
                if email[2]:
                    remarks.append(f"{self._columns[index]}: {email.note}")
                continue
            for text in emails.split(cell):
                if len(text) > emails.LIMIT:
                    self._add_long(index, text, emails.LIMIT, problems)
                    continue
                try:
                    email = self._email(text)
                except emails.BadEmail as bad:
                    self._add_bad(index, text, "a valid e-mail address", bad, problems)
                    continue
                found.append(email)
                if email.note:
                    remarks.append(f"{self._columns[index]}: {email.note}")
        return tuple(found) if len(found) < 2 else _unique(found)

    def _read_phones(self, row: Sequence[str], problems: list[Problem]) -> tuple[Phone, ...]:
        found: list[Phone] = []
        for index in self._phones:
            cell = row[index].strip()
            if not cell:
                continue
            if phone := self._bare_phone(cell):
                found.append(phone)
                continue
            for text in phones.split(cell):
                if len(text) > phones.LIMIT:
                    self._add_long(index, text, phones.LIMIT, problems)
                    continue
                try:
                    found.append(self._phone(text))
                except phones.BadPhone as bad:
                    self._add_bad(index, text, "a telephone number", bad, problems)
        return tuple(found) if len(found) < 2 else _unique(found)

    def _add_bad(
        self, index: int, text: str, what: str, bad: ValueError, problems: list[Problem]
    ) -> None:
        column, shown = self._columns[index], _clipped(text)
        reason = f"{column} “{shown}” is not {what}: {bad}"
        problems.append(Problem(column, shown, reason))

    def _add_long(self, index: int, text: str, limit: int, problems: list[Problem]) -> None:
        column = self._columns[index] if index < self._width else ""
        reason = f"{column} is {len(text):,} characters long; at most {limit:,} are allowed"
        problems.append(Problem(column, _clipped(text), reason))

    def _add_too_long(
        self, first: str, last: str, organization: str, notes: str, problems: list[Problem]
    ) -> None:
        whole = self._name
        for index, text, limit in (
            (self._first if self._first < self._width else whole, first, NAME_LIMIT),
            (self._last if self._last < self._width else whole, last, NAME_LIMIT),
            (self._organization, organization, ORGANIZATION_LIMIT),
            (self._notes, notes, NOTES_LIMIT),
        ):
            if len(text) > limit:
                self._add_long(index, text, limit, problems)


def _key(said: RowValues) -> str:
    """Make the key of a row without an e-mail."""
    name = _folded(f"{said.first_name} {said.last_name}".strip())
    if said.phones and name:
        return f"p:{said.phones[0].key} {name}"
    numbers = " ".join(phone.key for phone in said.phones)
    parts = (said.first_name, said.last_name, said.organization, numbers, said.notes)
    return "h:" + blake2b("\x1f".join(map(_folded, parts)).encode(), digest_size=16).hexdigest()


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text.casefold())


def _unique(found: list[Address]) -> tuple[Address, ...]:
    kept: dict[str, Address] = {}
    for address in found:
        kept.setdefault(address.key, address)
    return tuple(kept.values())


def _counted(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
