"""Receipts: which rows were rejected and why, what was remarked. Private to the context."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID

from myapp import runtime
from myapp.accounts.scope import Scope
from myapp.imports import queries
from myapp.imports.events import RejectedPage, RejectedRow, Remark, RemarkPage
from myapp.imports.field_names import Field
from myapp.imports.mapping import Mapping
from myapp.imports.rejected_rows import rejected_csv as as_csv
from myapp.imports.schemas import ImportBatch

PAGE_SIZE = queries.PAGE_SIZE
_STREAMED_ROWS = 1_000


async def rejected(batch: ImportBatch, page: int) -> RejectedPage:
    """Return one page of a batch's rejected rows, from the open snapshot."""
    total = batch.rows_rejected
    pages = queries.total_pages(total, PAGE_SIZE)
    page = min(max(1, page), pages)
    found = await _rejected_rows(batch.id, after=0, offset=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    rows = tuple(
        RejectedRow(row.ordinal, row.line, column, value, reason)
        for row in found
        for column, value, reason in row.problems
    )
    return RejectedPage(rows, total, page, pages)


async def rejected_csv(scope: Scope, batch_id: UUID) -> AsyncIterator[bytes]:
    """Yield a batch's rejected rows as CSV, read in pages so that nothing is held between them."""
    async with runtime.repo.snapshot(scope):
        columns = Mapping.from_json((await runtime.repo.get(ImportBatch, batch_id)).mapping).columns
    header = "".join(as_csv(columns, []))
    # The mark makes spreadsheets read UTF-8.
    yield f"\ufeff{header}".encode()
    after = 0
    while True:
        async with runtime.repo.snapshot(scope):
            found = await _rejected_rows(batch_id, after=after, offset=0, limit=_STREAMED_ROWS)
        text = "".join(as_csv(columns, map(_as_rejected, found)))
        yield text.removeprefix(header).encode()
        if len(found) < _STREAMED_ROWS:
            return
        after = found[-1].ordinal


async def remarks(batch: ImportBatch, page: int) -> RemarkPage:
    """Return one page of a batch's remarks, from the open snapshot."""
    parameters = queries.identified(batch.id)
    total = (await runtime.repo.sql(queries.COUNT_REMARKED, parameters)).scalar_one()
    pages = queries.total_pages(total, PAGE_SIZE)
    page = min(max(1, page), pages)
    window = queries.identified(batch.id, offset=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    found = await runtime.repo.sql(queries.REMARKED, window)
    rows = tuple(remark for row in found for remark in _remarks(row))
    return RemarkPage(rows, total, page, pages)


async def _rejected_rows(batch_id: UUID, **window: int) -> Sequence[Any]:
    found = await runtime.repo.sql(queries.REJECTED, queries.identified(batch_id, **window))
    return found.all()


def _as_rejected(row: Any) -> tuple[Sequence[str], int, str]:
    return row.cells, row.line, "; ".join(reason for _, _, reason in row.problems)


def _remarks(row: Any) -> Iterable[Remark]:
    for text in row.read or ():
        yield Remark(row.ordinal, row.line, "", "", "", text)
    for said in row.merged or ():
        label = Field(said["column"]).label
        value, kept = said["value"], said["kept"] or ""
        if said["kept"] is None:
            text = f"{label} “{value}” belongs to another contact and was not added"
        else:
            text = f"{label} “{value}” differs from “{kept}” in a row above, which was kept"
        yield Remark(row.ordinal, row.line, label, value, kept, text)
