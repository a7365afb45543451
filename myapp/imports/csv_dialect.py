"""The dialect of a file: everything needed to read it the same way again.

Delimiters are judged by what they make of the first records (how even the rows become, quotes
respected), not by counting characters.
"""

import dataclasses
import io
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from myapp.imports import csv_encoding, csv_records, field_names
from myapp.imports.csv_records import Format

DELIMITERS = (",", ";", "\t", "|", ":")
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", ":": "colon"}
_SAMPLE_RECORDS = 200


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read one file; kept with its import, so that a resumed job reads it alike.

    >>> Dialect.from_json(Dialect(delimiter=";", columns=("Name",)).to_json()).delimiter
    ';'
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    skips_space: bool = False
    has_header: bool = True
    header_line: int = 1
    columns: tuple[str, ...] = ()
    has_nul: bool = False
    errors: str = "strict"

    @property
    def format(self) -> Format:
        """How cells are told apart."""
        return Format(self.delimiter, self.quote, self.escape, self.skips_space)

    @property
    def codec(self) -> str:
        """The codec to open the file with."""
        return csv_encoding.codec(self.encoding)

    def to_json(self) -> dict[str, Any]:
        """Return the dialect as JSON types."""
        return {**dataclasses.asdict(self), "columns": list(self.columns)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Dialect":
        """Return the dialect that ``to_json`` has written."""
        values: dict[str, Any] = {**data, "columns": tuple(data["columns"])}
        return cls(**values)


def detect_format(text: str, delimiter: str | None = None) -> Format:
    r"""Find how the cells of a text are told apart; a given delimiter is kept.

    >>> detect_format("a;b\n1,5;2\n").delimiter
    ';'
    """
    quote = _quote(text)
    escape = "\\" if quote and _is_escaped(text, quote) else None
    if delimiter is None:
        delimiter = _delimiter(text, quote, escape)
    return Format(delimiter, quote, escape, _skips_space(text, delimiter, quote))


def records(text: str, form: Format, limit: int = _SAMPLE_RECORDS) -> list[csv_records.Raw]:
    """Read the first records of a text."""
    batches = csv_records.batches(io.StringIO(text, newline=""), form)
    return list(itertools.islice(itertools.chain.from_iterable(batches), limit))


def is_blank(cells: Sequence[str]) -> bool:
    """Tell whether a record says nothing."""
    return not any(cells) or not "".join(cells).strip()


def _delimiter(text: str, quote: str | None, escape: str | None) -> str:
    scores = {}
    for delimiter in DELIMITERS:
        form = Format(delimiter, quote, escape, _skips_space(text, delimiter, quote))
        rows = [raw.cells for raw in records(text, form) if not is_blank(raw.cells)]
        scores[delimiter] = _evenness(rows, delimiter)
    best = max(scores, key=lambda delimiter: scores[delimiter])
    return best if scores[best] > 0 else ","


def _evenness(rows: list[list[str]], delimiter: str) -> float:
    if not rows:
        return 0.0
    first = rows[0]
    if len(first) == 1 and field_names.field_of(first[0]) and not _has_names(rows[1:30]):
        return 0.0  # a single column with a known name, whatever its values hold
    widths = Counter(map(len, rows))
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    wide = sum(n for w, n in widths.items() if w > 1) / len(rows)
    if width < 2 and wide < 0.5:
        width, count = max(
            ((w, n) for w, n in widths.items() if w > 1), default=(1, 0), key=lambda item: item[1]
        )
    share = count / len(rows)
    if width < 2 or (share < 0.5 and len(first) < 2):
        return 0.0
    if delimiter == ":" and not _is_colon_plausible(rows, share):
        return 0.0
    known = sum(1 for cell in first if field_names.field_of(cell))
    # Evenness first; of two even readings the one whose first row reads as a header, then the
    # one with more columns.
    return share * share * (1 + min(width, 20) / 20 + known) * (0.1 if delimiter == ":" else 1)


def _has_names(rows: list[list[str]]) -> bool:
    return any(field_names.known_count(cells) > 1 for cells in rows)


def _is_colon_plausible(rows: list[list[str]], share: float) -> bool:
    is_web = any(cell.startswith("//") for cells in rows for cell in cells)
    is_time = all(cell.strip().isdigit() for cells in rows[1:] for cell in cells)
    return share >= 0.9 and len(rows) > 1 and not is_web and not is_time


def _quote(text: str) -> str | None:
    if '"' in text:
        return '"'
    opening = len(re.findall(r"(?:^|[,;\t|])'(?=[^'\r\n]*'(?:[,;\t|\r\n]|$))", text, re.MULTILINE))
    return "'" if opening > 1 and opening * 2 >= text.count("'") * 0.8 else '"'


def _is_escaped(text: str, quote: str) -> bool:
    return re.search(rf"\\{quote}(?![,;\t|:\r\n])[^{quote}\r\n]*{quote}", text) is not None


def _skips_space(text: str, delimiter: str, quote: str | None) -> bool:
    if quote is None or delimiter == "\t":
        return False
    return f"{delimiter} {quote}" in text and f"{delimiter}{quote}" not in text
