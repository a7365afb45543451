"""Tables of contacts and organizations, and what may be set on them. Private to the context."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Computed, DateTime, Index, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import BYTEA
from sqlmodel import Column, Field, Relationship, Text

from myapp.kit.changeset import EMAIL, Attrs, Changeset
from myapp.kit.ids import uuid7
from myapp.kit.repo import WorkspaceOwned

PHONE = re.compile(r"[+(]?[0-9][0-9 ()./\-]{2,}(?:\s*(?:x|ext\.?)\s*[0-9]+)?", re.IGNORECASE)
FORM_FIELDS = ("first_name", "last_name", "email", "phone", "organization_name", "notes")
NAME_MAX, EMAIL_MAX, PHONE_MAX, ORGANIZATION_MAX, NOTES_MAX = 160, 254, 40, 200, 10_000


def _now(**options: Any) -> Any:
    return Field(
        default=None,
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.now(), "nullable": False, **options},
    )


class Organization(WorkspaceOwned, table=True):
    """A company that contacts work for."""

    __tablename__ = "organizations"
    __table_args__ = (UniqueConstraint("workspace_id", "name_key", name="organizations_name_key"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    name: str
    name_key: str = Field(
        default=None,
        sa_column=Column(Text, Computed("lower(name)", persisted=True), nullable=False),
    )
    version: int = 1
    inserted_at: datetime = _now()


class Contact(WorkspaceOwned, table=True):
    """A person the team knows.

    ``name`` is what lists show: the person's name, else the organization's, an e-mail address or a
    phone number. ``search`` holds everything a search may find, in small letters. Both are written by
    this context alone, with every change (``queries``).
    """

    __tablename__ = "contacts"
    __table_args__ = (
        Index("contacts_by_name", "workspace_id", "sort_name", "id"),
        Index("contacts_by_update", "workspace_id", "updated_at", "id"),
        Index(
            "contacts_by_import_key",
            "workspace_id",
            "import_key",
            unique=True,
            postgresql_where="import_key IS NOT NULL",
        ),
        Index(
            "contacts_search",
            "search",
            postgresql_using="gin",
            postgresql_ops={"search": "gin_trgm_ops"},
        ),
    )

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    first_name: str | None = None
    last_name: str | None = None
    organization_id: UUID | None = Field(
        default=None, foreign_key="organizations.id", index=True, ondelete="SET NULL"
    )
    notes: str | None = None
    name: str = ""
    sort_name: str = Field(
        default=None,
        sa_column=Column(Text, Computed("lower(name)", persisted=True), nullable=False),
    )
    search: str = ""
    import_key: bytes | None = Field(default=None, sa_type=BYTEA)
    version: int = 1
    inserted_at: datetime = _now()
    updated_at: datetime = _now()

    emails: list["ContactEmail"] = Relationship(
        sa_relationship_kwargs={
            "lazy": "raise",
            "order_by": "ContactEmail.position",
            "cascade": "all, delete-orphan",
            "passive_deletes": True,
        }
    )
    phones: list["ContactPhone"] = Relationship(
        sa_relationship_kwargs={
            "lazy": "raise",
            "order_by": "ContactPhone.position",
            "cascade": "all, delete-orphan",
            "passive_deletes": True,
        }
    )
    organization: Organization | None = Relationship(sa_relationship_kwargs={"lazy": "raise"})

    @property
    def email(self) -> str | None:
        """Return the first e-mail address."""
        return self.emails[0].address if self.emails else None

    @property
    def phone(self) -> str | None:
        """Return the first phone number."""
        return self.phones[0].number if self.phones else None

    @property
    def organization_name(self) -> str | None:
        """Return the organization's name."""
        return self.organization.name if self.organization else None

    @staticmethod
    def changeset(contact: "Contact", attrs: Attrs) -> Changeset["Contact"]:
        """Cast and check what a form may set: one e-mail address, one phone number, a name each."""
        changeset = (
            Changeset(contact, types=dict.fromkeys(FORM_FIELDS, str))
            .cast(attrs, FORM_FIELDS)
            .validate_length("first_name", at_most=NAME_MAX)
            .validate_length("last_name", at_most=NAME_MAX)
            .validate_length("email", at_most=EMAIL_MAX)
            .validate_format("email", EMAIL, message="must be a valid email address")
            .validate_length("phone", at_most=PHONE_MAX)
            .validate_format("phone", PHONE, message="must be a phone number")
            .validate_length("organization_name", at_most=ORGANIZATION_MAX)
            .validate_length("notes", at_most=NOTES_MAX)
            .unique_constraint("email", name="contact_emails_address_key")
        )
        if not any(changeset.value(field) for field in FORM_FIELDS if field != "notes"):
            changeset.add_error("first_name", "give a name, an email, a phone or an organization")
        return changeset


class ContactEmail(WorkspaceOwned, table=True):
    """An e-mail address of a contact; one address belongs to one contact of a workspace."""

    __tablename__ = "contact_emails"
    __table_args__ = (
        UniqueConstraint("workspace_id", "address_key", name="contact_emails_address_key"),
    )

    workspace_id: (
        UUID  # without a foreign key: the contact's guards it, at half the cost of an import
    )
    contact_id: UUID = Field(primary_key=True, foreign_key="contacts.id", ondelete="CASCADE")
    position: int = Field(primary_key=True)
    address: str
    address_key: str


class ContactPhone(WorkspaceOwned, table=True):
    """A phone number of a contact; several people may share one."""

    __tablename__ = "contact_phones"
    __table_args__ = (Index("contact_phones_by_number", "workspace_id", "number_key"),)

    workspace_id: (
        UUID  # without a foreign key: the contact's guards it, at half the cost of an import
    )
    contact_id: UUID = Field(primary_key=True, foreign_key="contacts.id", ondelete="CASCADE")
    position: int = Field(primary_key=True)
    number: str
    number_key: str
