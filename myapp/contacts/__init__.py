"""Contacts and organizations: who the team knows.

The public API of the context; nothing outside this package opens its tables.
Every function takes the caller's scope first and sees only that workspace.

Topics:
    ``<workspace_id>:contacts``: ContactCreated, ContactUpdated, ContactDeleted, ContactsImported
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlmodel import col

from myapp import runtime
from myapp.accounts.scope import Role, Scope
from myapp.contacts import queries, seeds
from myapp.contacts.events import (
    ContactCreated,
    ContactDeleted,
    ContactQuery,
    ContactRow,
    ContactsImported,
    ContactUpdated,
    ContactView,
    ContactWindow,
    fold,
)
from myapp.contacts.incoming import LostRace, upsert_incoming
from myapp.contacts.schemas import Contact, ContactEmail, ContactPhone
from myapp.kit.changeset import Attrs, Changeset, blank
from myapp.kit.result import Ok
from myapp.kit.topics import JSON, Channel, Topic

__all__ = [
    "ContactCreated",
    "ContactDeleted",
    "ContactQuery",
    "ContactRow",
    "ContactUpdated",
    "ContactView",
    "ContactWindow",
    "ContactsImported",
    "LostRace",
    "upsert_incoming",
]

PAGE_SIZE = queries.PAGE_SIZE
SORTS = tuple(queries.SORTS)


def topic(scope: Scope) -> Topic:
    """Return where changes to contacts are announced.

    ContactCreated, ContactUpdated, ContactDeleted; ContactsImported for many at once.
    """
    return Topic(_workspace(scope), "contacts")


async def list_contacts(scope: Scope, query: ContactQuery) -> ContactWindow:
    """Return one page of contacts and the number of the topic it is true for.

    A page past the end is the last one, so that a list which shrinks never shows nothing.
    """
    async with runtime.repo.snapshot(scope):
        total = (await runtime.repo.rows(queries.count(query.search)))[0][0]
        pages = max(1, -(-total // PAGE_SIZE))
        page = min(max(1, query.page), pages)
        found = await runtime.repo.rows(queries.window(query, page))
        seq = await runtime.repo.head(topic(scope))
    return ContactWindow(tuple(queries.row(each) for each in found), total, page, pages, seq)


async def count_contacts(scope: Scope) -> int:
    """Return how many contacts the workspace has."""
    async with runtime.repo.snapshot(scope):
        return (await runtime.repo.rows(queries.count()))[0][0]


async def count_organizations(scope: Scope) -> int:
    """Return how many organizations the workspace has."""
    async with runtime.repo.snapshot(scope):
        return (await runtime.repo.rows(queries.count_organizations()))[0][0]


async def get_contact(scope: Scope, contact_id: UUID) -> ContactView:
    """Return one contact in full; raises ``NotFound`` also for another workspace's."""
    async with runtime.repo.snapshot(scope):
        return _view(await _get(contact_id))


async def create_contact(scope: Scope, attrs: Attrs) -> Any:
    """Create a contact: ``Ok(ContactView)``.

    Broadcasts ``ContactCreated``. A taken e-mail address is an error on ``email``.
    """
    scope.require(Role.MEMBER)
    contact = Contact(workspace_id=_workspace(scope), emails=[], phones=[], organization=None)
    changeset = Contact.changeset(contact, attrs)
    return await _save(scope, changeset, is_new=True)


async def update_contact(scope: Scope, contact_id: UUID, attrs: Attrs) -> Any:
    """Change a contact: ``Ok(ContactView)``.

    Broadcasts ``ContactUpdated``, unless nothing differs. A taken e-mail address is an error on
    ``email``. Further addresses and numbers stay. Raises ``NotFound``.
    """
    scope.require(Role.MEMBER)
    async with runtime.repo.transaction(scope):
        changeset = Contact.changeset(await _get(contact_id, lock=True), attrs)
        return await _save(scope, changeset, is_new=False)


async def delete_contact(scope: Scope, contact_id: UUID) -> None:
    """Delete a contact with its addresses and numbers.

    Broadcasts ``ContactDeleted``. Raises ``NotFound``.
    """
    scope.require(Role.MEMBER)
    async with runtime.repo.transaction(scope):
        contact = await _get(contact_id, lock=True)
        await runtime.repo.delete(contact)
        await runtime.repo.say(
            scope, topic(scope), ContactDeleted(str(contact.id), contact.version + 1)
        )


async def seed_contacts(scope: Scope) -> int:
    """Create the development seeds that are missing and return how many; twice is once."""
    created = 0
    async with runtime.repo.transaction(scope):
        for attrs in seeds.contacts():
            created += isinstance(await create_contact(scope, attrs), Ok)
    return created


def change_contact(contact: ContactView | None, attrs: Attrs) -> Changeset[Contact]:
    """Return what a form's values would change and what is wrong with them; asks no database."""
    empty = blank(Contact, emails=[], phones=[], organization=None)
    shown = {} if contact is None else form_values(contact)
    return Contact.changeset(empty, {**shown, **attrs})


def form_values(contact: ContactView) -> dict[str, str]:
    """Return a contact as its form shows it."""
    return {
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "email": contact.email,
        "phone": contact.phone,
        "organization_name": contact.organization,
        "notes": contact.notes,
    }


async def _load(topic_: Topic) -> tuple[dict[str, JSON], int]:
    async with runtime.repo.snapshot(Scope(topic_.workspace_id)):
        return {}, await runtime.repo.head(topic_)


CHANNEL = Channel("contacts", fold, _load)


async def _get(contact_id: UUID, *, lock: bool = False) -> Contact:
    if lock:
        await runtime.repo.get(Contact, contact_id, lock=True)
    found = await runtime.repo.all(queries.in_full().where(col(Contact.id) == contact_id))
    return found[0] if found else await runtime.repo.get(Contact, contact_id)


async def _save(scope: Scope, changeset: Changeset[Contact], *, is_new: bool) -> Any:
    async with runtime.repo.transaction(scope):
        contact = changeset.data
        if changeset.is_valid and not changeset.changes:
            return Ok(_view(contact))
        if changeset.is_valid:
            await _compose(changeset)
            if not is_new:
                changeset.put("version", contact.version + 1).put("updated_at", datetime.now(UTC))
            write = runtime.repo.insert if is_new else runtime.repo.update
            result = await write(changeset)
        else:
            result = await runtime.repo.update(changeset)
        if isinstance(result, Ok):
            view = _view(contact)
            said = ContactCreated(view.row) if is_new else ContactUpdated(view.row)
            await runtime.repo.say(scope, topic(scope), said)
            return Ok(view)
        return result


async def _compose(changeset: Changeset[Contact]) -> None:
    """Turn the form's fields into rows: addresses, numbers, organization, what lists show."""
    contact, changes = changeset.data, changeset.changes
    emails = [each.address for each in contact.emails]
    phones = [each.number for each in contact.phones]
    if "email" in changes:
        emails = _replaced(emails, changes.pop("email"))
        changeset.put("emails", _emails(contact, emails))
    if "phone" in changes:
        phones = _replaced(phones, changes.pop("phone"))
        changeset.put("phones", _phones(contact, phones))
    organization = contact.organization_name
    if "organization_name" in changes:
        organization = changes.pop("organization_name")
        found = await queries.organization_named(organization) if organization else None
        changeset.put("organization", found)
    full_name = (
        f"{changeset.value('first_name') or ''} {changeset.value('last_name') or ''}".strip()
    )
    shown = [full_name, organization or "", *emails[:1], *phones[:1]]
    changeset.put("name", next((each for each in shown if each), ""))
    changeset.put(
        "search", " ".join([full_name, organization or "", *emails, *phones]).lower().strip()
    )


def _replaced(values: list[str], first: str | None) -> list[str]:
    rest = [value for value in values[1:] if value != first]
    return [first, *rest] if first else rest


def _emails(contact: Contact, addresses: list[str]) -> list[ContactEmail]:
    return [
        ContactEmail(
            workspace_id=contact.workspace_id,
            contact_id=contact.id,
            position=position,
            address=address,
            address_key=address.lower(),
        )
        for position, address in enumerate(addresses)
    ]


def _phones(contact: Contact, numbers: list[str]) -> list[ContactPhone]:
    return [
        ContactPhone(
            workspace_id=contact.workspace_id,
            contact_id=contact.id,
            position=position,
            number=number,
            number_key=phone_key(number),
        )
        for position, number in enumerate(numbers)
    ]


def phone_key(number: str) -> str:
    """Return a phone number's digits, with a leading plus where it has one: what makes two equal."""
    digits = "".join(each for each in number if each.isdigit())
    return f"+{digits}" if number.strip().startswith("+") else digits


def _view(contact: Contact) -> ContactView:
    return ContactView(
        id=str(contact.id),
        version=contact.version,
        name=contact.name,
        first_name=contact.first_name or "",
        last_name=contact.last_name or "",
        email=contact.email or "",
        phone=contact.phone or "",
        emails=tuple(each.address for each in contact.emails),
        phones=tuple(each.number for each in contact.phones),
        organization=contact.organization_name or "",
        notes=contact.notes or "",
        updated_at=(contact.updated_at or datetime.now(UTC)).isoformat(),
    )


def _workspace(scope: Scope) -> UUID:
    if scope.workspace_id is None:
        raise ValueError("contacts belong to a workspace; this scope has none")
    return scope.workspace_id
