"""Signing in and out over plain forms: cookies, refusals, limits, ways back, the set-up link."""

from http.cookies import SimpleCookie
from urllib.parse import quote

import pytest

from myapp import accounts, runtime
from myapp.accounts import SYSTEM
from myapp.web import auth, people
from myapp.web.pages.contacts import ContactIndex
from tests.fixtures.accounts import scope_fixture
from tests.fixtures.web import PASSWORD, cookies_fixture

pytestmark = pytest.mark.anyio

SECURE = "https://contacts.example.com"
POSTS = ["/sign-in", "/sign-out", "/set-up/any-token"]
ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/w/demo",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    " //evil.example",
    "evil.example",
    "/w/demo\r\nSet-Cookie: a=b",
    "/\u2028/evil",
    "/" + "x" * 3000,
]


def cookie(answer):
    return SimpleCookie(answer.headers["set-cookie"])[people.COOKIE]


@pytest.fixture
async def person(services):
    """An admin with a password."""
    return await scope_fixture(password=PASSWORD)


async def sign_in(client, scope, **fields):
    form = {"email": scope.person_email, "password": PASSWORD, **fields}
    return await client.post("/sign-in", data=form)


async def test_signing_in_sets_a_cookie_scripts_cannot_read(browser, person):
    answer = await sign_in(browser(), person)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/w/{person.workspace_slug}"
    assert answer.headers["cache-control"] == "no-store"
    given = cookie(answer)
    assert given["httponly"]
    assert given["samesite"] == "lax"
    assert given["path"] == "/"
    assert not given["secure"]
    assert int(given["max-age"]) == accounts.SESSION_DAYS * 86_400
    assert len(given.value) >= 40


async def test_over_tls_the_cookie_is_secure(browser, person):
    answer = await sign_in(browser(PUBLIC_URL=SECURE), person)
    assert cookie(answer)["secure"]


async def test_signed_in_people_reach_their_workspace_until_they_sign_out(browser, person):
    client = browser()
    assert (await client.get("/")).headers["location"] == "/sign-in"
    answer = await sign_in(client, person)
    token = cookie(answer).value
    assert (await client.get("/")).headers["location"] == f"/w/{person.workspace_slug}"
    assert (await client.get(f"/w/{person.workspace_slug}")).status_code == 200
    left = await client.post("/sign-out")
    assert left.headers["location"] == "/sign-in"
    assert cookie(left).value == ""
    again = browser(cookies={people.COOKIE: token})
    assert (await again.get(f"/w/{person.workspace_slug}")).status_code == 303


async def test_each_sign_in_has_a_token_of_its_own(browser, person):
    first, second = [cookie(await sign_in(browser(), person)).value for _ in range(2)]
    assert first != second


async def test_a_wrong_password_and_an_unknown_address_are_one_answer(browser, person):
    wrong = await sign_in(browser(), person, password="wrong")
    unknown = await sign_in(browser(), person, email="nobody@example.com")
    for answer in (wrong, unknown):
        assert answer.status_code == 422
        assert accounts.WRONG in answer.text
        assert "set-cookie" not in answer.headers
        assert PASSWORD not in answer.text
    assert person.person_email in wrong.text


@pytest.mark.parametrize(
    "form",
    [{}, {"email": "a@example.com"}, {"password": "x"}, {"email": "\x00", "password": "\x00"}],
)
async def test_an_unfinished_form_is_shown_again(browser, services, form):
    answer = await browser().post("/sign-in", data=form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


async def test_a_form_too_large_is_not_read(browser, person):
    answer = await sign_in(browser(), person, next="x" * 20_000)
    assert answer.status_code == 422


async def test_a_form_without_an_end_is_not_read_to_it(browser, services):
    read = []

    async def pieces():
        for number in range(1000):
            read.append(number)
            yield b"email=" + b"x" * 1000 + b"&"

    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = await browser().post("/sign-in", content=pieces(), headers=kind)
    assert answer.status_code == 422
    assert len(read) < 100


async def test_too_many_attempts_have_to_wait(browser, person):
    for _ in range(10):
        await runtime.limiter.hit("10/minute", "sign-in", "email", person.person_email)
    answer = await sign_in(browser(), person)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "set-cookie" not in answer.headers
    assert "Too many attempts" in answer.text


async def test_too_many_attempts_from_one_address_have_to_wait(browser, services):
    client = browser()
    form = {"email": "someone@example.com", "password": "x"}
    address = client._transport.client[0]
    for _ in range(30):
        await runtime.limiter.hit("30/minute", "sign-in", "address", address)
    assert (await client.post("/sign-in", data=form)).status_code == 429


async def test_the_development_password_opens_nothing_elsewhere(browser, services):
    person = await scope_fixture(password=accounts.DEVELOPMENT_PASSWORD)
    answer = await sign_in(browser(), person, password=accounts.DEVELOPMENT_PASSWORD)
    assert answer.status_code == 422
    assert accounts.DEVELOPMENT_PASSWORD not in (await browser().get("/sign-in")).text


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3001", None])
async def test_a_foreign_pages_form_is_refused(browser, scope, path, origin):
    client = browser(cookies=await cookies_fixture(scope))
    client.headers.pop("origin")
    headers = {} if origin is None else {"origin": origin}
    answer = await client.post(path, data={"email": "a@example.com"}, headers=headers)
    assert answer.status_code == 403
    assert (await client.get(f"/w/{scope.workspace_slug}")).status_code == 200


@pytest.mark.parametrize("goal", ELSEWHERE)
def test_a_way_back_never_leads_elsewhere(goal):
    assert auth.local_path(goal) is None


@pytest.mark.parametrize("goal", ["/", "/w/demo/contacts?search=a%20b&page=2", "/w/demo#x"])
def test_a_way_back_into_the_app_is_kept(goal):
    assert auth.local_path(goal) == goal


async def test_signing_in_goes_where_the_person_wanted(browser, person):
    goal = f"/w/{person.workspace_slug}/contacts?search=a%26b"
    page = await browser().get("/sign-in", params={"next": goal})
    assert f'name="next" value="{goal}"' in page.text
    assert (await sign_in(browser(), person, next=goal)).headers["location"] == goal
    astray = await sign_in(browser(), person, next="//evil.example")
    assert astray.headers["location"] == f"/w/{person.workspace_slug}"


async def test_the_set_up_link_makes_the_first_admin_once(browser, services):
    token = await accounts.new_set_up_token()
    client = browser()
    assert (await client.get(f"/set-up/{token}")).status_code == 200
    form = {
        "workspace_name": "Analytical Engines",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "password": PASSWORD,
    }
    refused = await client.post(f"/set-up/{token}", data={**form, "password": "short"})
    assert refused.status_code == 422
    assert 'value="ada@example.com"' in refused.text
    assert "short" not in refused.text.split("should be")[0].split("password")[-1]
    unnamed = await client.post(f"/set-up/{token}", data={**form, "workspace_name": ""})
    assert unnamed.status_code == 422
    done = await client.post(f"/set-up/{token}", data=form)
    assert done.headers["location"] == "/sign-in"
    entered = await client.post("/sign-in", data=form)
    assert entered.headers["location"] == "/w/analytical-engines"
    scope = await accounts.scope_by_email("ada@example.com")
    assert scope.role is accounts.Role.ADMIN
    for answer in (
        await client.get(f"/set-up/{token}"),
        await client.post(f"/set-up/{token}", data=form),
    ):
        assert answer.status_code == 404
    assert await accounts.new_set_up_token() is None


async def test_a_set_up_link_nobody_was_given_is_not_found(browser, services):
    await accounts.new_set_up_token()
    for token in ("guess", "%00", "x" * 500):
        assert (await browser().get(f"/set-up/{token}")).status_code == 404


async def test_the_set_up_token_stays_out_of_the_log(browser, services, logged):
    token = await accounts.new_set_up_token()
    await browser().get(f"/set-up/{token}")
    assert token not in str(logged)


async def test_signing_out_sends_every_open_tab_of_the_session_away(visit, connect, browser, scope):
    cookies = await cookies_fixture(scope)
    mine = await connect(cookies=cookies)
    await mine.mount(f"/w/{scope.workspace_slug}/contacts?page=1")
    colleague = await visit(await scope_fixture(workspace_of=scope), "/contacts")
    await browser(cookies=cookies).post("/sign-out")
    await mine.until(lambda: any("/sign-in?next=" in str(event) for event in mine.events))
    back = quote(f"/w/{scope.workspace_slug}/contacts?page=1", safe="")
    assert f"/sign-in?next={back}" in str(mine.events[-1]["payload"])
    before = len(mine.deltas)
    await mine.send(ContactIndex.refresh)
    assert "reset" not in str(mine.deltas[before:])
    assert colleague.events == []


async def test_another_session_of_the_same_person_stays(visit, browser, person):
    stays = await visit(person, "/contacts")
    client = browser()
    await sign_in(client, person)
    await client.post("/sign-out")
    await stays.settled()
    await stays.send(ContactIndex.refresh)
    assert stays.events == []
    assert stays.flashes == []


async def test_a_session_that_ended_unheard_is_refused_at_the_next_event(
    visit, services, scope, monkeypatch
):
    monkeypatch.setattr(people, "CACHE_S", 0.0)
    people.forget(scope.session_id)
    view = await visit(scope, "/contacts")
    async with services.repo.transaction(SYSTEM):
        gone = accounts.PersonSession.__table__.delete()
        await services.repo.execute(gone.where(accounts.PersonSession.id == scope.session_id))
    await view.send(ContactIndex.refresh)
    assert any("/sign-in?next=" in str(event) for event in view.events)
