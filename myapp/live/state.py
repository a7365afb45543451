"""LiveState: the mixin of every page's State.

``mount`` is the one way in: pages name it as their on_load. It leaves what the State joined before,
asks the policy that stands on ``_mount``, runs ``_mount`` and sets the title. Leaving is automatic, on
disconnect and on navigation; nobody writes ``unsubscribe``.

Usage::

    class ImportShow(LiveState, rx.State):
        progress = LiveVar(int, 0, kind="import")

        @allow(Role.VIEWER)
        async def _mount(self) -> None:
            await self._join(imports.topic(self._scope, self.batch_id))

    app.add_page(import_show, route="/imports/[batch_id]", on_load=ImportShow.mount)
"""

import inspect
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast

import reflex as rx
import structlog

from myapp.kit.topics import JSON, Topic
from myapp.live import hub as hubs
from myapp.live import policy, reflex_seams
from myapp.live.entrance import POLICY
from myapp.live.policy import Refused, allow, guarded, server_only
from myapp.live.replica import Subscription, started_at
from myapp.live.stream import Window
from myapp.live.vars import fields_of

__all__ = ["Async", "LiveState", "Refused", "allow", "server_only"]

log = structlog.get_logger(__name__)

FlashKind = Literal["success", "info", "warning", "error"]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Async(Generic[_T]):
    """A value that is being worked out beside the page: pending, ok, or failed."""

    status: Literal["pending", "ok", "failed"] = "pending"
    value: _T | None = None

    @classmethod
    def pending(cls) -> "Async[_T]":
        """Return the value before its time."""
        return cls()

    @classmethod
    def ok(cls, value: _T) -> "Async[_T]":
        """Return the value that arrived."""
        return cls("ok", value)

    @classmethod
    def failed(cls) -> "Async[_T]":
        """Return what stands where the value never came; why stands in the log."""
        return cls("failed")


def _policy_of_mount(state: Any) -> Any:
    declared = getattr(type(state)._mount, POLICY, _policy_of_mount)  # noqa: SLF001
    if declared is _policy_of_mount:
        raise Refused(f"{type(state).__name__}._mount declares no policy.")
    return declared


async def _open(self: Any) -> Any:
    """Open the page: leave what was joined before, then join what it shows."""
    hub, sid = hubs.current(), reflex_seams.session_id(self)
    state = reflex_seams.full_name(type(self))
    hub.members.leave(sid, state=state)
    hub.cancel(sid, state)
    events = self._mount()
    events = await events if inspect.isawaitable(events) else events
    page: dict[str, JSON] = {"mounted": True}
    if (title := self._page_title()) is not None:
        page["title"] = title
    hub.send(sid, {"live_page": page})
    return events


_open.__name__ = "mount"
_guarded_mount = guarded(_open, _policy_of_mount)
_guarded_mount.live_is_mount = True  # ty: ignore[missing-attribute]


async def _hear(self: Any, topic: str, events: list[Any]) -> Any:
    """Take what a joined topic said; started by the server, closed to browsers."""
    del topic
    answers: list[Any] = []
    for name, data in events:
        answer = self._handle_info(name, data)
        answer = await answer if inspect.isawaitable(answer) else answer
        if answer is not None:
            answers.extend(answer if isinstance(answer, list | tuple) else [answer])
    return answers or None


_hear.__name__ = "handle_info"
_guarded_handle_info = server_only(guarded(_hear, _policy_of_mount))


class LiveState(rx.State, mixin=True):
    """What every page's State can do; mix it in before ``rx.State``."""

    mount = _guarded_mount

    handle_info = _guarded_handle_info

    @property
    def _identity(self) -> Any:
        """Who speaks through this tab, as the socket's handshake said; None for nobody."""
        return hubs.current().identity(reflex_seams.session_id(self))

    async def _mount(self) -> Any:
        """Join what the page shows; a State overrides it and declares its policy on it."""

    def _page_title(self) -> str | None:
        """Return the title of the tab after ``_mount``; None leaves the one of the route."""
        return None

    def _handle_info(self, name: str, data: dict[str, Any]) -> Any:
        """Take one event of a topic joined with ``info=True``; may be async and return events."""

    async def _join(self, topic: Topic, *streams: Window, info: bool = False) -> int:
        """Become a member of a topic and return the number its first picture was read at.

        Live vars of the topic's kind follow it from now on, and so do the named streams. ``info`` has
        each of its events handed to ``_handle_info``. Raises ``Refused`` and ``JoinFailed``.
        """
        if not isinstance(topic, Topic):
            raise TypeError("join takes a Topic that a context made from a scope.")
        hub, sid = hubs.current(), reflex_seams.session_id(self)
        if hub.authorize_join is not None:
            verdict = hub.authorize_join(self, topic)
            if inspect.isawaitable(verdict):
                await verdict
        subscription = Subscription(
            state=reflex_seams.full_name(type(self)),
            fields=fields_of(type(self), topic.kind),
            streams=tuple(window.key for window in streams),
            is_informed=info,
        )
        head = await hub.members.join(topic, sid, subscription)
        started_at.set({**started_at.get({}), str(topic): head})
        return head

    def _leave(self, topic: Topic | None = None) -> None:
        """End this State's membership of a topic, or of all."""
        state = reflex_seams.full_name(type(self))
        hubs.current().members.leave(reflex_seams.session_id(self), topic=topic, state=state)

    def _flash(self, kind: FlashKind, text: str) -> None:
        """Show a notice in this tab, now and across a redirect."""
        policy.flash(self, kind, text)

    def _set_title(self, text: str) -> None:
        """Set the title of this tab."""
        hubs.current().send(reflex_seams.session_id(self), {"live_page": {"title": text}})

    def _assign_async(self, name: str, work: Awaitable[Any]) -> None:
        """Work out a var beside the page: pending now, ok or failed later; cancelled on leaving."""
        setattr(self, name, Async.pending())
        hub, token = hubs.current(), reflex_seams.client_token(self)
        sid, cls = reflex_seams.session_id(self), type(self)
        hub.spawn(
            sid, reflex_seams.full_name(cls), _assign(hub, token, cls, name, cast("Any", work))
        )


async def _assign(
    hub: hubs.Hub, token: str, cls: Any, name: str, work: Coroutine[Any, Any, Any]
) -> None:
    try:
        value = Async.ok(await work)
    except Exception:
        log.exception("assign_async_failed", state=cls.__name__, var=name)
        value = Async.failed()
    async with reflex_seams.modify_state(hub.app, token, cls) as root:
        state = await root.get_state(cls)
        setattr(state, name, value)
