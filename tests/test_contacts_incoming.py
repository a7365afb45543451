"""Rows of a source become contacts, set-wise: each statement beside a second workspace, and lost races."""

import asyncio
import json
from uuid import UUID

import anyio
import pytest

from myapp import contacts, runtime
from myapp.contacts import ContactQuery, LostRace
from myapp.kit.ids import uuid7
from tests.fixtures.contacts import contact_fixture

pytestmark = pytest.mark.anyio

ROWS = """
SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
    ordinal integer, new_id uuid, first_name text, last_name text, organization text, notes text,
    emails text[], phones text[], phone_keys text[], kind text, hash text)
WHERE CAST(:workspace_id AS uuid) IS NOT NULL
"""
NONE_EARLIER = """
SELECT 0 AS ordinal, CAST(NULL AS uuid) AS contact_id, '' AS first_name, '' AS last_name,
    '' AS organization, '' AS notes
WHERE CAST(:workspace_id AS uuid) IS NULL
"""


def row(ordinal: int, kind: str, **values) -> dict:
    blank = {
        "first_name": None,
        "last_name": None,
        "organization": None,
        "notes": None,
        "hash": None,
    }
    texts = {"emails": [], "phones": []}
    made = {**blank, **texts, **values, "ordinal": ordinal, "kind": kind, "new_id": str(uuid7())}
    return {**made, "phone_keys": [contacts.phone_key(number) for number in made["phones"]]}


async def upsert(scope, *rows):
    async with runtime.repo.transaction(scope):
        return await contacts.upsert_incoming(scope, ROWS, NONE_EARLIER, {"rows": json.dumps(rows)})


def fresh(rows) -> list[dict]:
    """Return rows with new ids, as another file has them."""
    return [{**each, "new_id": str(uuid7())} for each in rows]


async def seen(scope):
    rows = (await contacts.list_contacts(scope, ContactQuery())).rows
    return [await contacts.get_contact(scope, UUID(each.id)) for each in rows]


async def somebody_waits(scope) -> None:
    """Wait until a transaction waits for another's lock."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND CAST(:workspace_id AS uuid) IS NOT NULL"
    with anyio.fail_after(10):
        found = None
        while found is None:
            async with runtime.repo.snapshot(scope):
                found = (await runtime.repo.sql(waiting)).first()


BOTH = (
    row(1, "e", first_name="Ada", emails=["ada@x.org", "al@x.org"], organization="Engines"),
    row(2, "h", organization="Mills", hash="0" * 32),
    row(3, "e", last_name="King", emails=["AL@x.org"], phones=["+49 30 1"], notes="n"),
)
BY_PHONE = (row(4, "p", first_name="Bob", phones=["+49 30 2", "030 3"]),)


async def test_each_kind_of_row_is_found_again_and_only_in_its_own_workspace(scope, other_scope):
    for whose in (other_scope, scope):
        counts = await upsert(whose, *fresh(BOTH))
        assert (counts.created, counts.merged) == (2, 1)
        assert (await upsert(whose, *fresh(BY_PHONE))).created == 1
    theirs = await seen(other_scope)
    changed = [
        {
            **BOTH[0],
            "notes": "new",
            "organization": "Elsewhere",
            "phones": ["1234"],
            "phone_keys": ["1234"],
        },
        {**BOTH[1], "notes": "new"},
    ]
    assert (await upsert(scope, *changed)).updated == 2
    bob = {**BY_PHONE[0], "notes": "new"}
    assert (await upsert(scope, bob)).updated == 1
    assert (await upsert(scope, *changed)).unchanged == 2
    assert (await upsert(scope, bob)).unchanged == 1
    assert await seen(other_scope) == theirs
    assert [each.notes for each in await seen(scope)] == ["new"] * 3
    assert await contacts.count_organizations(other_scope) == 2


async def test_an_address_belongs_to_the_first_who_claims_it(scope):
    rows = [
        row(1, "e", first_name="A", emails=["a@x.org", "b@x.org"]),
        row(2, "e", first_name="B", emails=["b@x.org", "c@x.org"]),
        row(3, "e", first_name="C", emails=["d@x.org", "c@x.org"]),
    ]
    counts = await upsert(scope, *rows)
    assert (counts.created, counts.merged) == (2, 1)
    assert {each.first_name: each.emails for each in await seen(scope)} == {
        "A": ("a@x.org", "b@x.org", "c@x.org"),
        "C": ("d@x.org",),
    }


async def test_a_long_chain_of_rows_is_one_contact(scope):
    rows = [row(n, "e", emails=[f"a{n}@x.org", f"a{n + 1}@x.org"]) for n in range(1, 201)]
    counts = await upsert(scope, *rows)
    assert (counts.created, counts.merged) == (1, 199)


async def test_an_edit_in_between_is_a_lost_race_and_nothing_is_written(scope):
    ada = await contact_fixture(scope, email="ada@x.org", first_name="Ada", last_name="L")
    edited, may_commit = asyncio.Event(), asyncio.Event()

    async def edit():
        async with runtime.repo.transaction(scope):
            await contacts.update_contact(scope, UUID(ada.id), {"notes": "mine"})
            edited.set()
            await may_commit.wait()

    async def incoming():
        await edited.wait()
        change = row(1, "e", emails=["ada@x.org"], notes="theirs")
        other = row(2, "e", emails=["new@x.org"])
        return await upsert(scope, change, other)

    async def release():
        # The other waits for the contact's lock: it has read the old version by then.
        await somebody_waits(scope)
        may_commit.set()

    _, result, _ = await asyncio.gather(edit(), incoming(), release(), return_exceptions=True)
    assert isinstance(result, LostRace)
    [after] = await seen(scope)
    assert after.notes == "mine"


async def test_a_new_address_taken_meanwhile_writes_nothing(scope):
    inserted, may_commit = asyncio.Event(), asyncio.Event()

    async def create():
        async with runtime.repo.transaction(scope):
            await contacts.create_contact(scope, {"first_name": "Ada", "email": "ada@x.org"})
            inserted.set()
            await may_commit.wait()

    async def incoming():
        await inserted.wait()
        return await upsert(
            scope, row(1, "e", emails=["ada@x.org"]), row(2, "e", emails=["b@x.org"])
        )

    async def release():
        await somebody_waits(scope)
        may_commit.set()

    _, result, _ = await asyncio.gather(create(), incoming(), release(), return_exceptions=True)
    assert "contact_emails_address_key" in str(result)
    assert await contacts.count_contacts(scope) == 1
