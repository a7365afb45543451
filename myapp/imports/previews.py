"""A file before its import: looked into, read another way, mapped. Private to the context."""

import asyncio
from pathlib import PurePath
from typing import Any

from myapp.accounts.scope import Scope
from myapp.imports import announcements, csv_dialect, csv_reader, mapping, progress, store
from myapp.imports.csv_reader import Dialect, Preview
from myapp.imports.events import ColumnView, PreviewView
from myapp.imports.mapping import Field, Mapping
from myapp.imports.schemas import ImportBatch
from myapp.imports.store import StoredFile
from myapp.imports.unreadable import Unreadable
from myapp.kit.changeset import Attrs, Changeset

DELIMITERS = csv_dialect.DELIMITER_NAMES
ENCODINGS = (
    "utf-8", "utf-16", "cp1252", "latin-1", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257",
    "mac_roman", "koi8_r", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
)  # fmt: skip
NAME_LIMIT = 200
SAMPLES = 3
GONE = "The uploaded file is no longer there; upload it again."
_READING = {"encoding": str, "delimiter": str, "has_header": bool}
_CELL_SHOWN = 200


async def first_look(scope: Scope, filename: str, stored: StoredFile) -> ImportBatch:
    """Look into a stored file and return a batch for it, not yet written; raises ``Unreadable``."""
    seen = await asyncio.to_thread(csv_reader.inspect, store.path_of(stored.name))
    batch = ImportBatch(
        workspace_id=announcements.workspace_of(scope),
        person_id=scope.person_id,
        person_name=scope.person_name,
        filename=_file_name(filename),
        size_bytes=stored.size,
        sha256=stored.sha256,
        stored_as=stored.name,
    )
    for field, value in _found(seen).items():
        setattr(batch, field, value)
    return batch


async def read(batch: ImportBatch) -> PreviewView:
    """Return what a batch's file holds, read the way the batch says; raises ``Unreadable``."""
    dialect = Dialect.from_json(batch.dialect)
    seen = await _inspect(batch, dialect.encoding, dialect.delimiter, has_header=dialect.has_header)
    chosen = Mapping.from_json(batch.mapping)
    return PreviewView(
        batch=progress.view(batch),
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
        has_header=dialect.has_header,
        columns=tuple(
            ColumnView(index, name, str(field), _samples(seen, index))
            for index, (name, field) in enumerate(zip(chosen.columns, chosen.fields, strict=True))
        ),
        rows=tuple(tuple(map(_clipped, row)) for row in seen.rows),
        warnings=seen.warnings,
        rows_estimated=batch.rows_estimated,
        problem=chosen.error() or "",
    )


async def read_anew(batch: ImportBatch, attrs: Attrs) -> Changeset[Any]:
    """Return the changes of reading a file another way; what cannot be read is an error."""
    dialect = Dialect.from_json(batch.dialect)
    before = {name: getattr(dialect, name) for name in _READING}
    delimiters = {name: sign for sign, name in DELIMITERS.items()}
    # A delimiter may come by name: a form strips the tab it would send.
    named = dict(attrs)
    named["delimiter"] = delimiters.get(str(attrs.get("delimiter")), attrs.get("delimiter"))
    choice = Changeset(before, types=_READING)
    if (sign := named.pop("delimiter")) is not None:
        choice.put("delimiter", sign).validate_inclusion("delimiter", DELIMITERS)
    choice.cast(named, ["encoding", "has_header"])
    if not choice.is_valid:
        return choice
    try:
        seen = await _inspect(
            batch,
            choice.value("encoding"),
            choice.value("delimiter"),
            has_header=choice.value("has_header"),
        )
    except Unreadable as error:
        return choice.add_error("encoding", error.message)
    changeset = Changeset(batch)
    for field, value in _found(seen).items():
        changeset.put(field, value)
    return changeset


def mapped_anew(batch: ImportBatch, attrs: Attrs) -> Changeset[Any]:
    """Return the changes of mapping columns; a mapping that cannot be used is an error on ``fields``."""
    changeset = Changeset(batch)
    now = Mapping.from_json(batch.mapping)
    fields = list(attrs.get("fields") or now.fields)
    if len(fields) != len(now.columns):
        return changeset.add_error("fields", "Choose a field for every column.")
    try:
        for index in range(len(fields)):
            given = attrs.get(str(index), attrs.get(index))
            fields[index] = Field(fields[index] if given is None else given)
    except ValueError:
        return changeset.add_error("fields", "This is not a field of contacts.")
    chosen = Mapping(now.columns, tuple(fields))
    if problem := chosen.error():
        return changeset.add_error("fields", problem)
    return changeset.put("mapping", chosen.to_json())


async def _inspect(
    batch: ImportBatch, encoding: str, delimiter: str, *, has_header: bool
) -> Preview:
    try:
        return await asyncio.to_thread(
            csv_reader.inspect,
            store.path_of(batch.stored_as),
            encoding=encoding,
            delimiter=delimiter,
            has_header=has_header,
        )
    except FileNotFoundError:
        raise Unreadable(GONE) from None


def _found(seen: Preview) -> dict[str, Any]:
    suggested = mapping.suggest(seen.columns, seen.rows)
    return {
        "dialect": seen.dialect.to_json(),
        "mapping": Mapping.of(seen.columns, suggested).to_json(),
        "rows_estimated": seen.estimated_rows,
    }


def _file_name(name: str) -> str:
    # Browsers send a bare name; others may send a path, of either kind of slash, or control characters.
    last = PurePath(name.replace("\\", "/")).name
    kept = "".join(sign for sign in last if sign.isprintable())
    return kept[-NAME_LIMIT:] or "contacts.csv"


def _samples(seen: Preview, index: int) -> tuple[str, ...]:
    cells = (row[index].strip() for row in seen.rows if index < len(row))
    return tuple(dict.fromkeys(_clipped(cell) for cell in cells if cell))[:SAMPLES]


def _clipped(cell: str) -> str:
    return cell if len(cell) <= _CELL_SHOWN else cell[:_CELL_SHOWN] + "…"
