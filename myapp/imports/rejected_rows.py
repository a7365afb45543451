"""Rejected rows as CSV: what stood in the file, where, and why it was refused.

Made to be mended and imported again. A cell that a spreadsheet would run as a formula is
preceded by an apostrophe; telephone numbers are left alone.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from myapp.imports import csv_header

_RUNS = frozenset("=+-@\t\r")
_PLAIN_PHONE = re.compile(r"\+(?=(?:\D*\d){7})[\d\s().\-/]+", re.ASCII)
_FLUSH_CHARS = 1 << 16


def rejected_csv(
    columns: Sequence[str], rows: Iterable[tuple[Sequence[str], int, str]]
) -> Iterator[str]:
    r"""Write rows of (cells, line, reason) as CSV text, piece by piece.

    >>> "".join(rejected_csv(["Email"], [(["=1+1"], 7, "Not an e-mail")]))
    "Email,Line,Reason\r\n'=1+1,7,Not an e-mail\r\n"
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    names = csv_header.names([*columns, "Line", "Reason"])
    writer.writerow(map(neutral, names))
    width = len(columns)
    for cells, line, reason in rows:
        kept = [*cells[:width], *[""] * (width - len(cells))]
        # Cells beyond the header stand behind the reason: nothing of the row is lost.
        writer.writerow([*map(neutral, [*kept, str(line), reason, *cells[width:]])])
        if buffer.tell() > _FLUSH_CHARS:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def neutral(cell: str) -> str:
    """Keep a spreadsheet from running a cell.

    >>> neutral("=1+1"), neutral("+49 30 1234567"), neutral("-1")
    ("'=1+1", '+49 30 1234567', "'-1")
    """
    if cell[:1] in _RUNS and cell and not _PLAIN_PHONE.fullmatch(cell):
        return "'" + cell
    return cell
