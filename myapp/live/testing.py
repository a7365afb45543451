"""Drive States through the real event processor, without a browser, a socket or a compile.

Everything between socket.io and the State runs: handshake, entrance, tokens, policies, joins, pushes.
Only the wire is replaced: what would be written to a socket lands in the view.

Usage::

    async with live(app, hub) as connect:
        view = await connect(cookies={"session": "…"})
        await view.mount("/w/demo/contacts")
        await view.send(ContactIndex.delete(contact_id))
        assert view[ContactIndex.total] == 2
        assert [row["name"] for row in view.rows(ContactIndex.rows)] == ["Ada", "Grace"]
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, cast

import reflex as rx

from myapp.live import reflex_seams, root
from myapp.live.hub import Hub
from myapp.live.reflex_seams import SocketRefused
from myapp.live.replica import STREAMS

SETTLE_S = 5.0
_TICK_S = 0.002

__all__ = ["SocketRefused", "View", "live", "new_app"]


class View:
    """One simulated tab: what it was sent, as its browser would hold it."""

    def __init__(self, room: "Room", sid: str, token: str) -> None:
        self._room = room
        self.sid = sid
        self.token = token
        self.path = "/"
        self.client: dict[str, dict[str, Any]] = {}
        self.streams: dict[str, dict[str, Any]] = {}
        self.deltas: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.flashes: list[tuple[str, str]] = []
        self.forms: dict[str, Any] = {}
        self.asked: list[str] = []
        self.title: str | None = None
        self.is_slow = False

    def __getitem__(self, var: Any) -> Any:
        """Return what the browser holds for a var; initial values are not sent and raise."""
        state, field = reflex_seams.var_place(var)
        return self.client[state][field]

    @property
    def redirects(self) -> list[str]:
        """Where the tab was sent, in order."""
        return [e["payload"]["path"] for e in self.events if e["name"] == "_redirect"]

    def rows(self, stream: Any) -> list[Any]:
        """Return a stream's window as the browser's reducer would show it."""
        return self.streams.get(_stream_key(stream), {}).get("rows", [])

    def is_asking(self, stream: Any) -> bool:
        """Whether the browser would ask for the stream's window again."""
        return bool(self.streams.get(_stream_key(stream), {}).get("must_ask"))

    async def mount(self, path: str | None = None) -> None:
        """Open a page: the first one as a browser connects, a later one as its router navigates."""
        first = self.path == "/" and not self.deltas
        self.path = path or self.path
        await self.emit(reflex_seams.HYDRATE_AND_LOAD if first else reflex_seams.ON_LOAD)

    async def send(self, spec: Any) -> None:
        """Send an event as a click would: ``State.handler`` or ``State.handler(args)``."""
        for name, payload in reflex_seams.events_of(spec):
            await self.emit(name, payload)

    async def emit(self, name: str, payload: Mapping[str, Any] | None = None) -> None:
        """Send any event by its name, as a hostile browser could, and wait until all is quiet."""
        router_data = {"pathname": self.path.partition("?")[0], "asPath": self.path, "query": {}}
        data = {"name": name, "payload": dict(payload or {}), "router_data": router_data}
        await self._room.namespace.on_event(self.sid, json.loads(json.dumps(data)))
        await self.settled()

    async def settled(self) -> None:
        """Wait until no handler runs and nothing is on its way from the hub."""
        await self._room.settled()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until a condition holds and all is quiet; a ``KeyError`` in it means not yet."""
        async with asyncio.timeout(SETTLE_S):
            while True:
                with contextlib.suppress(KeyError):
                    if condition():
                        break
                await asyncio.sleep(_TICK_S)
        await self.settled()

    async def disconnect(self) -> None:
        """Close the tab."""
        self._room.views.pop(self.sid, None)
        left = self._room.namespace.on_disconnect(self.sid, "client disconnect")
        if left is not None:
            await left
        await self.settled()

    @contextlib.asynccontextmanager
    async def state(self, cls: Any) -> AsyncGenerator[Any, None]:
        """Hold the server's side of a State, to look at it or to change it."""
        async with reflex_seams.modify_state(self._room.app, self.token, cls) as root:
            yield await root.get_state(cls)

    def take(self, name: str, data: Any) -> None:
        """Take what was written to the tab's socket."""
        if name == "new_token":
            self.token = data
        elif name == "event":
            update = json.loads(reflex_seams.json_dumps(data))
            self._apply(update.get("delta") or {})
            self.events.extend(update.get("events") or [])

    def _apply(self, delta: dict[str, dict[str, Any]]) -> None:
        self.deltas.append(delta)
        for state, values in delta.items():
            if state == STREAMS:
                for key, op in values.items():
                    _reduce(self.streams.setdefault(key, {"rows": [], "kept": []}), op)
            elif state == "live_page":
                notices = values.get("flash", [])
                self.flashes += [(notice["kind"], notice["text"]) for notice in notices]
                self.title = values.get("title", self.title)
            elif state == "live_forms":
                self.forms.update(values)
            else:
                self.client.setdefault(state, {}).update(values)


class Room:
    """The process the views are connected to."""

    def __init__(self, app: rx.App, hub: Hub) -> None:
        self.app = app
        self.hub = hub
        self.views: dict[str, View] = {}
        self.namespace = reflex_seams.namespace(app)
        self.running: set[Any] = set()

    def frame(self, text: str) -> Any:
        """Keep an encoded event as it is; the hub's writer."""
        return text

    def write(self, sid: str, frame: Any) -> None:
        """Hand a frame to its view."""
        if (view := self.views.get(sid)) is not None:
            name, data = json.loads(frame)
            view.take(name, data)

    def is_slow(self, sid: str) -> bool:
        """Whether the test declared the view slow."""
        view = self.views.get(sid)
        return view is not None and view.is_slow

    async def emit(self, event: str, data: Any = None, to: Any = None, **_: Any) -> None:
        """Stand in for socket.io's emit to one session."""
        if (view := self.views.get(to)) is not None:
            view.take(event, data)

    async def __call__(
        self,
        *,
        cookies: Mapping[str, str] | None = None,
        origin: str | None = "http://localhost",
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> View:
        """Connect a tab; raises ``SocketRefused`` where the handshake is refused."""
        sid, token = uuid.uuid4().hex, token or str(uuid.uuid4())
        sent = {"host": "localhost", **(headers or {})}
        if origin is not None:
            sent["origin"] = origin
        if cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        raw = [(name.encode(), value.encode()) for name, value in sent.items()]
        environ = {
            "QUERY_STRING": f"token={token}&EIO=4",
            "asgi.scope": {"headers": raw, "client": ("127.0.0.1", 1)},
            "HTTP_COOKIE": sent.get("cookie", ""),
        }
        view = self.views[sid] = View(self, sid, token)
        try:
            await self.namespace.on_connect(sid, environ, {})
        except SocketRefused:
            del self.views[sid]
            raise
        return view

    async def settled(self) -> None:
        """Wait until handlers, chains and frames are through."""
        async with asyncio.timeout(SETTLE_S):
            while self.running or self.hub.is_busy:
                for future in list(self.running):
                    # A navigation cancels chains and a bug ends them: both are through.
                    await asyncio.gather(future.wait_all(), return_exceptions=True)
                    self.running.discard(future)
                await asyncio.sleep(_TICK_S)

    def watch(self) -> None:
        """Remember every event that is enqueued, until it is through."""
        processor = self.app.event_processor
        stock = processor.enqueue

        async def enqueue(*args: Any, **kwargs: Any) -> Any:
            future = await stock(*args, **kwargs)
            self.running.add(future)
            return future

        cast("Any", processor).enqueue = enqueue


@contextlib.contextmanager
def new_app(**options: Any) -> Generator[rx.App]:
    """Make one more app of this process, for the block; Reflex allows one per registration of States."""
    with reflex_seams.forked_registration():
        app = rx.App(**options)
        root.wrap(app)
        yield app


@contextlib.asynccontextmanager
async def live(app: rx.App, hub: Hub) -> AsyncGenerator[Room, None]:
    """Run an app with an attached hub, minus its sockets; yields ``connect``."""
    room = Room(app, hub)
    room.namespace.emit = room.emit
    hub.flusher.writer = room
    async with reflex_seams.run_events(app), hub.run():
        room.watch()
        yield room


def _stream_key(stream: Any) -> str:
    return reflex_seams.hooks_of(stream)[0].split('"')[1]


def _reduce(window: dict[str, Any], op: dict[str, Any]) -> None:
    """Do to a window what ``live_store.js`` does."""
    if "join" in op and window.get("topic") != op["join"]:
        window.update(topic=op["join"], rows=[], kept=[], seq=-1)
        window.pop("versions", None)
    if (reset := op.get("reset")) is not None:
        rows = reset["rows"]
        versions = zip(rows, reset["versions"], strict=True)
        window.update(rows=list(rows), seq=reset["seq"], total=reset["total"], must_ask=False)
        window["versions"] = {str(row["id"]): version for row, version in versions}
        window["kept"] = [patch for patch in window["kept"] if patch["seq"] > reset["seq"]]
        for patch in window["kept"]:
            _patch(window, patch)
    if (patch := op.get("patch")) is not None:
        window["kept"].append(patch)
        if "versions" in window and (patch["seq"] > window["seq"] or patch["stale"]):
            _patch(window, patch)


def _patch(window: dict[str, Any], patch: dict[str, Any]) -> None:
    must_ask = patch["stale"]
    for row_id, version, view in patch["rows"]:
        rows = window["rows"]
        at = next((i for i, row in enumerate(rows) if str(row["id"]) == row_id), None)
        if at is None:
            must_ask = True
        elif version > window["versions"].get(row_id, -1):
            must_ask = True
            window["versions"][row_id] = version
            rows[at : at + 1] = [] if view is None else [view]
    window["must_ask"] = window.get("must_ask") or must_ask
