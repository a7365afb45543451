"""Who is asking: a cookie's token → a stored session → a scope.

The cookie is read at the socket's handshake and on HTTP routes, nowhere else. Whether a session still
stands is asked per event from a cache of one second, so a sign-out reaches open tabs at once or, without
the bus, within it.
"""

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from myapp import accounts
from myapp.accounts import Role, Scope
from myapp.kit.repo import NotFound
from myapp.kit.topics import Topic
from myapp.live.state import Refused

COOKIE = "myapp_session"
CACHE_S = 1.0
_CACHE_MAX = 10_000

_scopes: dict[tuple[UUID, str], tuple[float, Scope]] = {}
_current: ContextVar[Scope | None] = ContextVar("scope", default=None)


class SignedOut(Refused):
    """Your session has ended; sign in again."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The person behind a socket, as its handshake said."""

    session_key: str
    session_id: UUID
    person_id: UUID
    name: str
    email: str


async def authenticate(cookies: Mapping[str, str], _headers: Mapping[str, str]) -> Identity | None:
    """Return who a request's cookies belong to, or None."""
    token = cookies.get(COOKIE)
    person = await accounts.find_signed_in(token) if token else None
    if person is None:
        return None
    return Identity(
        str(person.session_id), person.session_id, person.person_id, person.name, person.email
    )


async def scope_of(identity: Identity | None, slug: str) -> Scope:
    """Return the scope of an identity in a workspace, from the cache while it is fresh.

    Raises ``SignedOut`` without an identity and ``NotFound`` when the session has ended or the
    workspace is not the person's.
    """
    if identity is None:
        raise SignedOut(SignedOut.__doc__)
    key, now = (identity.session_id, slug), time.monotonic()
    known = _scopes.get(key)
    if known is not None and known[0] > now:
        return known[1]
    _scopes.pop(key, None)
    scope = await accounts.scope(identity.session_id, slug)
    if len(_scopes) >= _CACHE_MAX:
        _scopes.clear()
    _scopes[key] = (now + CACHE_S, scope)
    return scope


def forget(session_id: UUID) -> None:
    """Drop what is cached for a session: it has ended."""
    for key in [key for key in _scopes if key[0] == session_id]:
        del _scopes[key]


async def authorize(state: Any, policy: Any) -> None:
    """Let a handler run: resolve the scope of its tab and hold it against the policy.

    Raises ``SignedOut``, ``Refused`` and ``NotPermitted``.
    """
    if not isinstance(policy, Role):
        raise Refused(f"{type(state).__name__} declares no role.")
    slug = str(params_of(state).get("workspace") or "")
    try:
        scope = await scope_of(state._identity, slug)  # noqa: SLF001 (the live layer's name for it)
    except NotFound as error:
        raise SignedOut(str(error)) from None
    scope.require(policy)
    structlog.contextvars.bind_contextvars(person_id=str(scope.person_id))
    _current.set(scope)


def authorize_join(_state: Any, topic: Topic) -> None:
    """Let a tab follow topics of its own workspace and its person's own; raises ``Refused``."""
    scope = current_scope()
    if topic.workspace_id not in {scope.workspace_id, scope.person_id}:
        raise Refused("This topic belongs to another workspace.")


def params_of(state: Any) -> dict[str, Any]:
    """Return the parameters of the address a State's tab shows: the route's and the query's."""
    return dict(state.router_data.get("query") or {})


def path_of(state: Any) -> str:
    """Return the address a State's tab shows, with its query."""
    return str(state.router_data.get("asPath") or "/")


def current_scope() -> Scope:
    """Return the scope the running handler was authorized for."""
    scope = _current.get()
    if scope is None:
        raise SignedOut(SignedOut.__doc__)
    return scope
