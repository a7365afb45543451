"""Which column holds which field: suggested by names, then by values, changed by people."""

import re
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from myapp.imports import field_names
from myapp.imports.field_names import Field

__all__ = ["Field", "Mapping", "suggest"]

_SINGLE = (Field.FIRST_NAME, Field.LAST_NAME, Field.NAME, Field.ORGANIZATION, Field.NOTES)
_NEEDED = frozenset(Field) - {Field.NOTES, Field.IGNORE}
_NUMBERED = re.compile(r"Column \d+")
_EMAIL = re.compile(r"(?:.*<)?[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+>?(?:[;,\s].*)?", re.DOTALL)
_PHONE = re.compile(r"(?=.*[+\s()/-])\+?[\d\s().\-/]{7,25}|\+?\d{10,15}")
_DATE = re.compile(r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}")
_WORD = re.compile(r"[^\W\d_][\w'\u2019.-]*")


@dataclass(frozen=True, slots=True)
class Mapping:
    """A field for each column of a file.

    >>> Mapping.of(("Mail", "Age"), {0: Field.EMAIL}).to_json()["fields"]
    ['email', 'ignore']
    """

    columns: tuple[str, ...]
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, columns: Sequence[str], fields: Dictionary[int, Field | str]) -> "Mapping":
        """Map columns by their number from 0; those not named are left out."""
        chosen = (Field(fields.get(index, Field.IGNORE)) for index in range(len(columns)))
        return cls(tuple(columns), tuple(chosen))

    def to_json(self) -> dict[str, Any]:
        """Return the mapping as JSON types."""
        return {"columns": list(self.columns), "fields": [str(field) for field in self.fields]}

    @classmethod
    def from_json(cls, data: Dictionary[str, Any]) -> "Mapping":
        """Return the mapping that ``to_json`` has written; raises ``ValueError`` for no field."""
        columns, fields = tuple(data["columns"]), tuple(map(Field, data["fields"]))
        if len(columns) != len(fields):
            raise ValueError(f"{len(columns)} columns, but {len(fields)} fields")
        return cls(columns, fields)

    def indexes(self, field: Field) -> tuple[int, ...]:
        """Return the numbers of the columns that hold a field."""
        return tuple(index for index, held in enumerate(self.fields) if held is field)

    def error(self) -> str | None:
        """Say what is wrong with the mapping, or None."""
        if not _NEEDED & set(self.fields):
            return "Choose a column for the name, the e-mail, the phone or the organization."
        for field in _SINGLE:
            held = [self.columns[index] for index in self.indexes(field)]
            if len(held) > 1:
                return f"Only one column can be “{field.label}”; now it is {' and '.join(held)}."
        return None


def suggest(columns: Sequence[str], sample_rows: Sequence[Sequence[str]]) -> dict[int, Field]:
    """Guess the field of each column; every column has an entry.

    >>> suggest(["Vorname", "Name", "Ort"], [["Ada", "Lovelace", "London"]])[1]
    <Field.LAST_NAME: 'last_name'>
    """
    values = [_values(sample_rows, index) for index in range(len(columns))]
    found = _by_name(columns)
    for index, field in list(found.items()):
        if not _is_plausible(field, values[index]):
            del found[index]
    for index in range(len(columns)):
        if index not in found and not field_names.is_foreign(columns[index]):
            _add_by_values(found, index, values[index])
    if all(_NUMBERED.fullmatch(name) for name in columns):
        _add_names(found, sample_rows, values)
    return {index: found.get(index, Field.IGNORE) for index in range(len(columns))}


def _by_name(columns: Sequence[str]) -> dict[int, Field]:
    found: dict[int, Field] = {}
    ranks: dict[Field, tuple[int, int]] = {}
    for index, name in enumerate(columns):
        field = field_names.field_of(name)
        if field in _SINGLE:
            ranks[field] = min((field_names.rank(name), index), ranks.get(field, (999, 0)))
        elif field:
            found[index] = field
    found.update({index: field for field, (_, index) in ranks.items()})
    _settle_names(found, columns)
    return found


def _settle_names(found: dict[int, Field], columns: Sequence[str]) -> None:
    """Decide what “Name”, “Nom” and “Nombre” are, by the names beside them."""
    held = {field: index for index, field in found.items()}
    whole = held.get(Field.NAME)
    if whole is None:
        return
    name = field_names.normal(columns[whole])
    if Field.FIRST_NAME in held and Field.LAST_NAME not in held and name in {"nom", "name", "naam"}:
        found[whole] = Field.LAST_NAME
    elif Field.LAST_NAME in held and Field.FIRST_NAME not in held and name == "nombre":
        found[whole] = Field.FIRST_NAME
    elif Field.FIRST_NAME in held or Field.LAST_NAME in held:
        del found[whole]


def _values(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    cells = (row[index].strip() for row in rows if index < len(row))
    return [cell for cell in cells if cell]


def _share(values: Sequence[str], pattern: re.Pattern[str]) -> float:
    return sum(1 for value in values if pattern.fullmatch(value)) / len(values) if values else 0.0


def _is_plausible(field: Field, values: Sequence[str]) -> bool:
    if len(values) < 3:
        return True
    if field is Field.EMAIL:
        return _share(values, _EMAIL) >= 0.3
    if field is Field.PHONE:
        return sum(1 for value in values if sum(map(str.isdigit, value)) > 2) >= len(values) * 0.3
    return True


def _add_by_values(found: dict[int, Field], index: int, values: Sequence[str]) -> None:
    if _share(values, _EMAIL) >= 0.6:
        found[index] = Field.EMAIL
    elif Field.PHONE not in found.values() and _share(_not_dates(values), _PHONE) >= 0.8:
        found[index] = Field.PHONE


def _not_dates(values: Sequence[str]) -> list[str]:
    numbers = re.compile(r"[-+]?\d+[.,]\d+")
    return ["" if _DATE.match(value) or numbers.fullmatch(value) else value for value in values]


def _add_names(
    found: dict[int, Field], rows: Sequence[Sequence[str]], values: Sequence[Sequence[str]]
) -> None:
    """Find the names in a table whose columns have none: words, beside one another."""
    singles, wholes = [], []
    for index, column in enumerate(values):
        if index in found or not column:
            continue
        counts = [len(value.split()) for value in column]
        is_words = all(_WORD.fullmatch(word) for value in column for word in value.split())
        if is_words and max(counts) <= 5:
            (singles if sum(counts) < 1.5 * len(counts) else wholes).append(index)
    pairs = [(a, b) for a in singles for b in singles if b == a + 1]
    if pairs and (not wholes or any(_is_joined(row, wholes[0], pairs[0]) for row in rows)):
        found[pairs[0][0]], found[pairs[0][1]] = Field.FIRST_NAME, Field.LAST_NAME
    elif wholes:
        found[wholes[0]] = Field.NAME


def _is_joined(row: Sequence[str], whole: int, pair: tuple[int, int]) -> bool:
    if max(whole, *pair) >= len(row):
        return False
    return row[whole].split() == f"{row[pair[0]]} {row[pair[1]]}".split()
