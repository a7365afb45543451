"""Who may open what: documents behind the gate, events behind the entrance, failures as pages."""

import dataclasses

import pytest

from myapp import contacts
from myapp.kit.ids import uuid7
from myapp.kit.pubsub import PubSub
from myapp.live import reflex_seams
from myapp.web import router
from myapp.web.pages.contact_form import ContactForm
from myapp.web.pages.contacts import ContactIndex
from myapp.web.pages.dashboard import Dashboard
from tests.fixtures.contacts import contact_fixture
from tests.fixtures.web import cookies_fixture

pytestmark = pytest.mark.anyio

NOBODY = "redis://127.0.0.1:1"
JSON = {"accept": "application/json"}


def address(route, slug):
    parts = {"[workspace]": slug, "[batch_id]": str(uuid7()), "[[...splat]]": "new"}
    for name, value in parts.items():
        route = route.replace(name, value)
    return route


@pytest.mark.parametrize("page", router.PAGES, ids=lambda page: page.route)
async def test_nobody_is_sent_to_sign_in_and_back(browser, scope, page):
    path = address(page.route, scope.workspace_slug)
    answer = await browser().get(f"{path}?search=a%26b")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2Fw%2F")
    assert (await browser().get(answer.headers["location"])).text.count(f'value="{path}?') == 1


@pytest.mark.parametrize("page", router.PAGES, ids=lambda page: page.route)
async def test_members_get_pages_and_strangers_nothing(browser, scope, other_scope, page):
    path = address(page.route, scope.workspace_slug)
    mine = browser(cookies=await cookies_fixture(scope))
    theirs = browser(cookies=await cookies_fixture(other_scope))
    assert (await mine.get(path)).text == "<title>the page</title>"
    refused = await theirs.get(path)
    assert refused.status_code == 404
    assert refused.text == (await theirs.get(address(page.route, "no-such-team"))).text


@pytest.mark.parametrize("path", ["/w/", "/w//contacts", "/w/%2e%2e/contacts", "/w/{}/nothing"])
async def test_an_address_of_no_page_is_not_found(browser, scope, path):
    client = browser(cookies=await cookies_fixture(scope))
    answer = await client.get(path.format(scope.workspace_slug))
    assert answer.status_code == 404
    assert "text/html" in answer.headers["content-type"]


async def test_a_cookie_nobody_was_given_is_nobody(browser, scope):
    for token in ("", "x" * 43, "\x00", "é"):
        client = browser()
        path = f"/w/{scope.workspace_slug}"
        answer = await client.get(path, headers={"cookie": f"myapp_session={token}".encode()})
        assert answer.status_code == 303


@pytest.mark.parametrize("path", ["/nowhere", "/assets/nothing.js"])
@pytest.mark.parametrize(("accept", "kind"), [("text/html", "html"), ("*/*", "json")])
async def test_what_is_not_there_is_told_in_the_askers_form(browser, path, accept, kind):
    answer = await browser().get(path, headers={"accept": accept})
    assert answer.status_code == 404
    assert kind in answer.headers["content-type"]
    assert "This page does not exist" in answer.text or answer.json()["error"]["status"] == 404


@pytest.mark.parametrize(("accept", "kind"), [("text/html", "html"), ("*/*", "json")])
async def test_a_bug_is_noted_and_nothing_of_it_shown(browser, logged, accept, kind):
    answer = await browser().get("/breaks.txt", headers={"accept": accept})
    assert answer.status_code == 500
    assert kind in answer.headers["content-type"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    noted = next(entry for entry in logged if entry["event"] == "request_failed")
    assert noted["path"] == "/breaks.txt"


async def test_a_failure_names_the_reference_the_log_knows(browser):
    answer = await browser().get("/breaks.txt", headers=JSON)
    error = answer.json()["error"]
    assert error["status"] == 500
    assert len(error["reference"]) == 32
    assert "trace" not in answer.text.lower()


@pytest.mark.parametrize("path", ["/sign-in", "/health", "/nothing/here", "/w/nowhere/contacts"])
async def test_every_answer_forbids_framing_and_guessing(browser, path):
    headers = (await browser().get(path)).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


async def test_health_and_readiness(browser):
    assert (await browser().get("/health")).json()["status"] == "ok"
    ready = await browser().get("/ready")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ok", "database": "ok", "cache": "ok"}


async def test_without_redis_the_app_is_not_ready_but_takes_traffic(browser, services):
    deaf = dataclasses.replace(services, pubsub=PubSub(NOBODY))
    client = browser(running_=deaf)
    ready = await client.get("/ready")
    assert ready.status_code == 503
    assert ready.json() == {"status": "error", "database": "ok", "cache": "error"}
    assert (await client.get("/ready?for=traffic")).status_code == 200
    assert (await client.get("/health")).status_code == 200


async def test_forged_events_do_nothing(visit, scope, hub, logged):
    view = await visit(scope, "/contacts")
    index, form = ContactIndex.get_full_name(), ContactForm.get_full_name()
    forged = [
        f"{index}.setvar",
        f"{index}._load",
        f"{index}.handle_info",
        f"{index}._mount",
        f"{form}._open",
        f"{form}.form",
        "reflex___state____state.set_is_hydrated",
        "no.such.state.handler",
        "",
    ]
    for name in forged:
        await view.emit(name, {"var_name": "total", "value": 99})
    assert hub.entrance.refused == len(forged)
    assert [e["event_name"] for e in logged if e["event"] == "event_refused"] == forged
    async with view.state(ContactIndex) as page:
        assert page.total == 0


async def test_malformed_events_do_nothing(connect, visit, scope):
    view = await visit(scope, "/contacts")
    before = len(view.deltas)
    find = f"{ContactIndex.get_full_name()}.find"
    place = {"pathname": view.path, "asPath": view.path, "query": {"x": "1"}}
    for event in (
        {"name": 5, "router_data": place},
        {"name": find, "payload": "words", "router_data": place},
        {"name": None, "payload": {}, "router_data": place},
    ):
        await connect.namespace.on_event(view.sid, event)
    await view.settled()
    assert len(view.deltas) == before
    await view.emit(find, {"words": ["no", "text"]})
    assert [kind for kind, _ in view.flashes] == ["error"]


async def test_the_slug_of_anothers_workspace_opens_nothing(connect, visit, scope, other_scope):
    await contact_fixture(other_scope, first_name="Secret")
    view = await visit(scope, "/contacts")
    slug = other_scope.workspace_slug
    place = {
        "pathname": view.path,
        "asPath": view.path,
        "query": {"workspace": slug, "splat": ["new"]},
    }
    for name, payload in (
        (f"{ContactIndex.get_full_name()}.refresh", {}),
        (f"{ContactForm.get_full_name()}.save", {"values": {"first_name": "Mallory"}}),
        (reflex_seams.ON_LOAD, {}),
    ):
        event = {"name": name, "payload": payload, "router_data": dict(place)}
        await connect.namespace.on_event(view.sid, event)
        await view.settled()
    assert "Secret" not in str(view.deltas)
    assert view.rows(ContactIndex.rows) == []
    assert _leaves_for_sign_in(view)
    window = await contacts.list_contacts(other_scope, contacts.ContactQuery())
    assert [row.name.split()[0] for row in window.rows] == ["Secret"]


async def test_nobodys_tab_sees_nothing_of_any_page(connect, scope):
    await contact_fixture(scope, first_name="Secret")
    view = await connect()
    for page in router.PAGES:
        await view.mount(address(page.route, scope.workspace_slug))
    assert "Secret" not in str(view.deltas)
    assert str(scope.workspace_id) not in str(view.deltas)
    assert _leaves_for_sign_in(view)
    assert not any(view.client[Dashboard.get_full_name()].values())


async def test_a_socket_of_a_foreign_page_is_refused(connect, scope):
    cookies = await cookies_fixture(scope)
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", None):
        with pytest.raises(reflex_seams.SocketRefused):
            await connect(cookies=cookies, origin=origin)


async def test_the_cookie_reaches_no_state(visit, scope):
    view = await visit(scope, "/contacts")
    async with view.state(ContactIndex) as page:
        seen = str(page.router_data) + str(page.router)
    assert "myapp_session" not in seen


def _leaves_for_sign_in(view):
    return any("/sign-in?next=" in str(event["payload"]) for event in view.events)
