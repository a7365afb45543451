"""The smallest app with everything the live layer puts into a browser; built by ``test_browser``."""

import contextlib
import os
from dataclasses import dataclass
from typing import Any, TypedDict
from uuid import UUID

import reflex as rx

from myapp.kit.topics import Channel, Topic
from myapp.live import form as forms
from myapp.live import hub as hubs
from myapp.live import root
from myapp.live.hub import Hub
from myapp.live.state import LiveState, allow
from myapp.live.stream import Stream
from myapp.live.vars import LiveVar
from tests.live.speaker import Speaker, fold

TOPIC = Topic(UUID("01890000-0000-7000-8000-000000000001"), "contacts")
speaker = Speaker()
table = {str(n): {"id": str(n), "version": 1, "name": f"Name {n}"} for n in range(1, 6)}


class Row(TypedDict):
    id: str
    version: int
    name: str


@dataclass(frozen=True)
class BatchView:
    phase: str
    percent: int


class Changes:
    def __init__(self, values):
        wrong = "@" not in values.get("email", "")
        self.errors = {"email": ["must be an address"]} if wrong else {}


class Page(LiveState, rx.State):
    count = LiveVar(int, 0, kind="contacts")
    batch = LiveVar(BatchView | None, None, kind="contacts")
    rows = Stream(Row, kind="contacts")
    form: forms.FormState = forms.FormState()
    saves: int = 0

    @allow("anyone")
    async def _mount(self) -> None:
        await self._join(TOPIC, self.rows)
        await self.refresh_rows()

    def _page_title(self) -> str:
        return "Tiny"

    @allow("anyone")
    async def refresh(self) -> None:
        await self.refresh_rows()

    @allow("anyone")
    async def refresh_rows(self) -> None:
        self.rows.reset(sorted(table.values(), key=lambda row: row["name"]))

    @allow("anyone")
    async def bump(self) -> None:
        percent = speaker.values[str(TOPIC)].get("count", 0) + 1
        batch = {"phase": "running", "percent": percent}
        speaker.say(TOPIC, ("set", {"count": percent, "batch": batch}))

    @allow("anyone")
    async def rename(self) -> None:
        row = {**table["2"], "version": table["2"]["version"] + 1, "name": "Name 2b"}
        table["2"] = row
        speaker.say(TOPIC, ("row", {"id": "2", "version": row["version"], "view": row}))

    @allow("anyone")
    async def insert(self) -> None:
        row = {"id": "9", "version": 1, "name": "Name 0"}
        table["9"] = row
        speaker.say(TOPIC, ("row", {"id": "9", "version": 1, "view": row}))

    @allow("anyone")
    async def remove(self) -> None:
        del table["3"]
        speaker.say(TOPIC, ("row", {"id": "3", "version": 2, "view": None}))

    @allow("anyone")
    async def revoke(self) -> None:
        await hubs.current().disconnect("somebody")

    @allow("anyone")
    async def validate(self, values: dict[str, Any], touched: list[str]) -> None:
        self.form = forms.FormState.of(Changes(values), touched)

    @allow("anyone")
    async def save(self, values: dict[str, Any]) -> None:
        self.saves += 1
        changes = Changes(values)
        self.form = forms.FormState.of(changes)
        if not changes.errors:
            self._flash("success", "Saved.")


def row(item: Any) -> rx.Component:
    return rx.el.li(item["name"], key=item["id"], id="row-" + item["id"])


def index() -> rx.Component:
    buttons = [
        rx.el.button(name, on_click=getattr(Page, name), id=name)
        for name in ("bump", "rename", "insert", "remove", "revoke")
    ]
    return rx.el.div(
        rx.el.output(Page.count, id="count"),
        rx.cond(Page.batch, rx.el.output(Page.batch.phase, " ", Page.batch.percent, id="batch")),
        rx.cond(Page.rows.is_loaded, rx.el.ul(rx.foreach(Page.rows, row)), rx.el.p("…")),
        rx.el.output(Page.rows.total, id="total"),
        *buttons,
        forms.form(
            forms.field(
                "email", "Email", type="email", errors=Page.form.errors["email"], default="x"
            ),
            forms.field("name", "Name", auto_complete="off", hint="As you like"),
            forms.submit(),
            id="contact",
            on_validate=Page.validate,
            on_save=Page.save,
        ),
        rx.el.output(Page.saves, id="saves"),
    )


@dataclass(frozen=True)
class Person:
    session_key: str


async def authenticate(_cookies: Any, _headers: Any) -> Person:
    return Person("somebody")


def authorize(_state: Any, _policy: Any) -> None:
    return None


def make() -> rx.App:
    app = rx.App()
    root.wrap(app)
    app.add_page(index, route="/", on_load=Page.mount)
    hub = Hub(speaker, speaker, {"contacts": Channel("contacts", fold, speaker.load)})

    @contextlib.asynccontextmanager
    async def run_hub():
        hub.attach(
            app,
            authenticate=authenticate,
            authorize=authorize,
            allowed_origins={os.environ.get("TINY_ORIGIN", "http://localhost:3000")},
        )
        async with hub.run():
            yield

    app.register_lifespan_task(run_hub)
    return app
