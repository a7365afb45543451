"""The dashboard: figures of the workspace and the running imports, pushed."""

from typing import Any

import reflex as rx

from myapp import dashboard
from myapp.accounts import Role
from myapp.imports import ImportBatchView
from myapp.live.state import allow
from myapp.live.vars import LiveVar
from myapp.web.components import core, feedback, layouts, progress, tables
from myapp.web.pages.imports import batch_progress
from myapp.web.shell import ScopedState, Shell, page


class Dashboard(ScopedState, rx.State):
    """Live figures of the workspace; nothing of them is stored per session."""

    contacts = LiveVar(int, 0, kind="dashboard")
    organizations = LiveVar(int, 0, kind="dashboard")
    importing = LiveVar(int, 0, kind="dashboard")
    imported_today = LiveVar(int, 0, kind="dashboard")
    running = LiveVar(list[ImportBatchView], [], kind="dashboard")
    is_ready: bool = False

    @allow(Role.VIEWER)
    async def _mount(self) -> None:
        await self._join(dashboard.topic(self._scope))
        self.is_ready = True

    def _page_title(self) -> str:
        return "Dashboard"


def dashboard_show() -> rx.Component:
    """The page."""
    return page(
        "dashboard",
        core.header(
            "Dashboard",
            actions=[
                core.link_button(
                    "New import", Shell.base + "/imports/new", variant="primary", icon_name="plus"
                )
            ],
        ),
        layouts.page(
            progress.stats(
                progress.stat_tile(
                    "Contacts", Dashboard.contacts, icon_name="users", hint="in this workspace"
                ),
                progress.stat_tile(
                    "Organizations",
                    Dashboard.organizations,
                    icon_name="building-2",
                    hint="companies they work for",
                ),
                progress.stat_tile(
                    "Imports running", Dashboard.importing, icon_name="loader", hint="right now"
                ),
                progress.stat_tile(
                    "Rows imported today",
                    Dashboard.imported_today,
                    icon_name="rows-3",
                    hint="created, updated, unchanged or merged",
                ),
            ),
            rx.cond(Dashboard.importing > 0, running_imports(), no_imports()),
            width="narrow",
        ),
        is_ready=Dashboard.is_ready,
    )


def running_imports() -> rx.Component:
    """The imports at work now."""
    return core.card(
        tables.table(
            "Running imports",
            [
                tables.head("File", "main"),
                tables.head("Progress", "progress"),
                tables.head("Rows", "number", "secondary"),
                tables.head("Started by", "optional"),
            ],
            rx.foreach(Dashboard.running, running_row),
        ),
        title="Running imports",
        action=core.link("See all", Shell.base + "/imports"),
        is_flush=True,
    )


def running_row(batch: Any) -> rx.Component:
    """One import at work."""
    return tables.row(
        tables.main_cell(
            batch.filename, href=Shell.base + "/imports/" + batch.id, sub=batch.phase_text
        ),
        tables.cell(batch_progress(batch), "progress"),
        tables.cell(core.number(batch.rows_read), "number", "secondary"),
        tables.cell(batch.person_name, "optional"),
        key=batch.id,
    )


def no_imports() -> rx.Component:
    """What stands where no import runs."""
    return core.card(
        feedback.empty_state(
            "file-up",
            "No import is running",
            "Import a CSV file and everyone here sees it arrive, row by row.",
            action=core.link_button("See earlier ones", Shell.base + "/imports"),
        ),
        title="Running imports",
        is_flush=True,
    )
