"""The States the tests of the live layer look through."""

import asyncio
from typing import Any, TypedDict
from uuid import UUID

import reflex as rx

from myapp.kit.topics import Topic
from myapp.live.form import FormState
from myapp.live.state import Async, LiveState, allow
from myapp.live.stream import Stream
from myapp.live.vars import LiveVar

WORKSPACE = UUID("01890000-0000-7000-8000-000000000001")
CONTACTS = Topic(WORKSPACE, "contacts")
DASHBOARD = Topic(WORKSPACE, "dashboard")


class Row(TypedDict):
    id: str
    version: int
    name: str


class Changes:
    def __init__(self, errors):
        self.errors = errors


class ContactPage(LiveState, rx.State):
    """A list of contacts with everything a page may have."""

    head = LiveVar(int, 0, kind="contacts")
    figures = LiveVar(int, 7, kind="dashboard", name="total")
    rows = Stream(Row, kind="contacts")
    report: Async = Async.pending()
    form: FormState = FormState()
    heard: rx.Field[list[str]] = rx.field(default_factory=list)
    seen: int = -1

    @allow("member")
    async def _mount(self) -> None:
        await self._join(CONTACTS, self.rows, info=True)
        self.rows.reset([{"id": "a", "version": 1, "name": "Ada"}], total=1)

    def _page_title(self) -> str:
        return "Contacts"

    def _handle_info(self, name: str, data: dict[str, Any]) -> None:
        self.heard = [*self.heard, name, *data]

    @allow("member")
    async def refresh(self) -> None:
        self.rows.reset([{"id": "a", "version": 9, "name": "Ada"}], total=1)

    @allow("member")
    async def look(self) -> None:
        self.seen = self.head

    @allow("admin")
    async def delete(self, contact_id: str) -> None:
        self.seen = 99 if contact_id else 0

    @allow("member")
    async def crash(self) -> None:
        raise ZeroDivisionError("a secret detail")

    @allow("member")
    async def miss(self) -> None:
        raise LookupError("There is no such contact.")

    @allow("member")
    async def go(self) -> Any:
        self._flash("success", "Saved.")
        return rx.redirect("/elsewhere")

    @allow("member")
    async def steps(self):
        self.seen = 1
        yield
        self.seen = 2

    @allow("member")
    async def work_out(self) -> None:
        async def forty_two():
            return 42

        self._assign_async("report", forty_two())

    @allow("member")
    async def work_for_ever(self) -> None:
        self._assign_async("report", asyncio.Event().wait())

    @allow("member")
    async def work_in_vain(self) -> None:
        async def fail():
            raise ZeroDivisionError

        self._assign_async("report", fail())

    @allow("member")
    async def save(self, values: dict[str, Any]) -> None:
        assert "_submission" not in values
        self.form = FormState.of(Changes({"email": ["is taken"]}))

    async def unguarded(self) -> None:
        self.seen = 77


class Scoped(LiveState, rx.State, mixin=True):
    """What an application puts between the layer and its pages."""

    total = LiveVar(int, 0, kind="dashboard")
    lines = Stream(Row)

    @property
    def _who(self) -> str:
        return self._identity.session_key if self._identity else "nobody"

    @allow("anyone")
    async def say_who(self) -> None:
        self._flash("info", self._who)


class DashboardPage(Scoped, rx.State):
    """Derived figures."""

    done: int = 0

    @allow("anyone")
    async def _mount(self) -> None:
        await self._join(DASHBOARD, self.lines)

    @rx.event(background=True)
    @allow("anyone")
    async def in_background(self) -> None:
        async with self:
            self.done += 1

    @rx.event(background=True)
    @allow("admin")
    async def in_background_for_admins(self) -> None:
        async with self:
            self.done += 100


def add_pages(app):
    app.add_page(rx.text("c"), route="/contacts", on_load=ContactPage.mount)
    app.add_page(rx.text("d"), route="/dashboard", on_load=DashboardPage.mount)
    app.add_page(rx.text("e"), route="/elsewhere")
