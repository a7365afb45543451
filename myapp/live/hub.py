"""The hub: the fast lane of one web process.

It joins the parts: ``sockets`` (who is connected), ``entrance`` (what they may ask), ``members`` (who
follows what), ``replicas`` (topics kept current) and ``flusher`` (frames out).

Usage::

    root.wrap(app)                 # where the app is made
    hub = Hub(pubsub, event_log, {"contacts": contacts.channel})
    hub.attach(app, authenticate=…, authorize=…, allowed_origins={"https://example.com"})
    async with hub.run(): ...

Telemetry: ``counters``; the events ``replica_load_failed``, ``live_task_failed`` and ``event_refused``.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping
from typing import Any, TypeVar

import reflex as rx

from myapp.kit.supervisor import Child, Supervisor, TooManyCrashes
from myapp.kit.topics import JSON, Channel, Message, Topic
from myapp.live import reflex_seams, root
from myapp.live.entrance import Entrance
from myapp.live.errands import Errands
from myapp.live.flusher import Flusher
from myapp.live.members import Members
from myapp.live.replica import Replica
from myapp.live.replicas import Bus, Log, Replicas
from myapp.live.sockets import Authenticate, Door, Socket, Sockets
from myapp.live.writer import SocketWriter

_INFORM = "hub.inform"
_UNATTACHED = "The hub is not attached to an app yet: call attach first."
_T = TypeVar("_T")


class Hub:
    """Carries the topics of this process to its browsers.

    Options: ``flush_s`` between two frames of a topic, ``check_s`` between two comparisons of heads,
    ``drop_state_s`` until the State of a tab that left is dropped, ``on_failure``: called when one of
    the loops keeps crashing; the process should end then.
    """

    def __init__(
        self,
        pubsub: Bus,
        event_log: Log,
        channels: Mapping[str, Channel],
        *,
        flush_s: float = 0.1,
        check_s: float = 2.0,
        drop_state_s: float = 60.0,
        on_failure: Callable[[TooManyCrashes], None] | None = None,
    ) -> None:
        self._check_s = check_s
        self._drop_state_s = drop_state_s
        self._errands = Errands()
        self.flusher = Flusher(flush_s=flush_s)
        self.replicas = Replicas(
            pubsub,
            event_log,
            channels,
            flusher=self.flusher,
            errands=self._errands,
            on_message=self._on_message,
        )
        loops = {"pump": self.replicas.pump, "flush": self.flusher.run, "check": self._check_loop}
        self.supervisor = Supervisor(
            [Child(f"hub.{name}", loop) for name, loop in loops.items()], on_failure=on_failure
        )
        self._app: rx.App | None = None
        self._sockets: Sockets | None = None
        self._members: Members | None = None
        self.entrance = Entrance()
        self.authorize: Callable[[Any, Any], Any] = _allow_nobody
        self.authorize_join: Callable[[Any, Topic], Any] | None = None
        self.on_refused: Callable[[Any, Exception], Any] | None = None
        self.expected: tuple[type[Exception], ...] = ()

    def attach(
        self,
        app: rx.App,
        *,
        authenticate: Authenticate,
        authorize: Callable[[Any, Any], Any],
        allowed_origins: Collection[str],
        is_origin_required: bool = True,
        is_anonymous_allowed: bool = True,
        authorize_join: Callable[[Any, Topic], Any] | None = None,
        on_refused: Callable[[Any, Exception], Any] | None = None,
        expected: tuple[type[Exception], ...] = (),
    ) -> None:
        """Stand at the entrance of the app's event socket and become this process's hub.

        ``authenticate(cookies, headers)`` names the person once per socket; ``authorize(state, policy)``
        raises ``Refused`` before a handler runs; ``authorize_join(state, topic)`` does so before a join;
        ``on_refused(state, refusal)`` answers with events, to ``Refused`` and to the ``expected`` errors
        of contexts alike (not found, not permitted). All but the first may be sync or async.
        """
        if not root.is_wrapped(app):
            raise RuntimeError("Call live.root.wrap(app) where the app is made, then attach.")
        self._app = app
        self.flusher.writer = SocketWriter(app)
        self.authorize = authorize
        self.authorize_join = authorize_join
        self.on_refused = on_refused
        self.expected = expected
        door = Door(
            authenticate, frozenset(allowed_origins), is_origin_required, is_anonymous_allowed
        )
        self._sockets = Sockets(app, door, drop_state_s=self._drop_state_s)
        self._members = Members(self._sockets, self.replicas, self.flusher)
        reflex_seams.wrap_namespace(
            app,
            on_connect=self._on_connect,
            on_event=self._on_event,
            on_disconnect=self._on_disconnect,
        )
        _Current.hub = self

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncGenerator["Hub", None]:
        """Pump, flush and compare heads until the block is left."""
        reflex_seams.remove_upload_routes(self.app)
        try:
            async with self.supervisor:
                yield self
        finally:
            self.sockets.stop()
            await self._errands.stop()

    @property
    def app(self) -> rx.App:
        """The Reflex app this hub is attached to."""
        if self._app is None:
            raise RuntimeError(_UNATTACHED)
        return self._app

    @property
    def sockets(self) -> Sockets:
        """The live sockets of this process."""
        if self._sockets is None:
            raise RuntimeError(_UNATTACHED)
        return self._sockets

    @property
    def members(self) -> Members:
        """Who follows which topic."""
        if self._members is None:
            raise RuntimeError(_UNATTACHED)
        return self._members

    @property
    def is_busy(self) -> bool:
        """Whether something is still on its way to the browsers."""
        informing = self._errands.is_running(_INFORM)
        return self.flusher.is_busy or self.replicas.is_busy or informing

    @property
    def counters(self) -> dict[str, int]:
        """The hub's figures, for metrics."""
        return {
            "sockets": len(self.sockets),
            "frames": self.flusher.frames,
            "deliveries": self.flusher.deliveries,
            "skips": self.flusher.skips,
            "loads": self.replicas.loads,
            "resyncs": self.replicas.resyncs,
            "refused": self.entrance.refused,
        }

    def sessions(self) -> list[Socket]:
        """Return the live sockets: who, on which path."""
        return list(self.sockets)

    async def disconnect(self, session_key: str) -> int:
        """Have the tabs of a revoked session load anew, close their sockets, return how many."""
        for socket in self.sockets:
            if socket.identity is not None and socket.identity.session_key == session_key:
                self.send(socket.sid, {"live_page": {"reload": True}})
        return await self.sockets.close(session_key)

    def identity(self, sid: str) -> Any:
        """Return who speaks through a socket, or None."""
        socket = self.sockets.get(sid)
        return None if socket is None else socket.identity

    def send(self, sid: str, delta: Mapping[str, Mapping[str, JSON]]) -> None:
        """Write a delta to one browser, in order with everything else it is sent."""
        self.flusher.send(sid, delta)

    def send_info(self, target: Topic | str, name: str, data: dict[str, JSON]) -> None:
        """Have ``_handle_info`` run in the States that asked for it: of a topic, or of one socket."""
        names = [str(target)] if isinstance(target, Topic) else list(self.members.heads_of(target))
        only = None if isinstance(target, Topic) else target
        for topic in names:
            if (replica := self.replicas.get(topic)) is not None:
                self._inform(replica, [[name, data]], only=only)

    async def shared(
        self, topic: Topic, key: Any, loader: Callable[[], Coroutine[Any, Any, _T]]
    ) -> _T:
        """Return what the loader reads, once for all who ask the same; see ``Replicas.shared``."""
        return await self.replicas.shared(topic, key, loader)

    def spawn(self, sid: str, state: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a page's background work; it is cancelled when the tab goes elsewhere."""
        socket = self.sockets.get(sid)
        if socket is None:
            work.close()
            return
        task = self._errands.spawn(work, f"page.{state}")
        socket.tasks[task] = state
        task.add_done_callback(lambda done: socket.tasks.pop(done, None))

    def cancel(self, sid: str, state: str) -> None:
        """Cancel the background work that a State of this tab began."""
        socket = self.sockets.get(sid)
        for task in [task for task, of in socket.tasks.items() if of == state] if socket else ():
            task.cancel()

    async def _on_connect(self, stock: Any, sid: str, environ: dict, auth: Any) -> None:
        # Reflex hands the event inside the CONNECT packet to the namespace's on_event, which is ours.
        await self.sockets.connect(stock, sid, environ, auth if isinstance(auth, dict) else None)

    async def _on_event(self, stock: Any, sid: str, data: Any) -> None:
        if self.sockets.get(sid) is None or not self.entrance.accept(sid, data):
            return
        if data["name"] in {reflex_seams.ON_LOAD, reflex_seams.HYDRATE_AND_LOAD}:
            self.members.leave_others(sid, _path(data))
        await stock(sid, data)

    def _on_disconnect(self, sid: str) -> None:
        socket = self.sockets.get(sid)
        if socket is not None:
            self.members.leave_all(socket)
            self.sockets.disconnect(sid)
        self.entrance.forget(sid)

    def _on_message(self, replica: Replica, message: Message) -> None:
        if any(s.is_informed for states in replica.members.values() for s in states.values()):
            self._inform(replica, [[name, data] for name, data in message.events])

    def _inform(self, replica: Replica, events: list[Any], *, only: str | None = None) -> None:
        for sid, states in list(replica.members.items()):
            socket = self.sockets.get(sid)
            if socket is None or (only is not None and sid != only):
                continue
            for state in [s.state for s in states.values() if s.is_informed]:
                payload = {"topic": replica.name, "events": events}
                self._errands.spawn(
                    reflex_seams.enqueue(self.app, socket.token, f"{state}.handle_info", payload),
                    _INFORM,
                )

    async def _check_loop(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._check_s):
                    await self.replicas.check_now.wait()
            self.replicas.check_now.clear()
            # Waited for, not awaited: a database that is away is logged and asked again.
            await asyncio.wait([self._errands.spawn(self.replicas.check(), "hub.check")])


class _Current:
    hub: Hub | None = None


def current() -> Hub:
    """Return this process's hub; raises ``RuntimeError`` before one is attached."""
    if _Current.hub is None:
        raise RuntimeError("No hub is attached in this process.")
    return _Current.hub


def find_current() -> Hub | None:
    """Return this process's hub, or None before one is attached."""
    return _Current.hub


def _allow_nobody(_state: Any, _policy: Any) -> None:
    raise RuntimeError("The hub has no authorize function: pass one to attach.")


def _path(data: Mapping[str, Any]) -> str:
    router_data = data.get("router_data") or {}
    path = str(router_data.get("asPath") or router_data.get("pathname") or "")
    return path.partition("?")[0].partition("#")[0]
