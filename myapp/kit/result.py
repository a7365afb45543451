"""A result: what a person can mend is a value, not an exception.

``Ok(value) | Error(error)`` is returned by every context function that takes attributes from a
person; it is handled with ``match`` where it is shown. Bugs and missing records are exceptions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class UnwrapError(RuntimeError):
    """The result holds an error: match on it instead of unwrapping."""


@dataclass(frozen=True, slots=True)
class Ok(Generic[T]):
    """A success and its value."""

    value: T

    def map(self, function: Callable[[T], U]) -> "Ok[U]":
        """Return the success of ``function(value)``."""
        return Ok(function(self.value))

    def unwrap(self) -> T:
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Error(Generic[T]):
    """A failure a person can mend; usually a changeset."""

    error: T

    def map(self, _function: Callable[..., object]) -> "Error[T]":
        """Return this error unchanged."""
        return self

    def unwrap(self) -> NoReturn:
        """Raise ``UnwrapError``: there is no value."""
        raise UnwrapError(f"called unwrap on {self.error!r}")
