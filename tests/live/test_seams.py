"""Contracts with Reflex, socket.io and engine.io: each fails by the name that moved upstream."""

import inspect
from http import HTTPStatus
from pathlib import Path

import engineio.async_socket
import engineio.packet
import pytest
import reflex as rx
import reflex_base
import socketio
from reflex.app import App, EventNamespace
from reflex.istate.manager.memory import StateManagerMemory
from reflex.istate.manager.token import BaseStateToken
from reflex.state import BaseState, State
from reflex.utils.token_manager import TokenManager
from reflex_base.event.context import EventContext
from reflex_base.event.processor import BaseStateEventProcessor
from reflex_base.event.processor.base_state_processor import chain_updates
from reflex_base.registry import RegistrationContext
from reflex_base.vars.base import ComputedVar

from myapp.live import reflex_seams
from myapp.live.testing import new_app
from tests.live.house import ContactPage

pytestmark = pytest.mark.anyio

STATE_JS = Path(reflex_base.__file__).parent / ".templates" / "web" / "utils" / "state.js"


@pytest.fixture
async def app():
    with new_app(_state=rx.State) as made:
        yield made


async def test_the_namespace_has_the_three_events_and_the_token_maps(app):
    namespace = reflex_seams.namespace(app)
    assert isinstance(namespace, EventNamespace)
    assert list(inspect.signature(namespace.on_connect).parameters) == ["sid", "environ", "auth"]
    assert list(inspect.signature(namespace.on_event).parameters) == ["sid", "data"]
    assert list(inspect.signature(namespace.on_disconnect).parameters) == ["sid"]
    assert namespace.namespace == "/_event"
    assert namespace.sid_to_token == {}
    assert dict(namespace.token_to_sid) == {}
    assert {"link_token_to_sid", "disconnect_token"} <= set(dir(TokenManager))


async def test_socket_io_finds_handlers_by_attribute_at_each_event(app):
    heard = []

    async def first(stock, sid, environ, auth):
        heard.append(sid)

    async def event(stock, sid, data):
        heard.append(data)

    reflex_seams.wrap_namespace(
        app, on_connect=first, on_event=event, on_disconnect=lambda _sid: heard.append("left")
    )
    namespace = reflex_seams.namespace(app)
    await namespace.trigger_event("connect", "s1", {}, None)
    await namespace.trigger_event("event", "s1", {"name": "x"})
    await namespace.trigger_event("disconnect", "s1", "transport close")
    assert heard == ["s1", {"name": "x"}, "left"]


async def test_an_engine_socket_is_found_and_takes_a_shared_packet(app):
    sio = app.sio
    engine_socket = engineio.async_socket.AsyncSocket(sio.eio, "e1")
    sio.eio.sockets["e1"] = engine_socket
    sid = await sio.manager.pre_connect("e1", "/_event")
    assert reflex_seams.engine_socket(app, sid) is engine_socket
    text = reflex_seams.encode({"a": {"b_rx_state_": 1}})
    packet = reflex_seams.packet(app, text)
    engine_socket.queue.put_nowait(packet)
    sent = await engine_socket.poll()
    assert sent[0].encode() == '42/_event,["event",{"delta":{"a":{"b_rx_state_":1}}}]'
    assert engine_socket.queue.qsize() == 0
    engine_socket.closed = True
    assert reflex_seams.engine_socket(app, sid) is None


async def test_our_frame_is_what_socket_io_itself_would_send():
    ours = '2/_event,["event",{"delta":{"a":{"b":1}}}]'
    theirs = socketio.packet.Packet(
        socketio.packet.EVENT, data=["event", {"delta": {"a": {"b": 1}}}], namespace="/_event"
    )
    assert theirs.encode() == ours


async def test_the_internals_a_browser_needs_exist():
    names = reflex_seams.handlers()
    for name in reflex_seams.INTERNALS:
        assert name in names, f"Reflex has no handler {name} any more"


def test_the_stock_browser_code_speaks_as_assumed():
    code = STATE_JS.read_text()
    for line in (
        'socket.current.on("event", (update) => {',
        "dispatch[substate](delta[substate]);",
        'typeof dispatch[substate] !== "function"',
        'socket.current.on("new_token"',
        "export const ReflexEvent",
        "export const refs",
    ):
        assert line in code, f"state.js no longer has {line!r}"


async def test_the_memory_manager_forgets_a_tab(app):
    app._state_manager = manager = StateManagerMemory()
    key = BaseStateToken(ident="tab", cls=State)
    async with manager.modify_state(key):
        assert not reflex_seams.drop_state(app, "tab")
    assert reflex_seams.has_state(app, "tab")
    assert reflex_seams.drop_state(app, "tab")
    assert not reflex_seams.has_state(app, "tab")
    await manager.close()


async def test_handshake_credentials_are_cut_out_of_what_reflex_reads(app):
    headers = [(b"cookie", b"session=s"), (b"Authorization", b"Bearer b"), (b"host", b"h")]
    environ = {"asgi.scope": {"headers": headers}, "HTTP_COOKIE": "session=s"}
    assert reflex_seams.headers_of(environ)["cookie"] == "session=s"
    reflex_seams.remove_credentials(environ)
    data = reflex_seams.namespace(app)._build_static_router_data("s", environ)
    assert "session" not in str(data)
    assert "Bearer" not in str(data)
    assert "HTTP_COOKIE" not in environ


async def test_the_token_of_a_handshake_can_be_replaced():
    environ = {"QUERY_STRING": "token=old&EIO=4"}
    assert reflex_seams.token_asked_for(environ) == "old"
    reflex_seams.set_token(environ, "new")
    assert environ["QUERY_STRING"] == "token=new&EIO=4"


async def test_private_names_of_reflex_are_where_we_look():
    assert hasattr(BaseStateEventProcessor, "enqueue")
    assert "_root_context" in inspect.getsource(BaseStateEventProcessor.configure) or hasattr(
        BaseStateEventProcessor, "_root_context"
    )
    assert hasattr(EventContext, "fork")
    assert list(inspect.signature(chain_updates).parameters) == [
        "events",
        "handler_name",
        "root_state",
    ]
    assert hasattr(BaseState, "_is_client_storage")
    assert hasattr(BaseState, "_get_root_state")
    assert hasattr(App, "_setup_event_processor")
    assert {"event_handlers", "base_states"} <= set(RegistrationContext.__dataclass_fields__)
    assert {"_replace", "_owner_instance", "__set_name__"} <= set(dir(ComputedVar))
    assert "app_wraps" in App.__dataclass_fields__


async def test_a_live_var_is_in_no_ordinary_delta():
    names = {"head", "figures"}
    assert names <= set(ContactPage.computed_vars)
    assert not names & ContactPage._always_dirty_computed_vars
    assert not any(
        (ContactPage.get_full_name(), name) in dependents
        for dependents in ContactPage._var_dependencies.values()
        for name in names
    )


async def test_the_upload_endpoint_is_taken_away(app):
    async def upload(request):
        return HTTPStatus.OK

    app._api.add_route("/_upload", upload, methods=["POST"])
    assert reflex_seams.remove_upload_routes(app) == ["/_upload"]
    assert not [r for r in app._api.router.routes if getattr(r, "path", "") == "/_upload"]


async def test_only_declared_storage_vars_may_be_set_from_a_browser():
    assert not reflex_seams.is_stored_var(f"{ContactPage.get_full_name()}.seen")
    assert not reflex_seams.is_stored_var("no.such_state.var")
