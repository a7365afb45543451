"""Every private name of Reflex 0.10, socket.io and engine.io that the live layer leans on.

One module, so that an upgrade has one place to look at; ``tests/live/test_seams.py`` fails by name when
one of them moves.
"""

import contextlib
import urllib.parse
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, MutableMapping
from typing import Any, cast

import reflex as rx
from engineio import packet as engine
from reflex.istate.manager.memory import StateManagerMemory
from reflex.istate.manager.token import BaseStateToken
from reflex.istate.proxy import StateProxy
from reflex.state import (
    BaseState,
    FrontendEventExceptionState,
    OnLoadInternalState,
    State,
    UpdateVarsInternalState,
    all_base_state_classes,
)
from reflex_base.constants.state import FIELD_MARKER
from reflex_base.event import Event, EventHandler
from reflex_base.event.context import EventContext
from reflex_base.event.processor.base_state_processor import chain_updates
from reflex_base.registry import RegistrationContext
from reflex_base.utils.format import json_dumps
from reflex_base.vars.base import ComputedVar, Var, VarData
from socketio.exceptions import ConnectionRefusedError as SocketRefused

__all__ = [
    "FIELD_MARKER",
    "BaseState",
    "ComputedVar",
    "EventHandler",
    "SocketRefused",
    "Var",
    "VarData",
    "json_dumps",
]

SECRET_HEADERS = frozenset({"cookie", "authorization", "proxy-authorization"})
_SECRET_ENVIRON = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION")

HYDRATE_AND_LOAD = f"{State.get_full_name()}.hydrate_and_load"
ON_LOAD = f"{OnLoadInternalState.get_full_name()}.on_load_internal"
UPDATE_STORED_VARS = f"{UpdateVarsInternalState.get_full_name()}.update_vars_internal"
REPORT_EXCEPTION = f"{FrontendEventExceptionState.get_full_name()}.handle_frontend_exception"

INTERNALS: Mapping[str, str] = {
    HYDRATE_AND_LOAD: "rides in the CONNECT packet; sends the first picture and starts on_load",
    ON_LOAD: "sent by the router of the browser at each navigation; starts on_load of the new page",
    UPDATE_STORED_VARS: "copies declared cookie and storage vars; other vars are cut out before",
    REPORT_EXCEPTION: "the error boundary's report of a crashed component; only logged, limited",
}
"""Reflex's own handlers a browser must be able to call, each with its reason."""


def namespace(app: rx.App) -> Any:
    """Return the socket.io namespace all events of the app pass through."""
    found = app.event_namespace
    if found is None:
        raise RuntimeError("The Reflex app has no event namespace: attach after rx.App() is made.")
    return found


def wrap_namespace(
    app: rx.App,
    *,
    on_connect: Callable[[Callable[..., Awaitable[None]], str, dict, Any], Awaitable[None]],
    on_event: Callable[[Callable[..., Awaitable[None]], str, Any], Awaitable[None]],
    on_disconnect: Callable[[str], None],
) -> None:
    """Put our functions before the namespace's own; socket.io looks them up by name per event."""
    target = namespace(app)
    stock_connect, stock_event = target.on_connect, target.on_event
    stock_disconnect = target.on_disconnect

    async def connect(sid: str, environ: dict, auth: Any = None) -> None:
        await on_connect(stock_connect, sid, environ, auth)

    async def event(sid: str, data: Any = None) -> None:
        await on_event(stock_event, sid, data)

    def disconnect(sid: str, *_reason: Any) -> Any:
        on_disconnect(sid)
        return stock_disconnect(sid)

    target.on_connect, target.on_event, target.on_disconnect = connect, event, disconnect


def engine_socket(app: rx.App, sid: str) -> Any | None:
    """Return the engine.io socket under a socket.io session, or None when it is gone."""
    sio = cast("Any", app.sio)
    engine_sid = sio.manager.eio_sid_from_sid(sid, namespace(app).namespace)
    found = sio.eio.sockets.get(engine_sid)
    return None if found is None or found.closed else found


def encode(delta: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the delta as the JSON text of the one event the stock browser code listens to."""
    return json_dumps(["event", {"delta": delta}], separators=(",", ":"))


def packet(app: rx.App, text: str) -> engine.Packet:
    """Wrap an encoded event into an engine.io packet that any number of sockets may share."""
    return engine.Packet(engine.MESSAGE, f"2{namespace(app).namespace},{text}")


def token_of(app: rx.App, sid: str) -> str | None:
    """Return the tab's token that the session is linked to."""
    return namespace(app).sid_to_token.get(sid)


def is_token_linked(app: rx.App, token: str) -> bool:
    """Whether a live socket holds the token."""
    return token in namespace(app).token_to_sid


def token_asked_for(environ: Mapping[str, Any]) -> str:
    """Return the token in the query string of the handshake, or an empty string."""
    query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
    return next(iter(query.get("token", ())), "")


def set_token(environ: MutableMapping[str, Any], token: str) -> None:
    """Have the handshake ask for another token."""
    query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
    query["token"] = [token]
    environ["QUERY_STRING"] = urllib.parse.urlencode(query, doseq=True)


async def announce_token(app: rx.App, sid: str, token: str) -> None:
    """Tell the browser which token its tab has from now on."""
    await namespace(app).emit("new_token", token, to=sid)


def headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the handshake's headers with lower-case names, cookies included."""
    raw = environ.get("asgi.scope", {}).get("headers", ())
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def remove_credentials(environ: MutableMapping[str, Any]) -> None:
    """Cut cookie and authorization out of all that Reflex copies into router data."""
    for name in _SECRET_ENVIRON:
        environ.pop(name, None)
    scope = environ.get("asgi.scope")
    if scope is not None:
        kept = [
            (name, value)
            for name, value in scope.get("headers", ())
            if name.decode("latin-1").lower() not in SECRET_HEADERS
        ]
        environ["asgi.scope"] = {**scope, "headers": kept}


async def close_socket(app: rx.App, sid: str) -> None:
    """Close a session from the server's side; the browser does not come back by itself."""
    await cast("Any", app.sio).disconnect(sid, namespace=namespace(app).namespace)


def drop_state(app: rx.App, token: str) -> bool:
    """Forget a tab's State tree; False while a handler holds it."""
    manager = app.state_manager
    if not isinstance(manager, StateManagerMemory):
        raise TypeError("The live layer keeps State in memory: set state_manager_mode to memory.")
    key = BaseStateToken(ident=token, cls=State)
    lock = manager._states_locks.get(key.lock_key)  # noqa: SLF001
    if lock is not None and lock.locked():
        return False
    manager._purge_token(key)  # noqa: SLF001
    return True


def has_state(app: rx.App, token: str) -> bool:
    """Whether the process still holds a State tree for the token."""
    key = BaseStateToken(ident=token, cls=State)
    return key.cache_key in cast("StateManagerMemory", app.state_manager).states


def modify_state(
    app: rx.App, token: str, cls: type[BaseState]
) -> contextlib.AbstractAsyncContextManager[Any]:
    """Hold a tab's State exclusively; what changed is sent when the block is left."""
    return app.modify_state(BaseStateToken(ident=token, cls=cls))


async def enqueue(app: rx.App, token: str, name: str, payload: dict[str, Any]) -> None:
    """Have a handler run for a tab, as an event the server made: it does not pass the entrance."""
    processor = app.event_processor
    # A context of its own: forked from the caller's, a navigation there would cancel it here.
    root = cast("EventContext", processor._root_context).fork(token=token)  # noqa: SLF001
    await processor.enqueue(token, Event(name=name, payload=payload), root)


async def flush(state: Any) -> None:
    """Send what a handler changed so far, before it returns; nothing for background handlers."""
    if isinstance(state, StateProxy):
        return
    with contextlib.suppress(LookupError):
        await chain_updates(None, "live.flush", root_state=state._get_root_state())  # noqa: SLF001


def handlers() -> dict[str, EventHandler]:
    """Return every handler a browser could name, by its full name."""
    registered = RegistrationContext.ensure_context().event_handlers
    return {name: entry.handler for name, entry in registered.items()}


def handler_count() -> int:
    """Return a number that changes when a State class is added."""
    return len(all_base_state_classes)


def is_stored_var(full_name: str) -> bool:
    """Whether ``<state>.<var>`` is declared as a cookie or browser storage var."""
    state_name, _, var_name = full_name.rpartition(".")
    states = RegistrationContext.ensure_context().base_states
    cls = states.get(state_name)
    return cls is not None and cls._is_client_storage(var_name.removesuffix(FIELD_MARKER))


def session_id(state: Any) -> str:
    """Return the socket the State is spoken to through; empty before the first event."""
    return state.rx_router_session.session_id


def client_token(state: Any) -> str:
    """Return the token of the State's tab."""
    return state.rx_router_session.client_token


def full_name(cls: type) -> str:
    """Return a State class's name on the wire."""
    return cast("type[BaseState]", cls).get_full_name()


def is_mixin(cls: type) -> bool:
    """Whether the class is a State mixin, which has no instances and no name on the wire."""
    return bool(getattr(cls, "_mixin", False)) or not issubclass(cls, BaseState)


def remove_upload_routes(app: rx.App) -> list[str]:
    """Take Reflex's own upload endpoint away and return what was removed.

    It runs any handler that a request header names and serves the upload folder to everybody.
    """
    api = cast("Any", app)._api  # noqa: SLF001
    if api is None:
        return []
    removed = [
        route for route in api.router.routes if getattr(route, "path", "").endswith("/_upload")
    ]
    for route in removed:
        api.router.routes.remove(route)
    return [route.path for route in removed]


def events_of(spec: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the names and payloads a browser would send for ``State.handler`` or its call."""
    return [(event.name, dict(event.payload)) for event in Event.from_event_type(spec)]


@contextlib.contextmanager
def forked_registration() -> Generator[None]:
    """Let one more app be made within the block; Reflex allows one per registration of States."""
    token = RegistrationContext.set(RegistrationContext.ensure_context().fork())
    try:
        yield
    finally:
        RegistrationContext.reset(token)


@contextlib.asynccontextmanager
async def run_events(app: rx.App) -> AsyncGenerator[None, None]:
    """Run the app's real event processor over State in memory, without a server."""
    manager = StateManagerMemory()
    cast("Any", app)._state_manager = manager  # noqa: SLF001
    with app.set_contexts():
        async with app._setup_event_processor():  # noqa: SLF001
            yield
    await manager.close()


def var_place(var: Any) -> tuple[str, str]:
    """Return the State and the field that a var of a page reads."""
    data = var._get_all_var_data()  # noqa: SLF001
    return data.state, data.field_name + FIELD_MARKER


def hooks_of(var: Any) -> tuple[str, ...]:
    """Return the lines of JavaScript a var needs in its component."""
    return tuple(var._get_all_var_data().hooks)  # noqa: SLF001
