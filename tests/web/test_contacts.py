"""The shared list of contacts and its form, driven as tabs, without a browser."""

from uuid import UUID

import pytest

from myapp import contacts
from myapp.accounts import Role
from myapp.kit.ids import uuid7
from myapp.web.pages.contact_form import ContactForm
from myapp.web.pages.contacts import ContactIndex
from tests.fixtures.accounts import scope_fixture
from tests.fixtures.contacts import contact_fixture

pytestmark = pytest.mark.anyio

ADA = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}


def names(view):
    return [row["name"] for row in view.rows(ContactIndex.rows)]


def errors(view):
    return view[ContactForm.form]["errors"]


async def catch_up(view):
    """Ask for the window again, as the browser's store does within a second."""
    await view.until(lambda: view.is_asking(ContactIndex.rows))
    await view.send(ContactIndex.refresh)


async def follow(view):
    """Go where the last redirect points, as the browser's router does."""
    await view.mount(view.redirects[-1])


async def test_the_list_shows_the_workspaces_contacts_only(visit, scope, other_scope):
    await contact_fixture(scope, first_name="Grace", last_name="Hopper")
    await contact_fixture(other_scope, first_name="Alan", last_name="Turing")
    view = await visit(scope, "/contacts")
    assert names(view) == ["Grace Hopper"]
    assert view[ContactIndex.total] == 1
    assert view[ContactIndex.summary] == "1\N{EN DASH}1 of 1"
    assert view.title == "Contacts"
    assert view.flashes == []


async def test_a_colleagues_contact_arrives_in_every_open_list(visit, scope, other_scope):
    colleague = await scope_fixture(workspace_of=scope, role=Role.MEMBER)
    mine, hers = await visit(scope, "/contacts"), await visit(colleague, "/contacts")
    stranger = await visit(other_scope, "/contacts")
    heard = len(stranger.deltas)
    await contact_fixture(colleague, first_name="Ada", last_name="Lovelace")
    for view in (mine, hers):
        await catch_up(view)
        assert names(view) == ["Ada Lovelace"]
        assert view[ContactIndex.total] == 1
    assert not stranger.is_asking(ContactIndex.rows)
    assert len(stranger.deltas) == heard


async def test_a_changed_contact_is_replaced_in_place_and_a_deleted_one_leaves(visit, scope):
    ada = await contact_fixture(scope, first_name="Ada", last_name="Byron")
    await contact_fixture(scope, first_name="Grace", last_name="Hopper")
    view = await visit(scope, "/contacts")
    await contacts.update_contact(scope, UUID(ada.id), {"last_name": "Lovelace"})
    await view.until(lambda: names(view) == ["Ada Lovelace", "Grace Hopper"])
    await contacts.delete_contact(scope, UUID(ada.id))
    await view.until(lambda: names(view) == ["Grace Hopper"])
    assert view[ContactIndex.total] == 2
    await catch_up(view)
    assert view[ContactIndex.total] == 1


async def test_an_older_version_never_replaces_a_newer_row(visit, scope):
    ada = await contact_fixture(scope, first_name="Ada")
    await contacts.update_contact(scope, UUID(ada.id), {"first_name": "Augusta"})
    view = await visit(scope, "/contacts")
    assert names(view)[0].startswith("Augusta")
    versions = [row["version"] for row in view.rows(ContactIndex.rows)]
    assert versions == [ada.version + 1]


async def test_search_goes_to_an_address_that_shows_the_matches(visit, scope):
    await contact_fixture(scope, first_name="Ada", last_name="Lovelace")
    await contact_fixture(scope, first_name="Grace", last_name="Hopper")
    view = await visit(scope, "/contacts")
    await view.send(ContactIndex.find("  hop grace "))
    assert view.redirects == [f"/w/{scope.workspace_slug}/contacts?search=hop+grace"]
    await follow(view)
    assert names(view) == ["Grace Hopper"]
    await view.send(ContactIndex.find(""))
    assert view.redirects[-1] == f"/w/{scope.workspace_slug}/contacts"
    await follow(view)
    assert names(view) == ["Ada Lovelace", "Grace Hopper"]


async def test_sorting_twice_turns_the_order_round(visit, scope):
    for name in ("Ada", "Grace"):
        await contact_fixture(scope, first_name=name, last_name="X")
    view = await visit(scope, "/contacts")
    await view.send(ContactIndex.sort_by("name"))
    assert view.redirects[-1].endswith("?sort=-name")
    await follow(view)
    assert names(view) == ["Grace X", "Ada X"]
    await view.send(ContactIndex.sort_by("updated"))
    assert view.redirects[-1].endswith("?sort=updated")
    await view.send(ContactIndex.sort_by("notes; drop table contacts"))
    assert len(view.redirects) == 2


async def test_pages_turn_and_stay_within_what_there_is(visit, scope, monkeypatch):
    monkeypatch.setattr(contacts.queries, "PAGE_SIZE", 2)
    monkeypatch.setattr(contacts, "PAGE_SIZE", 2)
    for number in range(3):
        await contact_fixture(scope, first_name=f"Person {number}", last_name="")
    view = await visit(scope, "/contacts?page=9")
    assert names(view) == ["Person 2"]
    assert view[ContactIndex.page] == 2
    assert view[ContactIndex.summary] == "3\N{EN DASH}3 of 3"
    await view.send(ContactIndex.turn(1))
    assert view.redirects[-1].endswith("?page=2")
    await view.send(ContactIndex.turn(-9))
    await follow(view)
    assert names(view) == ["Person 0", "Person 1"]


@pytest.mark.parametrize(
    "query",
    [
        "page=x",
        "page=-1",
        "page=99999999999999",
        "sort=%00",
        "search=%25_%5C",
        "sort=--",
        "page=",
        "search=a%00b",
    ],
)
async def test_an_address_from_anyone_shows_a_list(visit, scope, query):
    view = await visit(scope, f"/contacts?{query}")
    assert view[ContactIndex.is_ready]
    assert view.flashes == []


async def test_only_touched_fields_are_told_what_is_wrong(visit, scope):
    view = await visit(scope, "/contacts/new")
    assert view.title == "New contact"
    wrong = {"first_name": "x" * 200, "email": "not an address"}
    await view.send(ContactForm.validate(wrong, ["email"]))
    assert list(errors(view)) == ["email"]
    await view.send(ContactForm.validate(wrong, ["email", "first_name"]))
    assert set(errors(view)) == {"email", "first_name"}
    await view.send(ContactForm.validate({**wrong, "email": "ada@example.com"}, ["email"]))
    assert errors(view) == {}
    assert not view[ContactForm.form]["is_valid"]


async def test_a_saved_contact_appears_here_and_there(visit, scope):
    mine, hers = await visit(scope, "/contacts/new"), await visit(scope, "/contacts")
    await mine.send(ContactForm.save({**ADA, "_submission": {"form": "contact", "number": 1}}))
    assert mine.flashes == [("success", "Ada Lovelace saved")]
    assert mine.redirects == [f"/w/{scope.workspace_slug}/contacts"]
    assert mine.forms == {"contact": 1}
    await follow(mine)
    await catch_up(hers)
    assert names(mine) == names(hers) == ["Ada Lovelace"]
    assert mine[ContactForm.mode] == ""


async def test_a_taken_email_is_an_error_on_its_field(visit, scope):
    await contact_fixture(scope, email="ada@example.com")
    view = await visit(scope, "/contacts/new")
    submission = {"_submission": {"form": "contact", "number": 1}}
    await view.send(ContactForm.save({**ADA, "email": "ADA@example.com", **submission}))
    assert errors(view) == {"email": ["has already been taken"]}
    assert view.forms == {"contact": 1}
    assert view.redirects == []
    assert await contacts.count_contacts(scope) == 1


async def test_the_form_casts_its_own_fields_only(visit, scope, other_scope):
    view = await visit(scope, "/contacts/new")
    forged = {"id": str(uuid7()), "version": 99, "workspace_id": str(other_scope.workspace_id)}
    await view.send(ContactForm.save({**ADA, **forged}))
    window = await contacts.list_contacts(scope, contacts.ContactQuery())
    assert [row.version for row in window.rows] == [1]
    assert window.rows[0].id != forged["id"]
    assert await contacts.count_contacts(other_scope) == 0


@pytest.mark.parametrize("text", ["A\0da", "A\ud800da"])
async def test_characters_no_database_holds_break_nothing(visit, scope, text):
    view = await visit(scope, "/contacts/new")
    await view.send(ContactForm.save({**ADA, "first_name": text}))
    assert "Something went wrong" not in str(view.flashes)
    await view.send(ContactIndex.find(text))
    await follow(view)
    assert "Something went wrong" not in str(view.flashes)


async def test_editing_shows_the_values_and_saves_the_changes(visit, scope):
    ada = await contact_fixture(scope, **ADA)
    view = await visit(scope, f"/contacts/{ada.id}/edit")
    assert view.title == "Edit contact"
    assert view[ContactForm.values]["email"] == "ada@example.com"
    await view.send(ContactForm.save({**ADA, "last_name": "King", "notes": "Countess"}))
    assert view.flashes == [("success", "Ada King saved")]
    changed = await contacts.get_contact(scope, UUID(ada.id))
    assert (changed.name, changed.notes, changed.version) == ("Ada King", "Countess", 2)


@pytest.mark.parametrize("place", ["{other}/edit", "{nobody}/edit", "nonsense", "new/edit/more"])
async def test_an_address_of_no_contact_of_mine_says_so(visit, scope, other_scope, place):
    other = await contact_fixture(other_scope)
    view = await visit(scope, "/contacts/" + place.format(other=other.id, nobody=uuid7()))
    assert view[ContactForm.mode] == "missing"
    assert other.email not in str(view.deltas)


async def test_deleting_asks_first_and_takes_the_row_from_every_list(visit, scope):
    ada = await contact_fixture(scope, **ADA)
    view, hers = await visit(scope, f"/contacts/{ada.id}/edit"), await visit(scope, "/contacts")
    await view.send(ContactForm.ask_to_delete)
    assert view[ContactForm.is_deleting]
    await view.send(ContactForm.delete)
    assert view.flashes == [("success", "Contact deleted")]
    await hers.until(lambda: names(hers) == [])


async def test_saving_what_a_colleague_deleted_says_so(visit, scope):
    ada = await contact_fixture(scope, **ADA)
    view = await visit(scope, f"/contacts/{ada.id}/edit")
    await contacts.delete_contact(scope, UUID(ada.id))
    await view.send(ContactForm.save({**ADA, "last_name": "King"}))
    assert [kind for kind, _ in view.flashes] == ["error"]
    assert view.redirects == []
    assert await contacts.count_contacts(scope) == 0


async def test_a_viewer_reads_but_changes_nothing(visit, scope, viewer, logged):
    ada = await contact_fixture(scope, **ADA)
    view = await visit(viewer, f"/contacts/{ada.id}/edit")
    assert names(view) == ["Ada Lovelace"]
    await view.send(ContactForm.save({**ADA, "last_name": "King"}))
    await view.send(ContactForm.delete)
    assert [kind for kind, _ in view.flashes] == ["error", "error"]
    assert (await contacts.get_contact(scope, UUID(ada.id))).version == 1
    refused = [entry for entry in logged if entry["event"] == "handler_refused"]
    assert [entry["state"] for entry in refused] == ["ContactForm", "ContactForm"]
    assert all(entry["session_id"] for entry in refused)
