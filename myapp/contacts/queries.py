"""What contacts ask the database: windows of the list, counts, organizations. Private to the context."""

import re
from typing import Any

from sqlalchemy import ColumnElement, Select, func
from sqlalchemy.orm import selectinload
from sqlmodel import col, select

from myapp import runtime
from myapp.contacts.events import ContactQuery, ContactRow
from myapp.contacts.schemas import Contact, ContactEmail, ContactPhone, Organization
from myapp.kit.ids import uuid7

PAGE_SIZE = 50
SORTS = {"name": col(Contact.sort_name), "updated": col(Contact.updated_at)}

_FIND_ORGANIZATION = """
    INSERT INTO organizations (id, workspace_id, name, version)
    VALUES (:id, :workspace_id, :name, 1)
    ON CONFLICT (workspace_id, name_key) DO UPDATE SET name = organizations.name
    RETURNING id
"""


def in_full() -> Select[Any]:
    """Select contacts with everything that belongs to them."""
    return select(Contact).options(
        selectinload(Contact.emails),  # ty: ignore[invalid-argument-type]
        selectinload(Contact.phones),  # ty: ignore[invalid-argument-type]
        selectinload(Contact.organization),  # ty: ignore[invalid-argument-type]
    )


def matching(search: str) -> list[ColumnElement[bool]]:
    """Return conditions for the words of a search: each must stand somewhere in the contact."""
    return [
        col(Contact.search).like(f"%{_escaped(word)}%", escape="\\")
        for word in search.lower().split()[:8]
    ]


def window(query: ContactQuery, page: int) -> Select[Any]:
    """Select one page of rows for a list."""
    order = SORTS.get(query.sort, SORTS["name"])
    first_email = (
        select(ContactEmail.address)
        .where(ContactEmail.contact_id == Contact.id, ContactEmail.position == 0)
        .scalar_subquery()
    )
    first_phone = (
        select(ContactPhone.number)
        .where(ContactPhone.contact_id == Contact.id, ContactPhone.position == 0)
        .scalar_subquery()
    )
    directed = (
        [order.desc(), col(Contact.id).desc()] if query.is_descending else [order, col(Contact.id)]
    )
    return (
        select(
            Contact.id,
            Contact.version,
            Contact.name,
            first_email.label("email"),
            first_phone.label("phone"),
            col(Organization.name).label("organization"),
            Contact.updated_at,
        )  # ty: ignore[no-matching-overload]
        .outerjoin(Organization, col(Organization.id) == Contact.organization_id)
        .where(*matching(query.search))
        .order_by(*directed)
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    )


def count(search: str = "") -> Select[Any]:
    """Select how many contacts match."""
    return select(func.count(col(Contact.id))).where(*matching(search))


def count_organizations() -> Select[Any]:
    """Select how many organizations there are."""
    return select(func.count(col(Organization.id)))


def row(found: Any) -> ContactRow:
    """Return a list's row from what ``window`` selected."""
    return ContactRow(
        id=str(found.id),
        version=found.version,
        name=found.name,
        email=found.email or "",
        phone=found.phone or "",
        organization=found.organization or "",
        updated_at=found.updated_at.isoformat(),
    )


async def organization_named(name: str) -> Organization:
    """Return the workspace's organization of that name, made now if there is none."""
    found = await runtime.repo.sql(
        _FIND_ORGANIZATION,
        {"id": uuid7(), "name": name},
    )
    return await runtime.repo.get(Organization, found.scalar_one())


def _escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)
