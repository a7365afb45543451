"""Contacts: by function and outcome, each read with a second workspace beside it."""

import asyncio

import pytest

from myapp import contacts, runtime
from myapp.accounts import NotPermitted
from myapp.contacts import ContactCreated, ContactDeleted, ContactQuery, ContactUpdated
from myapp.kit.repo import NotFound
from myapp.kit.result import Error, Ok
from tests.fixtures.contacts import contact_fixture

pytestmark = pytest.mark.anyio

ADA = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "Ada@Example.com",
    "phone": "+44 20 7946 0001",
    "organization_name": "Analytical Engines",
    "notes": "Wrote the first program.",
}


async def test_create_contact_keeps_every_field_and_announces_it(scope, heard):
    ada = (await contacts.create_contact(scope, ADA)).unwrap()
    assert (ada.name, ada.email, ada.organization) == (
        "Ada Lovelace",
        "Ada@Example.com",
        "Analytical Engines",
    )
    assert await contacts.get_contact(scope, ada.id) == ada
    assert await heard.has(contacts.topic(scope), ContactCreated(ada.row))


async def test_create_contact_ignores_columns_nobody_was_offered(scope):
    attrs = {**ADA, "id": "x", "workspace_id": "y", "version": "9", "search": "z"}
    assert (await contacts.create_contact(scope, attrs)).unwrap().version == 1


@pytest.mark.parametrize(
    ("attrs", "field", "message"),
    [
        ({"email": "bad"}, "email", "must be a valid email address"),
        ({"phone": "call me"}, "phone", "must be a phone number"),
        ({"first_name": "x" * 161}, "first_name", "should be at most 160 character(s)"),
        (
            {"notes": "only a note"},
            "first_name",
            "give a name, an email, a phone or an organization",
        ),
    ],
)
async def test_create_contact_with_invalid_data_returns_the_changeset(
    scope, heard, attrs, field, message
):
    match await contacts.create_contact(scope, attrs):
        case Error(changeset):
            assert changeset.errors_on(field) == [message]
        case Ok(_):
            pytest.fail("an invalid contact was created")
    assert await heard.on(contacts.topic(scope)) == []


async def test_create_contact_with_a_taken_email_returns_the_changeset(scope, heard):
    await contact_fixture(scope, email="ada@example.com")
    result = await contacts.create_contact(scope, ADA)
    assert result.error.errors_on("email") == ["has already been taken"]
    assert await heard.names(contacts.topic(scope)) == ["contacts.ContactCreated"]
    assert await contacts.count_contacts(scope) == 1


async def test_two_parallel_saves_of_one_email_make_one_row_and_one_field_error(scope):
    for number in range(10):
        attrs = {"first_name": "Twin", "email": f"twin{number}@example.com"}
        results = await asyncio.gather(*(contacts.create_contact(scope, attrs) for _ in range(2)))
        [error] = [result.error for result in results if isinstance(result, Error)]
        assert error.errors == {"email": ["has already been taken"]}
    assert await contacts.count_contacts(scope) == 10


async def test_the_same_email_may_stand_in_another_workspace(scope, other_scope):
    await contact_fixture(scope, email="ada@example.com")
    assert isinstance(await contacts.create_contact(other_scope, ADA), Ok)


async def test_a_viewer_may_read_and_not_write(scope, viewer):
    ada = await contact_fixture(scope)
    assert await contacts.get_contact(viewer, ada.id) == ada
    for attempt in (
        contacts.create_contact(viewer, ADA),
        contacts.update_contact(viewer, ada.id, ADA),
        contacts.delete_contact(viewer, ada.id),
    ):
        with pytest.raises(NotPermitted):
            await attempt


async def test_update_contact_changes_what_differs_and_counts_the_version(scope, heard):
    ada = (await contacts.create_contact(scope, ADA)).unwrap()
    changed = (await contacts.update_contact(scope, ada.id, {"last_name": "King"})).unwrap()
    assert (changed.name, changed.version, changed.email) == ("Ada King", 2, ada.email)
    assert await heard.has(contacts.topic(scope), ContactUpdated(changed.row))
    assert (await contacts.list_contacts(scope, ContactQuery("king"))).total == 1
    assert (await contacts.list_contacts(scope, ContactQuery("lovelace"))).total == 0


async def test_update_contact_that_changes_nothing_says_nothing(scope, heard):
    ada = (await contacts.create_contact(scope, ADA)).unwrap()
    same = (await contacts.update_contact(scope, ada.id, contacts.form_values(ada))).unwrap()
    assert same.version == 1
    assert await heard.names(contacts.topic(scope)) == ["contacts.ContactCreated"]


async def test_update_contact_clears_what_is_blank(scope):
    ada = (await contacts.create_contact(scope, ADA)).unwrap()
    blank = {"email": "", "phone": "", "organization_name": ""}
    changed = (await contacts.update_contact(scope, ada.id, blank)).unwrap()
    assert (changed.email, changed.phone, changed.organization) == ("", "", "")
    assert await contacts.get_contact(scope, ada.id) == changed


async def test_update_contact_with_a_taken_email_leaves_everything_as_it_was(scope):
    await contact_fixture(scope, email="taken@example.com")
    ada = (await contacts.create_contact(scope, ADA)).unwrap()
    result = await contacts.update_contact(
        scope, ada.id, {"email": "taken@example.com", "last_name": "King"}
    )
    assert result.error.errors_on("email") == ["has already been taken"]
    assert await contacts.get_contact(scope, ada.id) == ada


async def test_anothers_contact_is_not_found(scope, other_scope):
    ada = await contact_fixture(scope)
    for attempt in (
        contacts.get_contact(other_scope, ada.id),
        contacts.update_contact(other_scope, ada.id, ADA),
        contacts.delete_contact(other_scope, ada.id),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_delete_contact_takes_its_rows_along_and_announces_it(scope, heard):
    ada = await contact_fixture(scope, email="ada@example.com")
    await contacts.delete_contact(scope, ada.id)
    assert await contacts.count_contacts(scope) == 0
    assert await heard.has(contacts.topic(scope), ContactDeleted(ada.id, 2))
    assert isinstance(await contacts.create_contact(scope, ADA), Ok)


async def test_list_contacts_pages_through_all_without_repeats(scope):
    for number in range(contacts.PAGE_SIZE + 3):
        await contact_fixture(scope, first_name=f"P{number:03d}")
    first = await contacts.list_contacts(scope, ContactQuery())
    second = await contacts.list_contacts(scope, ContactQuery(page=2))
    beyond = await contacts.list_contacts(scope, ContactQuery(page=99))
    assert (first.total, first.pages, len(second.rows)) == (contacts.PAGE_SIZE + 3, 2, 3)
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}
    assert beyond == second


async def test_list_contacts_sorts_both_ways(scope):
    for name in ("Bea", "Cem", "Ana"):
        await contact_fixture(scope, first_name=name, last_name="")
    up = await contacts.list_contacts(scope, ContactQuery())
    down = await contacts.list_contacts(scope, ContactQuery(is_descending=True))
    newest = await contacts.list_contacts(scope, ContactQuery(sort="updated", is_descending=True))
    assert [row.name for row in up.rows] == ["Ana", "Bea", "Cem"]
    assert [row.name for row in down.rows] == ["Cem", "Bea", "Ana"]
    assert [row.name for row in newest.rows] == ["Ana", "Cem", "Bea"]


@pytest.mark.parametrize(
    "words", ["ada", "LOVE", "analytical", "example.com", "7946 0001", "love ada"]
)
async def test_search_finds_by_any_field_and_every_word(scope, words):
    await contacts.create_contact(scope, ADA)
    await contact_fixture(scope, first_name="Bob", last_name="Other", email="bob@else.test")
    found = await contacts.list_contacts(scope, ContactQuery(search=words))
    assert [row.name for row in found.rows] == ["Ada Lovelace"]


@pytest.mark.parametrize("words", ["%", "_", "\\", "100%"])
async def test_search_takes_wildcards_as_text(scope, words):
    await contacts.create_contact(scope, ADA)
    assert (await contacts.list_contacts(scope, ContactQuery(search=words))).total == 0


async def test_a_list_with_children_takes_few_statements(scope):
    for _ in range(20):
        await contact_fixture(scope, organization_name="Acme")
    with runtime.repo.counting() as statements:
        await contacts.list_contacts(scope, ContactQuery())
    assert len(statements) <= 3


async def test_the_window_names_the_message_it_is_true_for(scope):
    await contact_fixture(scope)
    await contact_fixture(scope)
    assert (await contacts.list_contacts(scope, ContactQuery())).seq == 2


async def test_change_contact_checks_a_form_without_the_database(scope):
    with runtime.repo.counting() as statements:
        changeset = contacts.change_contact(None, {"email": "bad"})
    assert changeset.errors_on("email") == ["must be a valid email address"]
    assert statements == []


async def test_organizations_are_found_by_name_in_any_case(scope):
    await contact_fixture(scope, organization_name="Acme")
    await contact_fixture(scope, organization_name="ACME")
    assert await contacts.count_organizations(scope) == 1


async def test_seeds_twice_are_once(scope):
    assert await contacts.seed_contacts(scope) == 200
    assert await contacts.seed_contacts(scope) == 0
    assert await contacts.count_organizations(scope) == 20
