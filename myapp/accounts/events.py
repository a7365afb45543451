"""What accounts say out loud: views and facts."""

from dataclasses import dataclass
from uuid import UUID

from myapp.kit.topics import Fact


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh sign-in: the token for the cookie, shown once, and where to go."""

    token: str
    session_id: UUID
    workspace_slug: str | None


@dataclass(frozen=True, slots=True)
class SignedInPerson:
    """Who a session belongs to."""

    session_id: UUID
    person_id: UUID
    name: str
    email: str


@dataclass(frozen=True)
class SessionEnded(Fact):
    """A session was signed out or revoked; its open sockets must go."""

    session_id: str
