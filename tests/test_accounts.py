"""Accounts: sessions that are stored as hashes, failures that tell nothing, one first person."""

import time

import pytest
from sqlmodel import select

from myapp import accounts, runtime
from myapp.accounts import SYSTEM, NotPermitted, Role
from myapp.accounts.events import SessionEnded
from myapp.accounts.schemas import Person, PersonSession
from myapp.kit.ids import uuid7
from myapp.kit.repo import NotFound
from myapp.kit.result import Error, Ok
from tests.fixtures.accounts import scope_fixture

pytestmark = pytest.mark.anyio
PASSWORD = "correct horse battery"


@pytest.fixture
async def member(services):
    return await scope_fixture(role=Role.MEMBER, password=PASSWORD)


async def sign_in(email: str, password: str = PASSWORD):
    return await accounts.sign_in({"email": email, "password": password}, address=uuid7().hex)


async def test_sign_in_gives_a_token_whose_hash_alone_is_stored(member):
    signed_in = (await sign_in(member.person_email.upper())).unwrap()
    assert signed_in.workspace_slug == member.workspace_slug
    person = await accounts.find_signed_in(signed_in.token)
    assert (person.person_id, person.email) == (member.person_id, member.person_email)
    async with runtime.repo.snapshot(SYSTEM):
        stored = await runtime.repo.all(select(PersonSession))
    assert all(signed_in.token.encode() not in session.token_hash for session in stored)


async def test_a_wrong_password_and_an_unknown_address_are_one_error(member):
    wrong = await sign_in(member.person_email, "not the password")
    unknown = await sign_in("nobody@example.com")
    assert wrong.error.errors == unknown.error.errors == {"password": [accounts.WRONG]}


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(member):
    async def seconds(email: str) -> float:
        started = time.perf_counter()
        await sign_in(email, "not the password")
        return time.perf_counter() - started

    await seconds("warm@example.com")
    wrong = min([await seconds(member.person_email) for _ in range(3)])
    unknown = min([await seconds(f"{uuid7()}@example.com") for _ in range(3)])
    assert 0.4 < unknown / wrong < 2.5


async def test_blank_fields_are_errors_on_their_fields(services):
    result = await accounts.sign_in({"email": "", "password": ""}, address="a")
    assert result.error.errors == {"email": ["can't be blank"], "password": ["can't be blank"]}


async def test_too_many_attempts_on_one_address_must_wait(services):
    email = f"{uuid7()}@example.com"
    for _ in range(10):
        await runtime.limiter.hit("10/minute", "sign-in", "email", email)
    with pytest.raises(accounts.TooManyAttempts) as caught:
        await sign_in(email)
    assert caught.value.wait_s >= 1


async def test_sign_out_ends_the_session_and_says_so(member, heard):
    signed_in = (await sign_in(member.person_email)).unwrap()
    await accounts.sign_out(signed_in.token)
    assert await accounts.find_signed_in(signed_in.token) is None
    with pytest.raises(NotFound):
        await accounts.scope(signed_in.session_id, member.workspace_slug)
    topic = accounts.person_topic(member.person_id)
    assert await heard.has(topic, SessionEnded(str(signed_in.session_id)))
    await accounts.sign_out(signed_in.token)


async def test_a_scope_carries_the_role_of_its_workspace(member):
    scope = await accounts.scope(member.session_id, member.workspace_slug)
    assert scope.role is Role.MEMBER
    assert scope.permits(Role.VIEWER)
    assert not scope.permits(Role.ADMIN)
    with pytest.raises(NotPermitted):
        scope.require(Role.ADMIN)


async def test_a_workspace_of_others_is_not_found(member, scope):
    with pytest.raises(NotFound):
        await accounts.scope(member.session_id, scope.workspace_slug)


async def test_the_development_password_opens_nothing_elsewhere(services):
    person = await scope_fixture(password=accounts.DEVELOPMENT_PASSWORD)
    result = await sign_in(person.person_email, accounts.DEVELOPMENT_PASSWORD)
    assert isinstance(result, Error)


async def test_create_person_hashes_only_what_is_valid(services, monkeypatch):
    hashed = []
    monkeypatch.setattr(accounts, "hash_password", hashed.append)
    result = await accounts.create_person({"name": "A", "email": "bad", "password": PASSWORD})
    assert result.error.errors == {"email": ["must be a valid email address"]}
    assert hashed == []


@pytest.mark.parametrize(
    ("password", "message"),
    [("short", "should be at least 12 character(s)"), ("é" * 37, "should be at most 72 bytes")],
)
async def test_passwords_have_a_length_in_characters_and_bytes(services, password, message):
    attrs = {"name": "A", "email": "a@example.com", "password": password}
    assert (await accounts.create_person(attrs)).error.errors_on("password") == [message]


async def test_a_taken_email_is_an_error_on_its_field(member):
    attrs = {"name": "A", "email": member.person_email, "password": PASSWORD}
    assert (await accounts.create_person(attrs)).error.errors_on("email") == [
        "has already been taken"
    ]


async def test_a_person_shows_no_hash(member):
    async with runtime.repo.snapshot(SYSTEM):
        person = await runtime.repo.get(Person, member.person_id)
    assert "argon2" in person.password_hash
    assert person.password_hash not in repr(person)


async def test_the_set_up_link_works_once(services):
    token = await accounts.new_set_up_token()
    assert await accounts.is_set_up_token(token)
    attrs = {
        "workspace": "Blåbær & Co",
        "name": "First",
        "email": "first@example.com",
        "password": PASSWORD,
    }
    assert isinstance(await accounts.set_up(token, attrs), Ok)
    scope = await accounts.scope_by_email("first@example.com")
    assert (scope.role, scope.workspace_slug) == (Role.ADMIN, "blabr-co")
    with pytest.raises(NotPermitted):
        await accounts.set_up(token, attrs)
    assert await accounts.new_set_up_token() is None


async def test_set_up_says_what_is_missing_and_keeps_the_link(services):
    token = await accounts.new_set_up_token()
    result = await accounts.set_up(token, {"workspace": "", "email": "x"})
    assert set(result.error.errors) == {"workspace", "name", "email", "password"}
    assert await accounts.is_set_up_token(token)


async def test_a_newer_set_up_link_ends_the_older(services):
    older, newer = await accounts.new_set_up_token(), await accounts.new_set_up_token()
    assert not await accounts.is_set_up_token(older)
    assert await accounts.is_set_up_token(newer)


async def test_seeding_a_workspace_twice_is_once(services):
    people = {"admin@seed.test": Role.ADMIN, "member@seed.test": Role.MEMBER}
    first = await accounts.seed_workspace("Seed", "seed", people)
    assert await accounts.seed_workspace("Seed", "seed", people) == first
    assert first.role is Role.ADMIN


async def test_expired_sessions_are_nobodys_and_get_deleted(member):
    async with runtime.repo.transaction(SYSTEM):
        session = await runtime.repo.get(PersonSession, member.session_id)
        session.expires_at = session.inserted_at
    with pytest.raises(NotFound):
        await accounts.scope(member.session_id, member.workspace_slug)
    assert await accounts.delete_expired_sessions() == 1
