"""An import's page: what was found in its file, how far it is, what became of each row."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from myapp import imports
from myapp.accounts import Role
from myapp.imports import ImportBatchView, PreviewView
from myapp.kit.changeset import Changeset
from myapp.kit.repo import NotFound
from myapp.kit.result import Error, Ok
from myapp.live import watch
from myapp.live.state import allow
from myapp.live.vars import LiveVar
from myapp.web.components import core, feedback, fields, layouts, progress, tables
from myapp.web.pages.imports import tone_of
from myapp.web.shell import ScopedState, Shell, page

TARGETS = [(str(field), field.label) for field in imports.Field]
DELIMITERS = [(sign, name.title()) for sign, name in imports.DELIMITERS.items()]
ENCODINGS = [(name, name.upper().replace("_", "-")) for name in imports.ENCODINGS]
HEADERS = [("yes", "Column names"), ("no", "A contact")]


def _nothing() -> ImportBatchView:
    """Return what stands before an import has arrived in the browser."""
    blank: dict[str, Any] = {
        field.name: field.type() if isinstance(field.type, type) else None
        for field in dataclasses.fields(ImportBatchView)
    }
    return ImportBatchView(**blank)


@dataclass(frozen=True)
class PreviewColumn:
    """A column of the file, what it becomes, and what stands in it."""

    index: int
    name: str
    target: str
    samples: str


@dataclass(frozen=True)
class Remark:
    """One line about a row: where, what, why."""

    line: int
    column: str
    value: str
    reason: str


class ImportShow(ScopedState, rx.State):
    """One import: what was found in the file, its progress, what became of each row."""

    batch = LiveVar(ImportBatchView, _nothing(), kind="import")
    columns: list[PreviewColumn] = []  # noqa: RUF012 (Reflex copies defaults per session)
    warnings: list[str] = []  # noqa: RUF012
    encoding: str = ""
    delimiter: str = ""
    header: str = "yes"
    rejected: list[Remark] = []  # noqa: RUF012
    remarks: list[Remark] = []  # noqa: RUF012
    problem: str = ""
    shown_id: str = ""
    is_missing: bool = False
    _batch_id: UUID | None = None

    @allow(Role.VIEWER)
    async def _mount(self) -> None:
        self.columns, self.rejected, self.remarks, self.problem = [], [], [], ""
        self.is_missing, self.shown_id = False, ""
        try:
            self._batch_id = UUID(str(self._params.get("batch_id")))
            batch = await imports.get_batch(self._scope, self._batch_id)
        except (ValueError, NotFound):
            self.is_missing = True
            return
        await self._join(imports.batch_topic(self._scope, self._batch_id))
        if batch.phase == "uploaded":
            self._show_preview(await imports.preview(self._scope, self._batch_id))
        await self._show_remarks(batch)
        self.shown_id = batch.id

    def _page_title(self) -> str:
        return self.batch.filename or "Import"

    @rx.event
    @allow(Role.VIEWER)
    async def refresh(self) -> None:
        """List the rows somebody should look at; asked when their first page can have changed."""
        await self._show_remarks(await imports.get_batch(self._scope, self._id()))

    @rx.event
    @allow(Role.MEMBER)
    async def read_as(self, setting: str, value: str) -> None:
        """Read the file another way: its encoding, its delimiter, whether it has a header."""
        attrs = {"has_header": value == "yes"} if setting == "has_header" else {setting: value}
        self._show(await imports.update_reading(self._scope, self._id(), attrs))

    @rx.event
    @allow(Role.MEMBER)
    async def map_column(self, index: int, target: str) -> None:
        """Say what a column becomes."""
        self._show(await imports.update_mapping(self._scope, self._id(), {str(index): target}))

    @rx.event
    @allow(Role.MEMBER)
    async def start(self) -> None:
        """Start the import; everybody in the workspace sees it run."""
        result = await imports.start_import(self._scope, self._id())
        if isinstance(result, Error):
            self.problem = _words(result.error)

    @rx.event
    @allow(Role.MEMBER)
    async def cancel(self) -> None:
        """Stop the import within one chunk; what is imported stays."""
        await imports.cancel_import(self._scope, self._id())

    @rx.event
    @allow(Role.MEMBER)
    async def discard(self) -> Any:
        """Throw an uploaded file away before anything came of it."""
        await imports.delete_batch(self._scope, self._id())
        return rx.redirect(f"{self._base}/imports")

    @rx.var
    def columns_summary(self) -> str:
        """How many of the file's columns are taken over."""
        taken = sum(column.target != imports.Field.IGNORE for column in self.columns)
        return f"{taken} of {len(self.columns)} columns are imported"

    def _id(self) -> UUID:
        if self._batch_id is None:
            raise NotFound(NotFound.__doc__)
        return self._batch_id

    def _show(self, result: Ok[PreviewView] | Error[Changeset]) -> None:
        match result:
            case Ok(preview):
                self._show_preview(preview)
            case Error(changeset):
                self.problem = _words(changeset)

    def _show_preview(self, preview: PreviewView) -> None:
        self.columns = [
            PreviewColumn(each.index, each.name, each.field, " · ".join(filter(None, each.samples)))
            for each in preview.columns
        ]
        self.problem, self.warnings = preview.problem, list(preview.warnings)
        self.encoding, self.delimiter = preview.encoding, preview.delimiter
        self.header = "yes" if preview.has_header else "no"

    async def _show_remarks(self, batch: ImportBatchView) -> None:
        if batch.rows_rejected:
            rejected = await imports.rejected_rows(self._scope, self._id())
            self.rejected = [
                Remark(each.line, each.column, each.value, each.reason) for each in rejected.rows
            ]
        if batch.is_done:
            remarks = await imports.remarks(self._scope, self._id())
            self.remarks = [
                Remark(each.line, each.column, each.value, each.text) for each in remarks.rows
            ]


def _words(changeset: Changeset) -> str:
    return " ".join(message for messages in changeset.errors.values() for message in messages)


def import_show() -> rx.Component:
    """One import's page, from preview to receipt."""
    return page(
        "imports",
        rx.cond(ImportShow.is_missing, missing_import(), shown_import()),
        is_ready=ImportShow.is_missing
        | ((ImportShow.shown_id != "") & (ImportShow.batch.id == ImportShow.shown_id)),
    )


def shown_import() -> rx.Component:
    """The stage the import is in."""
    batch = ImportShow.batch
    return rx.fragment(
        core.header(
            batch.filename,
            back=("Back", Shell.base + "/imports"),
            actions=[
                rx.match(
                    batch.phase,
                    ("uploaded", start_buttons()),
                    ("finished", core.link_button("See the list", Shell.base + "/contacts")),
                    ("cancelled", rx.fragment()),
                    ("failed", rx.fragment()),
                    (
                        "cancelling",
                        core.button("Cancelling…", variant="danger", is_disabled=True),
                    ),
                    core.button("Cancel import", variant="danger", on_click=ImportShow.cancel),
                )
            ],
        ),
        layouts.page(
            rx.cond(
                ImportShow.problem != "",
                feedback.banner(
                    ImportShow.problem, tone="danger", icon_name="triangle-alert", role="alert"
                ),
                rx.fragment(),
            ),
            rx.cond(batch.phase == "uploaded", preview_stage(), progress_stage()),
            width="narrow",
        ),
    )


def start_buttons() -> rx.Component:
    """What can be done with an uploaded file."""
    return rx.el.div(
        feedback.status(ImportShow.batch.phase_text, "warning"),
        core.button("Discard", variant="ghost", on_click=ImportShow.discard),
        core.button(
            "Start import",
            variant="primary",
            icon_name="play",
            is_disabled=ImportShow.problem != "",
            on_click=ImportShow.start,
        ),
        class_name="cluster",
    )


def preview_stage() -> rx.Component:
    """How the file is read and what its columns become, changeable before anything is written."""
    return rx.fragment(
        rx.foreach(
            ImportShow.warnings,
            lambda words: feedback.banner(words, tone="warning", icon_name="triangle-alert"),
        ),
        core.card(
            fields.form_row(
                reading_field("Encoding", "encoding", ENCODINGS, ImportShow.encoding),
                reading_field("Delimiter", "delimiter", DELIMITERS, ImportShow.delimiter),
                reading_field("First row", "has_header", HEADERS, ImportShow.header),
            ),
            title="How the file is read",
            action=core.meta(core.size(ImportShow.batch.size_bytes)),
        ),
        core.section(
            "Columns",
            tables.table(
                "Columns of the file",
                [
                    tables.head("In the file", "plain"),
                    tables.head("Becomes", "plain"),
                    tables.head("First rows", "secondary"),
                ],
                rx.foreach(ImportShow.columns, column_row),
            ),
            action=core.meta(ImportShow.columns_summary),
        ),
    )


def reading_field(
    label: str, setting: str, options: Sequence[tuple[str, str]], value: Any
) -> rx.Component:
    """One setting of how the file is read."""
    control_id = f"reading-{setting}"
    return fields.field(
        label,
        fields.select(
            options,
            id=control_id,
            value=value,
            on_change=lambda chosen: ImportShow.read_as(setting, chosen),
        ),
        control_id=control_id,
    )


def column_row(column: Any) -> rx.Component:
    """One column of the file and what it becomes."""
    return tables.row(
        tables.cell(rx.el.strong(column.name)),
        tables.cell(
            fields.select(
                TARGETS,
                label="Column " + column.name,
                value=column.target,
                on_change=lambda chosen: ImportShow.map_column(column.index, chosen),
            ),
            "control",
        ),
        tables.cell(column.samples, "secondary", title=column.samples),
        key=column.index.to_string(),
    )


def progress_stage() -> rx.Component:
    """The bar, the six counts, and the rows somebody must look at."""
    state: Any = ImportShow  # in a page its attributes are vars
    batch = state.batch
    return rx.fragment(
        core.card(
            core.stack(
                core.split(
                    feedback.status(batch.phase_text, tone_of(batch)),
                    rx.el.strong(batch.percent.to_string() + "%", class_name="numeric"),
                ),
                progress.progress_bar(
                    "Import progress",
                    batch.percent,
                    tone=tone_of(batch),
                ),
                rx.el.div(
                    rx.el.span(core.number(batch.rows_read), " rows"),
                    rx.cond(
                        batch.rows_per_s > 0,
                        rx.el.span(core.number(batch.rows_per_s), " rows/s"),
                        rx.fragment(),
                    ),
                    rx.cond(
                        batch.is_running & (batch.seconds_left > 0),
                        rx.el.span(core.number(batch.seconds_left), " s left"),
                        rx.fragment(),
                    ),
                    rx.cond(
                        batch.is_done & (batch.rows_remaining > 0),
                        rx.el.span(core.number(batch.rows_remaining), " rows not imported"),
                        rx.fragment(),
                    ),
                    rx.el.span("by ", batch.person_name),
                    class_name="meta",
                ),
                rx.cond(
                    batch.problem != "",
                    rx.el.p(batch.problem, class_name="field__error", role="alert"),
                    rx.fragment(),
                ),
                is_tight=True,
            ),
        ),
        progress.fates(
            created=batch.rows_created,
            updated=batch.rows_updated,
            unchanged=batch.rows_unchanged,
            merged=batch.rows_merged,
            skipped=batch.rows_skipped,
            rejected=batch.rows_rejected,
        ),
        remarks_follower(batch),
        rx.cond(
            batch.rows_rejected > 0,
            remark_table(
                "Rejected rows",
                ImportShow.rejected,
                core.download_button(
                    "Download rejected rows",
                    Shell.base + "/imports/" + batch.id + "/rejected.csv",
                ),
            ),
            rx.fragment(),
        ),
        rx.cond(
            state.remarks.length() > 0,
            remark_table("Remarks", ImportShow.remarks, rx.fragment()),
            rx.fragment(),
        ),
    )


def remarks_follower(batch: Any) -> rx.Component:
    """Ask for the listed rows again whenever they can have changed, and only then.

    The first page is all that is listed, so a long import asks a few times, not with every chunk.
    """
    listed = rx.cond(
        batch.rows_rejected > imports.PAGE_SIZE, imports.PAGE_SIZE, batch.rows_rejected
    )
    return watch.watch(listed.to_string() + batch.is_done.to_string(), on_change=ImportShow.refresh)


def remark_table(title: str, rows: Any, action: rx.Component) -> rx.Component:
    """Rows somebody should look at, with line, column, value and reason."""
    return core.section(
        title,
        tables.table(
            title,
            [
                tables.head("Line", "number"),
                tables.head("Column", "secondary"),
                tables.head("Value", "plain"),
                tables.head("Reason", "plain"),
            ],
            rx.foreach(rows, remark_row),
        ),
        action=action,
    )


def remark_row(remark: Any) -> rx.Component:
    """One such row."""
    return tables.row(
        tables.cell(remark.line.to_string(), "number"),
        tables.cell(remark.column, "secondary"),
        tables.cell(core.code(remark.value), "wrap"),
        tables.cell(remark.reason, "wrap"),
    )


def missing_import() -> rx.Component:
    """What stands at the address of no import."""
    return rx.fragment(
        core.header("Import", back=("Back", Shell.base + "/imports")),
        layouts.page(
            core.card(
                feedback.empty_state(
                    "file-x",
                    "This import does not exist",
                    "It may have been discarded, or the address is mistyped.",
                    action=core.link_button("See the others", Shell.base + "/imports"),
                )
            )
        ),
    )
