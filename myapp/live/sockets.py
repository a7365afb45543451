"""Who is connected: one record per live socket, its person, and the tab's token bound to that person.

The person comes from the handshake's cookie, asked once; cookie and authorization are cut out before
Reflex copies headers into State. A token is bound to the session that first used it: the same tab under
another login gets a new token and so a fresh State, and nothing said to the old one can reach it.
"""

import asyncio
import http.cookies
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import reflex as rx
import structlog

from myapp.live import reflex_seams
from myapp.live.reflex_seams import SocketRefused

log = structlog.get_logger(__name__)

FORGET_BINDING_S = 3600.0


class Identity(Protocol):
    """Who speaks through a socket; the application's own, opaque here but for its key."""

    @property
    def session_key(self) -> str:
        """The stored session this identity was read from; never the secret itself."""
        ...


Authenticate = Callable[[Mapping[str, str], Mapping[str, str]], Awaitable[Identity | None]]


@dataclass(slots=True)
class Socket:
    """One live browser tab."""

    sid: str
    token: str
    identity: Any
    path: str = ""
    mounted: set[str] = field(default_factory=set)
    joined: dict[str, str] = field(default_factory=dict)
    """Topic and State joined through this socket (``<topic>|<state>``) -> the path it was joined on."""
    tasks: dict[asyncio.Task[Any], str] = field(default_factory=dict)
    """Background work of the page (``assign_async``) -> the State it belongs to."""


@dataclass(frozen=True, slots=True)
class Door:
    """What a handshake must bring."""

    authenticate: Authenticate
    allowed_origins: frozenset[str]
    is_origin_required: bool = True
    is_anonymous_allowed: bool = True


class Sockets:
    """The live sockets of this process."""

    def __init__(self, app: rx.App, door: Door, *, drop_state_s: float) -> None:
        self._app = app
        self._door = door
        self._drop_state_s = drop_state_s
        self._by_sid: dict[str, Socket] = {}
        self._bound: dict[str, str] = {}
        self._dropping: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._by_sid)

    def __iter__(self) -> Iterator[Socket]:
        return iter(list(self._by_sid.values()))

    def get(self, sid: str) -> Socket | None:
        """Return the socket of a session id, or None when it left."""
        return self._by_sid.get(sid)

    async def connect(self, stock: Callable[..., Any], sid: str, environ: dict, auth: Any) -> None:
        """Check a handshake, bind its token to its person, and let Reflex connect it."""
        headers = reflex_seams.headers_of(environ)
        self._check_origin(sid, headers)
        identity = await self._identify(sid, headers)
        reflex_seams.remove_credentials(environ)
        if identity is None and not self._door.is_anonymous_allowed:
            log.info("socket_refused", session_id=sid, reason="no identity")
            raise SocketRefused("not signed in")
        token = await self._bind(sid, environ, identity)
        self._by_sid[sid] = Socket(sid, token, identity)
        try:
            await stock(sid, environ, auth)
        except BaseException:
            self._by_sid.pop(sid, None)
            raise
        # A duplicated tab is given a token of its own by Reflex; it belongs to the same person.
        linked = reflex_seams.token_of(self._app, sid)
        if linked and linked != token and sid in self._by_sid:
            self._by_sid[sid].token = linked
            self._bound[linked] = _key(identity)

    def disconnect(self, sid: str) -> Socket | None:
        """Forget a socket that left; its State follows after a while, unless the tab comes back."""
        socket = self._by_sid.pop(sid, None)
        if socket is not None:
            for task in socket.tasks:
                task.cancel()
            self._drop_later(socket.token, self._drop_state_s)
        return socket

    async def close(self, session_key: str) -> int:
        """Close the sockets of a stored session and return how many there were."""
        found = [socket for socket in self if _key(socket.identity) == session_key]
        for socket in found:
            await reflex_seams.close_socket(self._app, socket.sid)
        return len(found)

    def stop(self) -> None:
        """Cancel every timer and the background work of all pages."""
        for handle in self._dropping.values():
            handle.cancel()
        self._dropping.clear()
        for socket in self:
            for task in socket.tasks:
                task.cancel()

    def _check_origin(self, sid: str, headers: Mapping[str, str]) -> None:
        origin = headers.get("origin")
        if origin is None and not self._door.is_origin_required:
            return
        if origin is None or origin not in self._door.allowed_origins:
            log.warning("socket_refused", session_id=sid, reason="origin", origin=origin)
            raise SocketRefused("origin not allowed")

    async def _identify(self, sid: str, headers: Mapping[str, str]) -> Identity | None:
        asking = asyncio.ensure_future(self._door.authenticate(_cookies(headers), headers))
        await asyncio.wait([asking])
        if (error := asking.exception()) is not None:
            # A refusal the browser understands: it tries again. An error here would leave it waiting.
            log.error("socket_refused", session_id=sid, reason="authenticate", exc_info=error)
            raise SocketRefused("try again later")
        return asking.result()

    async def _bind(self, sid: str, environ: dict, identity: Any) -> str:
        token, key = reflex_seams.token_asked_for(environ), _key(identity)
        if not token or self._bound.get(token, key) != key:
            token = secrets.token_hex(16)
            reflex_seams.set_token(environ, token)
            await reflex_seams.announce_token(self._app, sid, token)
        if handle := self._dropping.pop(token, None):
            handle.cancel()
        self._bound[token] = key
        return token

    def _drop_later(self, token: str, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        if handle := self._dropping.pop(token, None):
            handle.cancel()
        self._dropping[token] = loop.call_later(delay_s, self._drop, token)

    def _drop(self, token: str) -> None:
        self._dropping.pop(token, None)
        if reflex_seams.is_token_linked(self._app, token):
            return
        if not reflex_seams.drop_state(self._app, token):
            self._drop_later(token, self._drop_state_s)
            return
        # The binding outlives the State: a late background handler of the old login may still speak
        # to this token.
        loop = asyncio.get_running_loop()
        self._dropping[token] = loop.call_later(FORGET_BINDING_S, self._forget, token)

    def _forget(self, token: str) -> None:
        self._dropping.pop(token, None)
        self._bound.pop(token, None)


def _key(identity: Any) -> str:
    return "" if identity is None else identity.session_key


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    jar = http.cookies.SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except http.cookies.CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}
