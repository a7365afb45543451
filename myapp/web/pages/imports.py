"""Imports: the live list, and the upload of a file."""

from typing import Any

import reflex as rx

from myapp import imports
from myapp.accounts import Role
from myapp.imports import ImportBatchView
from myapp.live.state import allow
from myapp.live.stream import Stream
from myapp.web.components import core, feedback, layouts, progress, tables
from myapp.web.components.uploader import uploader
from myapp.web.shell import ScopedState, Shell, page


class ImportIndex(ScopedState, rx.State):
    """Lists the workspace's imports and follows their progress."""

    rows = Stream(ImportBatchView, kind="imports")
    is_ready: bool = False

    @allow(Role.VIEWER)
    async def _mount(self) -> None:
        await self._join(imports.list_topic(self._scope), self.rows)
        await self._load()
        self.is_ready = True

    def _page_title(self) -> str:
        return "Imports"

    @rx.event
    @allow(Role.VIEWER)
    async def refresh(self) -> None:
        """Ask for the list again, after an import came or went."""
        await self._load()

    async def _load(self) -> None:
        window = await imports.list_batches(self._scope)
        self.rows.reset(window.rows, seq=window.seq, total=window.total)


class ImportNew(ScopedState, rx.State):
    """The upload."""

    limit_bytes: int = 0
    is_ready: bool = False

    @allow(Role.MEMBER)
    async def _mount(self) -> None:
        self.limit_bytes = imports.upload_limit()
        self.is_ready = True

    def _page_title(self) -> str:
        return "New import"


def batch_progress(batch: Any) -> rx.Component:
    """An import's bar."""
    return progress.progress_line("Import progress", batch.percent)


def import_index() -> rx.Component:
    """The list."""
    new = core.link_button(
        "New import", Shell.base + "/imports/new", variant="primary", icon_name="plus"
    )
    return page(
        "imports",
        core.header("Imports", actions=[new]),
        layouts.page(
            rx.cond(
                ImportIndex.rows.length() > 0,
                tables.table(
                    "Imports",
                    [
                        tables.head("File", "main"),
                        tables.head("Phase", "optional"),
                        tables.head("Result", "progress"),
                        tables.head("Rows", "number", "secondary"),
                        tables.head("Started by", "optional"),
                        tables.head("Added", "number", "optional"),
                    ],
                    rx.foreach(ImportIndex.rows, import_row),
                ),
                core.card(
                    feedback.empty_state(
                        "file-up",
                        "No imports yet",
                        "Bring in contacts from a CSV file. "
                        "You see a preview before anything is written.",
                        action=core.link_button(
                            "Choose a file", Shell.base + "/imports/new", icon_name="plus"
                        ),
                    )
                ),
            ),
            is_dense=True,
        ),
        is_ready=ImportIndex.is_ready,
    )


def import_row(batch: Any) -> rx.Component:
    """One import of the list, its bar while it runs, its result afterwards."""
    return tables.row(
        tables.main_cell(
            batch.filename,
            href=Shell.base + "/imports/" + batch.id,
            sub=batch.phase_text + " · " + batch.person_name,
        ),
        tables.cell(core.badge(batch.phase_text, tone_of(batch)), "optional"),
        tables.cell(rx.cond(batch.is_running, batch_progress(batch), result_of(batch)), "progress"),
        tables.cell(core.number(batch.rows_read), "number", "secondary"),
        tables.cell(batch.person_name, "optional"),
        tables.cell(core.moment(batch.inserted_at), "number", "optional"),
        key=batch.id,
    )


def tone_of(batch: Any) -> Any:
    """Return the tone of an import's phase."""
    return rx.match(
        batch.phase,
        ("uploaded", "warning"),
        ("finished", "success"),
        ("cancelled", "neutral"),
        ("failed", "danger"),
        "accent",
    )


def result_of(batch: Any) -> Any:
    """An ended import in a few words."""
    return rx.match(
        batch.phase,
        ("uploaded", rx.el.span("Ready to start")),
        ("failed", rx.el.span(batch.problem)),
        rx.el.span(
            core.number(batch.rows_created),
            " created",
            *[
                rx.cond(count > 0, rx.el.span(" · ", core.number(count), f" {fate}"), rx.fragment())
                for fate, count in (
                    ("updated", batch.rows_updated),
                    ("unchanged", batch.rows_unchanged),
                    ("rejected", batch.rows_rejected),
                )
            ],
            class_name="numeric",
        ),
    )


def import_new() -> rx.Component:
    """The upload's page."""
    return page(
        "imports",
        core.header("New import", back=("Back", Shell.base + "/imports")),
        layouts.page(
            uploader(
                Shell.base + "/uploads",
                limit_bytes=ImportNew.limit_bytes,
                hint="CSV up to 512 MB. You see a preview before anything is written.",
            ),
            width="form",
        ),
        is_ready=ImportNew.is_ready,
    )
