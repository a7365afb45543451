"""Many contacts at once: rows of one source become contacts, set-wise. Private to the context.

The caller hands over two SELECTs over tables of its own, both of which name ``:workspace_id``:

``rows``
    What came in. Columns: ``ordinal`` (the row's place in its source), ``new_id`` (the id its contact
    gets if it is new), ``first_name``, ``last_name``, ``organization``, ``notes`` (null when blank),
    ``emails``, ``phones`` (as written), ``phone_keys`` (normalised, one for each phone), ``kind`` and
    ``hash``. The kind says what the contact is known by: ``e`` its first e-mail address, ``p`` its
    first phone with its name, ``h`` the hash (32 hexadecimal digits) of everything said.
``earlier``
    Rows of the same source that were written before: ``ordinal``, ``contact_id``, ``first_name``,
    ``last_name``, ``organization``, ``notes``.

The temporary table ``incoming_contacts`` (dropped at commit) then holds, for each row, ``ordinal``,
``contact_id``, ``fate`` and ``remarks`` (what was not taken over, as JSON, or null).

The result is the same as if the rows had been written one by one in order, in chunks of any size:

* A row is about the contact that owns its key, else about a new one.
* Of several rows about one contact the first leads: what it says replaces what differs, and blank
  never erases. The others are **merged**: each fills what the rows before it left blank; what they
  contradict is remarked.
* Addresses and numbers are added, never taken away. An address that belongs to somebody else stays
  there and is remarked.
* A contact that nothing is new about is not written.

Rows known by phone and name are to come after those known otherwise, in calls of their own. One limit:
where several contacts already share both a name and a number, which of them a row with several numbers
is about can depend on the size of the chunks.
Locks are taken in one order (contacts by id, organizations, addresses), the same as a person's edit
takes them. Who was there first wins: ``LostRace`` asks the caller to roll back and try again.
"""

from dataclasses import dataclass
from typing import Any

from myapp import runtime
from myapp.accounts.scope import Scope
from myapp.contacts import incoming_sql as statements
from myapp.kit.ids import uuid7


class LostRace(RuntimeError):
    """Somebody changed these contacts meanwhile; roll back and try again."""


@dataclass(frozen=True, slots=True)
class IncomingCounts:
    """How many rows met which fate; ``changed_before`` says that leads of earlier calls did not stay unchanged."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    merged: int = 0
    changed_before: bool = False


async def upsert_incoming(
    scope: Scope,
    rows: str,
    earlier: str,
    parameters: dict[str, Any],
    *,
    is_contended: bool = False,
) -> IncomingCounts:
    """Write rows of a source as contacts, in the open transaction; see the module for the contract.

    Says nothing: the caller announces ``ContactsImported``. Raises ``LostRace``; a caller who lost one
    asks again with ``is_contended``, and every contact concerned is locked before it is read.
    """
    if scope.workspace_id is None:
        raise ValueError("contacts belong to a workspace; this scope has none")
    sql = runtime.repo.sql
    await sql(statements.TAKE_IN.format(rows=rows), parameters)
    await sql(statements.MATCH)
    shape = (await sql(statements.SHAPE)).one()
    if shape.followers:
        await _follow()
    if is_contended:
        await sql(statements.LOCK_MATCHED)
    if shape.followers or shape.known:
        await sql(statements.LEAD)
        await sql(statements.NOTICE_EARLIER.format(earlier=earlier), parameters)
    if shape.followers or shape.known or shape.rich:
        await _weigh(earlier, parameters)
    await _make_organizations()
    await _write(has_changes=bool(shape.followers or shape.known or shape.rich))
    return IncomingCounts(**(await sql(statements.COUNTS)).one()._mapping)  # noqa: SLF001 (a row's public view)


async def _follow() -> None:
    """Give rows whose key an earlier row of the same call claims that row's contact."""
    while (await runtime.repo.sql(statements.FOLLOW)).rowcount:  # ty: ignore[missing-attribute]
        pass


async def _weigh(earlier: str, parameters: dict[str, Any]) -> None:
    """Find out what is new about each contact that is not simply new."""
    sql = runtime.repo.sql
    followers = (await sql(statements.FOLLOWERS)).scalar_one()
    if followers:
        await sql(statements.FIRST.format(earlier=earlier), parameters)
        await sql(statements.REMARK)
        await sql(statements.FOLD)
    await sql(statements.NEW_EMAILS)
    await sql(statements.NEW_PHONES)
    await sql(statements.REMARK_TAKEN)
    await sql(statements.CHANGES)
    await sql(statements.LOCK)


async def _make_organizations() -> None:
    names = (await runtime.repo.sql(statements.MISSING_ORGANIZATIONS)).scalars().all()
    if names:
        ids = [uuid7() for _ in names]
        await runtime.repo.sql(statements.ADD_ORGANIZATIONS, {"ids": ids, "names": list(names)})


async def _write(*, has_changes: bool) -> None:
    sql = runtime.repo.sql
    await sql(statements.INSERT_PLAIN)
    if has_changes:
        await sql(statements.INSERT_CHANGED)
        changed = (await sql(statements.UPDATE_CHANGED)).one()
        if changed.expected != changed.written:
            raise LostRace(LostRace.__doc__)
    await sql(statements.INSERT_PLAIN_EMAILS)
    await sql(statements.INSERT_PLAIN_PHONES)
    if has_changes:
        await sql(statements.INSERT_EMAILS)
        await sql(statements.INSERT_PHONES)
        await sql(statements.DECIDE)
