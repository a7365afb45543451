"""The terminal: short steps with their times, tables, and refusals in one line each."""

import json
import logging
import os
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

_WIDTH = 54


class CannotRun(Exception):
    """A task cannot go on; every argument is one line that names the reason and the remedy."""

    def __init__(self, *lines: str, code: int = 2) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code


class Screen:
    """What a long task shows: a title, steps as they are done, and the address at the end."""

    def __init__(self) -> None:
        self._is_tty = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._has_color = self._is_tty and "NO_COLOR" not in os.environ
        self._is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")

    def title(self, name: str, *details: str) -> None:
        """Show what is starting."""
        dot = " · " if self._is_unicode else " - "
        line = dot.join([self._paint(name, "1"), *(self._paint(text, "2") for text in details)])
        _write(f"\n  {line}\n\n")

    @contextmanager
    def step(self, text: str) -> Generator["Step"]:
        """Show a step while it runs and its time when it is done."""
        step = Step(text)
        if self._is_tty:
            _write(f"  {self._paint('·' if self._is_unicode else '.', '2')} {text} …")
        begun = time.monotonic()
        try:
            yield step
        except BaseException:
            self._end(self._paint("✗" if self._is_unicode else "x", "31"), step.text, "")
            raise
        mark = self._paint("✓" if self._is_unicode else "+", "32")
        self._end(mark, step.text, f"{time.monotonic() - begun:5.1f} s", step.note)

    def address(self, url: str, *notes: str) -> None:
        """Show where the application is, and what to know there."""
        arrow = "→" if self._is_unicode else "->"
        _write(f"\n  {arrow} {self._paint(url, '1;36')}\n")
        for note in notes:
            _write(f"    {note}\n")
        _write("\n")

    def note(self, text: str) -> None:
        """Show one plain line."""
        _write(f"  {text}\n")

    def _end(self, mark: str, text: str, duration: str, note: str = "") -> None:
        line = f"{mark} {text:<{_WIDTH}} {self._paint(duration, '2')}".rstrip()
        tail = f"\n      {self._paint(note, '2')}" if note else ""
        _write(f"{_CLEAR if self._is_tty else ''}  {line}{tail}\n")

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._has_color and text else text


class Step:
    """A step that may still say more exactly what it did."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.note = ""


_CLEAR = "\r\033[K"


def table(items: Sequence[Any], *, as_json: bool = False) -> None:
    """Print dataclasses or mappings as aligned columns, or as JSON."""
    rows = [_fields(item) for item in items]
    if as_json:
        _write(json.dumps(rows, indent=2, default=str) + "\n")
        return
    if not rows:
        return
    names = list(rows[0])
    cells = [[name.replace("_", " ") for name in names]]
    cells += [[_text(row.get(name)) for name in names] for row in rows]
    widths = [max(len(row[index]) for row in cells) for index in range(len(names))]
    for row in cells:
        pairs = zip(row, widths, strict=True)
        _write("  ".join(cell.ljust(width) for cell, width in pairs).rstrip() + "\n")


class Remarks(logging.Handler):
    """Log records of the supervising process as single lines among the steps."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message; the traceback of a restart says nothing to who reads here."""
        _write(f"  ! {record.getMessage()}\n")


def refuse(lines: Sequence[str]) -> None:
    """Print why a task cannot run, one line each, where errors go."""
    for line in lines:
        print(line, file=sys.stderr)


def _fields(item: Any) -> dict[str, Any]:
    if is_dataclass(item) and not isinstance(item, type):
        return asdict(item)
    if isinstance(item, Mapping):
        return dict(item)
    return {"name": str(item)}


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(str(part) for part in value)
    return str(value)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
