"""Accounts: people, workspaces, roles and stored sessions.

The public API of the context; nothing outside this package opens its tables.
Sign-in is by password; the browser holds a random token in an HttpOnly cookie, the database its hash.
``scope`` turns a session and a workspace's slug into the ``Scope`` every other context asks for first.

Topics:
    ``<person_id>:person``: SessionEnded
"""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, delete, select

from myapp import runtime
from myapp.accounts.events import SessionEnded, SignedIn, SignedInPerson
from myapp.accounts.passwords import hash_password, verify_password
from myapp.accounts.schemas import Membership, Person, PersonSession, SetUpToken, Workspace
from myapp.accounts.scope import SYSTEM, NotPermitted, Role, Scope
from myapp.kit.changeset import Attrs, Changeset, blank
from myapp.kit.repo import NotFound, across_workspaces
from myapp.kit.result import Error, Ok
from myapp.kit.topics import JSON, Channel, Topic, ignore

__all__ = ["SYSTEM", "NotPermitted", "Role", "Scope", "SignedIn", "SignedInPerson"]

DEVELOPMENT_PASSWORD = "myapp-development"  # noqa: S105 (public on purpose; refused outside development)
SESSION_DAYS = 30
_PER_ADDRESS = "30/minute"
_PER_EMAIL = "10/minute"
WRONG = "The email or the password is wrong."


class TooManyAttempts(PermissionError):
    """Too many attempts to sign in; wait a little and try again."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(self.__doc__)
        self.wait_s = wait_s


def person_topic(person_id: UUID) -> Topic:
    """Return where a person's own changes are announced: SessionEnded."""
    return Topic(person_id, "person")


async def sign_in(attrs: Attrs, *, address: str, user_agent: str = "") -> Any:
    """Check an e-mail address and a password and store a session: ``Ok(SignedIn)``.

    A wrong address and a wrong password are one error and take the same time. Raises
    ``TooManyAttempts`` by client address and by e-mail address.
    """
    changeset = (
        Changeset({}, types={"email": str, "password": str})
        .cast(attrs, ["email", "password"])
        .validate_required(["email", "password"])
    )
    if not changeset.is_valid:
        return Error(changeset)
    email, password = str(changeset.value("email")).lower(), str(attrs["password"])
    await _limit(address, email)
    async with runtime.repo.snapshot(SYSTEM):
        person = await runtime.repo.find(select(Person).where(Person.email == email))
    matches = await verify_password(password, person.password_hash if person else None)
    if person is None or not matches or _is_foreign_seed(password):
        return Error(changeset.add_error("password", WRONG))
    return Ok(await _start_session(person, user_agent))


async def sign_out(token: str) -> None:
    """End the session of a token; its tabs lose access at once.

    Broadcasts ``SessionEnded``. An unknown token is no error: the wish is already true.
    """
    async with runtime.repo.transaction(SYSTEM):
        session = await _find_session(token)
        if session is not None:
            await runtime.repo.delete(session)
            await runtime.repo.say(
                SYSTEM, person_topic(session.person_id), SessionEnded(str(session.id))
            )


async def find_signed_in(token: str) -> SignedInPerson | None:
    """Return who a cookie's token belongs to, or None."""
    async with runtime.repo.snapshot(SYSTEM):
        session = await _find_session(token)
        if session is None:
            return None
        person = await runtime.repo.get(Person, session.person_id)
    return SignedInPerson(session.id, person.id, person.name, person.email)


async def scope(session_id: UUID, slug: str) -> Scope:
    """Return the scope of a live session in a workspace.

    Raises ``NotFound`` when the session has ended, and also for workspaces the person does not
    belong to: their existence is no one's business.
    """
    statement = across_workspaces(
        select(PersonSession, Person, Membership, Workspace)
        .join(Person, col(Person.id) == PersonSession.person_id)
        .join(Membership, col(Membership.person_id) == Person.id)
        .join(Workspace, col(Workspace.id) == Membership.workspace_id)
        .where(
            PersonSession.id == session_id,
            Workspace.slug == slug,
            PersonSession.expires_at > func.now(),
        )
    )
    async with runtime.repo.snapshot(SYSTEM):
        rows = await runtime.repo.rows(statement)
    if not rows:
        raise NotFound("There is no such workspace for you, or your session has ended.")
    session, person, membership, workspace = rows[0]
    return _scope(person, membership, workspace, session.id)


async def scope_by_email(email: str, slug: str | None = None) -> Scope:
    """Return a person's scope by e-mail address, for the command line; raises ``NotFound``."""
    statement = across_workspaces(
        select(Person, Membership, Workspace)
        .join(Membership, col(Membership.person_id) == Person.id)
        .join(Workspace, col(Workspace.id) == Membership.workspace_id)
        .where(Person.email == email.lower(), *([Workspace.slug == slug] if slug else []))
        .order_by(col(Membership.inserted_at), col(Membership.id))
    )
    async with runtime.repo.snapshot(SYSTEM):
        rows = await runtime.repo.rows(statement)
    if not rows:
        raise NotFound(f"Nobody with the address {email} belongs to such a workspace.")
    person, membership, workspace = rows[0]
    return _scope(person, membership, workspace, None)


async def first_workspace_slug(person_id: UUID) -> str | None:
    """Return the slug of the workspace a person joined first, or None."""
    statement = across_workspaces(
        select(Workspace)
        .join(Membership, col(Membership.workspace_id) == Workspace.id)
        .where(Membership.person_id == person_id)
        .order_by(col(Membership.inserted_at), col(Membership.id))
        .limit(1)
    )
    async with runtime.repo.snapshot(SYSTEM):
        workspace = await runtime.repo.find(statement)
    return workspace.slug if workspace else None


async def names(scope: Scope) -> dict[UUID, str]:
    """Return the names of the workspace's people by id."""
    statement = select(Person.id, Person.name).join(
        Membership, col(Membership.person_id) == Person.id
    )
    async with runtime.repo.snapshot(scope):
        statement = statement.where(Membership.workspace_id == scope.workspace_id)
        return {row.id: row.name for row in await runtime.repo.rows(statement)}


async def create_person(attrs: Attrs) -> Any:
    """Create a person: ``Ok(person_id)``; the password is hashed only when all else is right."""
    changeset = Person.changeset(blank(Person), attrs)
    if changeset.is_valid:
        await _hash_change(changeset)
    async with runtime.repo.transaction(SYSTEM):
        result = await runtime.repo.insert(changeset)
        return result.map(lambda person: person.id)


async def create_workspace(attrs: Attrs) -> Any:
    """Create a workspace: ``Ok(workspace_id)``."""
    async with runtime.repo.transaction(SYSTEM):
        result = await runtime.repo.insert(Workspace.changeset(blank(Workspace), attrs))
        return result.map(lambda workspace: workspace.id)


async def add_member(workspace_id: UUID, person_id: UUID, role: Role) -> None:
    """Give a person a role in a workspace."""
    async with runtime.repo.transaction(Scope(workspace_id, Role.ADMIN)):
        await runtime.repo.add_all(
            [Membership(workspace_id=workspace_id, person_id=person_id, role=role.value)]
        )


async def new_set_up_token() -> str | None:
    """Return a fresh one-time token while nobody can sign in yet, else None; older ones end."""
    async with runtime.repo.transaction(SYSTEM):
        people = await runtime.repo.rows(select(func.count()).select_from(Person))
        if people[0][0]:
            return None
        token = secrets.token_urlsafe(32)
        await runtime.repo.execute(delete(SetUpToken))
        await runtime.repo.add_all([SetUpToken(token_hash=_hash(token))])
    return token


async def is_set_up_token(token: str) -> bool:
    """Whether a one-time set-up token is still good."""
    async with runtime.repo.snapshot(SYSTEM):
        found = select(SetUpToken).where(SetUpToken.token_hash == _hash(token))
        return await runtime.repo.find(found) is not None


async def set_up(token: str, attrs: Attrs) -> Any:
    """Spend the set-up token on the first workspace and its admin: ``Ok(person_id)``.

    Raises ``NotPermitted`` when the token is unknown or spent.
    """
    name = str(attrs.get("workspace") or "").strip()
    workspace = Workspace.changeset(blank(Workspace), {"name": name, "slug": _slug(name)})
    person = Person.changeset(blank(Person), attrs)
    if not (workspace.is_valid and person.is_valid):
        if problems := [*workspace.errors_on("name"), *workspace.errors_on("slug")]:
            person.errors["workspace"] = problems[:1]
        return Error(person)
    await _hash_change(person)
    async with runtime.repo.transaction(SYSTEM):
        statement = select(SetUpToken).where(SetUpToken.token_hash == _hash(token))
        spent = await runtime.repo.find(statement, lock=True)
        if spent is None:
            raise NotPermitted("This set-up link has been used or replaced; restart for a new one.")
        first = (await runtime.repo.insert(workspace)).unwrap()
        admin = (await runtime.repo.insert(person)).unwrap()
        membership = Membership(workspace_id=first.id, person_id=admin.id, role=Role.ADMIN.value)
        await runtime.repo.add_all([membership], across_workspaces=True)
        await runtime.repo.delete(spent)
        return Ok(admin.id)


async def seed_workspace(name: str, slug: str, people: Mapping[str, Role]) -> Scope:
    """Return the scope of a seeded workspace's first person; makes what is missing, twice is once.

    The accounts have ``DEVELOPMENT_PASSWORD``, which no other environment accepts.
    """
    first = next(iter(people))
    try:
        return await scope_by_email(first, slug)
    except NotFound:
        workspace_id = (await create_workspace({"name": name, "slug": slug})).unwrap()
    for email, role in people.items():
        attrs = {"email": email, "name": email.split("@")[0].title() + " " + name}
        person = await create_person({**attrs, "password": DEVELOPMENT_PASSWORD})
        await add_member(workspace_id, person.unwrap(), role)
    return await scope_by_email(first, slug)


async def delete_expired_sessions() -> int:
    """Delete sessions past their time and return how many."""
    async with runtime.repo.transaction(SYSTEM):
        gone = delete(PersonSession).where(col(PersonSession.expires_at) < func.now())
        return len((await runtime.repo.execute(gone.returning(col(PersonSession.id)))).all())


async def _load(topic: Topic) -> tuple[dict[str, JSON], int]:
    async with runtime.repo.snapshot(SYSTEM):
        return {}, await runtime.repo.head(topic)


CHANNEL = Channel("person", ignore, _load)


async def _limit(address: str, email: str) -> None:
    waits = [
        await runtime.limiter.hit(_PER_ADDRESS, "sign-in", "address", address),
        await runtime.limiter.hit(_PER_EMAIL, "sign-in", "email", email),
    ]
    if max(waits) > 0:
        raise TooManyAttempts(max(waits))


async def _start_session(person: Person, user_agent: str) -> SignedIn:
    token = secrets.token_urlsafe(32)
    session = PersonSession(
        person_id=person.id,
        token_hash=_hash(token),
        user_agent=user_agent[:200],
        expires_at=datetime.now(UTC) + timedelta(days=SESSION_DAYS),
    )
    async with runtime.repo.transaction(SYSTEM):
        await runtime.repo.add_all([session])
    return SignedIn(token, session.id, await first_workspace_slug(person.id))


async def _find_session(token: str) -> PersonSession | None:
    statement = select(PersonSession).where(
        PersonSession.token_hash == _hash(token), PersonSession.expires_at > func.now()
    )
    return await runtime.repo.find(statement)


async def _hash_change(changeset: Changeset[Person]) -> None:
    password = changeset.changes.pop("password")
    changeset.put("password_hash", await hash_password(password))


def _is_foreign_seed(password: str) -> bool:
    # The seeded accounts' password is printed on the sign-in page in development; a database that
    # wandered to another environment must not open to it.
    return password == DEVELOPMENT_PASSWORD and not runtime.settings.is_development


def _scope(
    person: Person, membership: Membership, workspace: Workspace, session_id: UUID | None
) -> Scope:
    return Scope(
        workspace_id=workspace.id,
        role=Role(membership.role),
        person_id=person.id,
        session_id=session_id,
        person_name=person.name,
        person_email=person.email,
        workspace_name=workspace.name,
        workspace_slug=workspace.slug,
    )


def _hash(token: str) -> bytes:
    # The token has 256 random bits: a fast hash is enough, there is nothing to guess.
    return hashlib.sha256(token.encode()).digest()


def _slug(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:40].strip("-") or "team"
