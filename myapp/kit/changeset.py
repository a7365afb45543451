"""A changeset: what somebody wants to change, and what is wrong with it, as data.

Errors stay with their field, in order, for the form, the API and the import alike. ``cast`` takes a
whitelist, so nobody sets a column he was not offered; types are checked by pydantic underneath; a
database constraint becomes an error on its field.

Usage::

    >>> changeset = Changeset({}, types={"name": str})
    >>> changeset.cast({"name": "  ", "admin": "1"}, ["name"]).validate_required(["name"]).errors
    {'name': ["can't be blank"]}
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

Attrs = Mapping[str, Any]
T = TypeVar("T")

BLANK = "can't be blank"
EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
TAKEN = "has already been taken"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A database constraint by name, and the field and words its breach becomes."""

    name: str
    field: str
    message: str


class Changeset(Generic[T]):
    """Changes to one record (or to a plain mapping), with their errors."""

    def __init__(self, data: T, *, types: Mapping[str, Any] | None = None) -> None:
        self.data = data
        self.params: dict[str, Any] = {}
        self.changes: dict[str, Any] = {}
        self.errors: dict[str, list[str]] = {}
        self.constraints: list[Constraint] = []
        self._types = types or _types_of(data)

    @property
    def is_valid(self) -> bool:
        """Whether no error stands."""
        return not self.errors

    def errors_on(self, field: str) -> list[str]:
        """Return the errors of one field, none as an empty list."""
        return self.errors.get(field, [])

    def value(self, field: str) -> Any:
        """Return the changed value, else the record's."""
        return self.changes[field] if field in self.changes else self._current(field)

    def cast(self, attrs: Attrs, allowed: Collection[str]) -> Self:
        """Take the allowed attributes, give them their type, keep what differs.

        Text is stripped and a blank is None, as a form sends it. What cannot be read as the field's
        type is an error on the field; everything not allowed is ignored.
        """
        for field in allowed:
            if field not in attrs:
                continue
            self.params[field] = raw = attrs[field]
            value = (raw.strip() or None) if isinstance(raw, str) else raw
            if isinstance(value, str) and not _is_storable(value):
                self.add_error(field, "has a character that cannot be stored")
                continue
            if value is not None:
                try:
                    value = _adapter(self._types[field]).validate_python(value)
                except ValidationError as error:
                    self.add_error(field, _words(error))
                    continue
            if value != self._current(field):
                self.changes[field] = value
            else:
                self.changes.pop(field, None)
        return self

    def put(self, field: str, value: Any) -> Self:
        """Set a value the application decides; unlike ``cast`` it asks no whitelist."""
        self.changes[field] = value
        return self

    def validate_required(self, fields: Sequence[str]) -> Self:
        """Ask for a value on each field."""
        for field in fields:
            if self.value(field) in (None, "", [], ()) and field not in self.errors:
                self.add_error(field, BLANK)
        return self

    def validate_format(self, field: str, pattern: re.Pattern[str], *, message: str) -> Self:
        """Ask the changed text to match the whole pattern."""
        return self.validate_change(
            field, lambda value: None if pattern.fullmatch(str(value)) else message
        )

    def validate_length(
        self,
        field: str,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
    ) -> Self:
        """Bound the length of the changed text or list."""

        def check(value: Any) -> str | None:
            unit = "character(s)" if isinstance(value, str) else "item(s)"
            if at_least is not None and len(value) < at_least:
                return f"should be at least {at_least} {unit}"
            if at_most is not None and len(value) > at_most:
                return f"should be at most {at_most} {unit}"
            return None

        return self.validate_change(field, check)

    def validate_number(
        self, field: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> Self:
        """Bound the changed number."""

        def check(value: Any) -> str | None:
            if at_least is not None and value < at_least:
                return f"must be at least {at_least}"
            if at_most is not None and value > at_most:
                return f"must be at most {at_most}"
            return None

        return self.validate_change(field, check)

    def validate_inclusion(self, field: str, allowed: Collection[Any]) -> Self:
        """Ask the changed value to be one of ``allowed``."""
        return self.validate_change(
            field, lambda value: None if value in allowed else "is not one of the choices"
        )

    def validate_change(self, field: str, check: Callable[[Any], str | None]) -> Self:
        """Run ``check`` on the changed value; it returns the error's words or None."""
        value = self.changes.get(field)
        if value is not None and field not in self.errors and (message := check(value)):
            self.add_error(field, message)
        return self

    def unique_constraint(self, field: str, *, name: str, message: str = TAKEN) -> Self:
        """Name the unique index whose breach is an error on ``field``: the database decides."""
        self.constraints.append(Constraint(name, field, message))
        return self

    def foreign_key_constraint(self, field: str, *, name: str) -> Self:
        """Name the foreign key whose breach is an error on ``field``."""
        self.constraints.append(Constraint(name, field, "does not exist"))
        return self

    def add_error(self, field: str, message: str) -> Self:
        """Add an error to a field."""
        self.errors.setdefault(field, []).append(message)
        return self

    def take_violation(self, constraint_name: str | None) -> bool:
        """Turn the breach of a named constraint into its field's error; False when none is named."""
        for constraint in self.constraints:
            if constraint.name == constraint_name:
                self.add_error(constraint.field, constraint.message)
                return True
        return False

    def apply(self) -> T:
        """Write the changes onto the record and return it; only the repo needs this."""
        for field, value in self.changes.items():
            if isinstance(self.data, dict):
                self.data[field] = value
            else:
                setattr(self.data, field, value)
        return self.data

    def _current(self, field: str) -> Any:
        if isinstance(self.data, Mapping):
            return self.data.get(field)
        return getattr(self.data, field, None)


def _is_storable(text: str) -> bool:
    # PostgreSQL holds neither NUL nor half a surrogate pair; a browser can send both.
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def blank(table: type[T], **values: Any) -> T:
    """Return a record with nothing but its defaults, for a changeset to fill."""
    return table(**values)


_adapters: dict[int, tuple[Any, TypeAdapter[Any]]] = {}


def _adapter(type_: Any) -> TypeAdapter[Any]:
    # Keyed by identity, the type kept alive beside it: not every annotation is hashable.
    known = _adapters.get(id(type_))
    if known is None:
        known = _adapters[id(type_)] = (type_, TypeAdapter(type_))
    return known[1]


def _types_of(data: Any) -> Mapping[str, Any]:
    fields = getattr(type(data), "model_fields", None)
    if fields is None:
        raise TypeError(f"{type(data).__name__} has no typed fields; pass types= to Changeset")
    return {name: field.annotation for name, field in fields.items()}


def _words(error: ValidationError) -> str:
    kind = error.errors()[0]["type"]
    if kind.startswith(("int", "float", "decimal")):
        return "must be a number"
    if kind.startswith(("date", "time")):
        return "must be a date"
    return "is invalid"
