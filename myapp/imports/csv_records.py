"""Records out of lines: the csv module, made to lose nothing.

The module's own reader does the work in C. Where it stumbles (a quotation mark that is never
closed, text after a closing one), one line is set aside as broken and reading goes on with
the next, so one lone quotation mark never swallows the rows below it. Memory is bounded by
``RECORD_LIMIT``, not by the file.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TextIO

BLOCK_CHARS = 1 << 18
RECORD_LIMIT = 16 << 20
LONG_CHARS = 100_000
UNCLOSED = "A quotation mark is opened in this row and never closed"

# Lines are bounded when the file is inspected; the module's own limit of 131,072 is too low to
# read a long cell at all and say how long it is. The setting is the process's.
csv.field_size_limit(80 << 20)


class Format(NamedTuple):
    """How cells are told apart."""

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    skips_space: bool = False

    def reader(self, lines: Iterable[str], *, strict: bool = True, quoted: bool = True) -> Any:
        """Open the csv module's reader over lines."""
        is_quoted = quoted and self.quote is not None
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            quoting=csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE,
            escapechar=self.escape if is_quoted else None,
            skipinitialspace=self.skips_space,
            strict=strict,
        )


class Raw(NamedTuple):
    """One record as it stands in the file; ``line`` is where it starts.

    ``is_long`` says that a cell may be longer than ``LONG_CHARS``.
    """

    line: int
    cells: list[str]
    is_broken: bool = False
    is_long: bool = False


def batches(
    file: TextIO, form: Format, line: int = 1, width: int = 0, *, has_nul: bool = False
) -> Iterator[list[Raw]]:
    """Read the rest of a text file as batches of records, the first on physical line ``line``.

    ``width`` is the number of columns; it lets rows that a stray pair of quotation marks has
    glued together be told from cells of several lines.
    """
    carry: list[str] = []
    while True:
        carried = sum(map(len, carry))
        fresh = file.readlines(max(BLOCK_CHARS, carried))
        if has_nul:
            fresh = [text.replace("\0", "") for text in fresh]
        lines = carry + fresh
        if not lines:
            return
        batch, used = _parse(lines, form, line, width, is_end=not fresh)
        carry = lines[used:]
        line += used
        if batch:
            yield batch


def _parse(
    lines: list[str], form: Format, line: int, width: int, *, is_end: bool
) -> tuple[list[Raw], int]:
    batch: list[Raw] = []
    used = 0
    is_long = max(map(len, lines)) > LONG_CHARS
    new = tuple.__new__  # half the price of Raw(...), once for every row of a file
    while used < len(lines):
        base = used
        reader = form.reader(lines[base:] if base else lines)
        try:
            for cells in reader:
                after = base + reader.line_num
                if after - used > 1:
                    if _is_glued(cells, lines[used + 1 : after], form, width):
                        break
                    batch.append(Raw(line + used, cells, is_long=True))
                else:
                    batch.append(new(Raw, (line + used, cells, False, is_long)))
                used = after
            else:
                return batch, used
        except csv.Error:
            reached = base + reader.line_num
            goes_on = reached >= len(lines) and not is_end
            if goes_on and sum(map(len, lines[used:])) < RECORD_LIMIT:
                return batch, used
            is_broken = reached - used > 1 or (is_end and _is_open(lines[used], form))
            batch.append(_one_line(lines[used], form, line + used, is_broken=is_broken))
        else:
            batch.append(_one_line(lines[used], form, line + used, is_broken=True))
        used += 1
    return batch, used


def _is_glued(cells: list[str], inner: list[str], form: Format, width: int) -> bool:
    if width < 3 or len(cells) >= width:
        return False
    return any(text.count(form.delimiter) >= width - 1 for text in inner)


def _is_open(text: str, form: Format) -> bool:
    try:
        list(form.reader([text]))
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def _one_line(text: str, form: Format, line: int, *, is_broken: bool) -> Raw:
    text = text.rstrip("\r\n")
    reader = form.reader([text], strict=False, quoted=not is_broken)
    return Raw(line, next(reader, []), is_broken, is_long=True)
