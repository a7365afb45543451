"""Tables of people, workspaces and sessions, and what may be set on them. Private to the context."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, UniqueConstraint, func
from sqlmodel import Field, SQLModel

from myapp.accounts.scope import Role
from myapp.kit.changeset import EMAIL, Attrs, Changeset
from myapp.kit.ids import uuid7
from myapp.kit.repo import WorkspaceOwned

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def utc(**options: Any) -> Any:
    """Return a timezone-aware column that the database fills at insert."""
    return Field(
        default=None,
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.now(), "nullable": False, **options},
    )


class Workspace(SQLModel, table=True):
    """A team's place: it owns everything else."""

    __tablename__ = "workspaces"
    __table_args__ = (UniqueConstraint("slug", name="workspaces_slug_key"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    name: str
    slug: str
    inserted_at: datetime = utc()

    @staticmethod
    def changeset(workspace: "Workspace", attrs: Attrs) -> Changeset["Workspace"]:
        """Cast and check a workspace's name and slug."""
        return (
            Changeset(workspace)
            .cast(attrs, ["name", "slug"])
            .validate_required(["name", "slug"])
            .validate_length("name", at_most=80)
            .validate_format("slug", SLUG, message="may have small letters, digits and hyphens")
            .unique_constraint("slug", name="workspaces_slug_key")
        )


class Person(SQLModel, table=True):
    """Someone who can sign in."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("email", name="people_email_key"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    email: str
    name: str
    password_hash: str = Field(repr=False)
    inserted_at: datetime = utc()

    @staticmethod
    def changeset(person: "Person", attrs: Attrs) -> Changeset["Person"]:
        """Cast and check a person's name, e-mail address and password.

        The password stays a change; the context hashes it, only when everything else is right.
        """
        types = {"name": str, "email": str, "password": str}
        return (
            Changeset(person, types=types)
            .cast({**attrs, "email": str(attrs.get("email") or "").lower()}, list(types))
            .validate_required(["name", "email", "password"])
            .validate_length("name", at_most=120)
            .validate_length("email", at_most=254)
            .validate_format("email", EMAIL, message="must be a valid email address")
            .validate_change("password", password_problem)
            .unique_constraint("email", name="people_email_key")
        )


class Membership(WorkspaceOwned, table=True):
    """A person's role in a workspace."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("workspace_id", "person_id", name="memberships_person_key"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    person_id: UUID = Field(foreign_key="people.id", index=True, ondelete="CASCADE")
    role: str = Role.MEMBER.value
    inserted_at: datetime = utc()


class PersonSession(SQLModel, table=True):
    """A sign-in; only the hash of its token is stored."""

    __tablename__ = "person_sessions"
    __table_args__ = (UniqueConstraint("token_hash", name="person_sessions_token_key"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    person_id: UUID = Field(foreign_key="people.id", index=True, ondelete="CASCADE")
    token_hash: bytes = Field(repr=False)
    user_agent: str = ""
    inserted_at: datetime = utc()
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))


class SetUpToken(SQLModel, table=True):
    """The one-time link of a fresh installation; only its hash is stored."""

    __tablename__ = "set_up_tokens"

    token_hash: bytes = Field(primary_key=True, repr=False)
    inserted_at: datetime = utc()


def password_problem(password: str) -> str | None:
    """Return what is wrong with a password's length in characters and bytes, or None."""
    if len(password) < 12:
        return "should be at least 12 character(s)"
    if len(password.encode()) > 72:
        return "should be at most 72 bytes"
    return None
