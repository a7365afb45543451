"""Staging: rows of a file written into the database by COPY. Private to the context.

Reading is work for a processor, so it happens in a thread, one chunk ahead of the COPY. A chunk's text
is made by hand: PostgreSQL's text format with the usual case (nothing to escape) first.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from myapp.imports import csv_reader, row_values
from myapp.imports.csv_reader import Dialect, Record
from myapp.imports.mapping import Mapping
from myapp.imports.row_values import Checks, Read, RowValues
from myapp.imports.schemas import ImportBatch
from myapp.kit.ids import uuid7

COLUMNS = (
    "workspace_id", "batch_id", "ordinal", "line", "cells", "contact_id", "first_name", "last_name",
    "emails", "phones", "phone_keys", "organization", "notes", "kind", "hash", "fate", "problems",
    "remarks",
)  # fmt: skip
COPY = f"COPY import_rows ({', '.join(COLUMNS)}) FROM STDIN"
CHUNK_ROWS = 5_000
_UNUSUAL = re.compile(r'[\\"\t\n\r\v\f\b]')
_COPY_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
)
_ELEMENT_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})
_LOW_BITS = 64


@dataclass(frozen=True, slots=True)
class StagedChunk:
    """The text of one COPY and what it holds; ``last`` is the ordinal of its last row."""

    data: bytes
    last: int
    rows: int
    skipped: int
    rejected: int
    by_phone: int


async def read_chunks(
    path: Path, batch: ImportBatch, *, checks: Checks = "full"
) -> AsyncIterator[StagedChunk]:
    """Read a batch's file from where it is staged up to, one chunk ahead of whoever asks."""
    dialect, mapping = Dialect.from_json(batch.dialect), Mapping.from_json(batch.mapping)
    chunks = csv_reader.chunks(path, dialect, CHUNK_ROWS, batch.cursor)
    maker = _Maker(row_values.reader(mapping, checks), (batch.workspace_id, batch.id))
    ahead = asyncio.create_task(asyncio.to_thread(_next, chunks, maker))
    try:
        while (chunk := await ahead) is not None:
            ahead = asyncio.create_task(asyncio.to_thread(_next, chunks, maker))
            yield chunk
    finally:
        # The thread cannot be interrupted; it ends with its chunk, and the file is closed after it.
        await asyncio.gather(ahead, return_exceptions=True)


def _next(chunks: Iterator[list[Record]], maker: "_Maker") -> StagedChunk | None:
    records = next(chunks, None)
    return None if records is None else maker.make(records)


class _Maker:
    """Makes the text of chunks for one batch."""

    def __init__(self, read: Read, ids: tuple[UUID, UUID]) -> None:
        self._read = read
        self._prefix = f"{ids[0]}\t{ids[1]}\t"

    def make(self, records: Sequence[Record]) -> StagedChunk:
        """Read a chunk's records and write them as lines of COPY."""
        read, prefix = self._read, self._prefix
        base = uuid7().int
        high, low = f"{base >> _LOW_BITS:016x}", base & ((1 << _LOW_BITS) - 1)
        # Ids of one clock reading, counted up; the counter stays below the variant's bits.
        low &= ~(1 << 61)
        seen: Counter[str] = Counter()
        lines = []
        for number, record in enumerate(records):
            ordinal, line, cells, problem = record
            said = read(cells, problem)
            head = f"{prefix}{ordinal}\t{line}\t{_array(cells)}\t"
            if said.key:
                kind = said.key[0]
                if kind == "p":
                    seen[kind] += 1
                lines.append(f"{head}{high}{low + number:016x}\t{_values(said, kind)}")
            else:
                fate = "skipped" if said.is_blank else "rejected"
                seen[fate] += 1
                problems = "\\N" if said.is_blank else _copied(_json(said.problems))
                lines.append(
                    f"{head}\\N\t\\N\t\\N\t{{}}\t{{}}\t{{}}\t\\N\t\\N\t\\N\t\\N\t{fate}\t{problems}\t\\N\n"
                )
        return StagedChunk(
            data="".join(lines).encode("utf-8", "replace"),
            last=records[-1].ordinal,
            rows=len(records),
            skipped=seen["skipped"],
            rejected=seen["rejected"],
            by_phone=seen["p"],
        )


def _values(said: RowValues, kind: str) -> str:
    first, last, emails, phones, organization, notes, key, _, remarks, _ = said
    hash_ = key[2:] if kind == "h" else "\\N"
    shown = _copied(json.dumps(remarks, ensure_ascii=False)) if remarks else "\\N"
    return (
        f"{_text(first)}\t{_text(last)}\t{_array([email[0] for email in emails])}"
        f"\t{_array([phone[0] for phone in phones])}\t{_array([phone[1] for phone in phones])}"
        f"\t{_text(organization)}\t{_text(notes)}\t{kind}\t{hash_}\t\\N\t\\N\t{shown}\n"
    )


def _text(value: str) -> str:
    if not value:
        return "\\N"
    return value.translate(_COPY_ESCAPES) if _UNUSUAL.search(value) else value


def _array(values: Sequence[str]) -> str:
    if not values:
        return "{}"
    text = '","'.join(values)
    if not _UNUSUAL.search(text if len(values) == 1 else "".join(values)):
        return f'{{"{text}"}}'
    escaped = '","'.join(value.translate(_ELEMENT_ESCAPES) for value in values)
    return _copied(f'{{"{escaped}"}}')


def _copied(text: str) -> str:
    return text.translate(_COPY_ESCAPES)


def _json(problems: Sequence[Any]) -> str:
    return json.dumps([list(problem) for problem in problems], ensure_ascii=False)
