"""Who is asking, for which workspace, in which role: the first argument of every context function."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a person may do in a workspace; each role may do what those before it may."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Order of the roles, the least first."""
        return list(Role).index(self)


class NotPermitted(PermissionError):
    """Your role in this workspace does not allow this; ask one of its admins."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A person in a workspace, as the stored session or a job says; never made from input."""

    workspace_id: UUID | None
    role: Role = Role.MEMBER
    person_id: UUID | None = None
    session_id: UUID | None = None
    person_name: str = ""
    person_email: str = ""
    workspace_name: str = ""
    workspace_slug: str = ""

    @property
    def actor_id(self) -> UUID | None:
        """Return who is written into event rows."""
        return self.person_id

    def permits(self, role: Role) -> bool:
        """Whether this person may do what ``role`` may."""
        return self.role.rank >= role.rank

    def require(self, role: Role) -> None:
        """Raise ``NotPermitted`` unless this person may do what ``role`` may."""
        if not self.permits(role):
            raise NotPermitted(NotPermitted.__doc__)

    @classmethod
    def for_job(cls, workspace_id: UUID | None, actor_id: UUID | None) -> "Scope":
        """Return the scope a job works in: the workspace and the person it was asked by."""
        return cls(workspace_id=workspace_id, role=Role.MEMBER, person_id=actor_id)


SYSTEM = Scope(workspace_id=None, role=Role.ADMIN)
"""The application itself, outside any workspace: sign-in, maintenance."""
