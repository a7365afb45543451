"""Files over plain HTTP: what is taken, what is refused with which words, what stays of it."""

import contextlib
from uuid import UUID

import pytest

from myapp import imports
from myapp.kit.ids import uuid7
from tests.fixtures.web import cookies_fixture

pytestmark = pytest.mark.anyio

CSV = b"First name,Email\nAda,ada@example.com\nGrace,not an address\n"
AS_MACHINE = {"accept": "application/json", "x-filename": "people.csv"}


@pytest.fixture
def upload(browser):
    """Post a file as the upload page does."""

    async def send(scope, body=CSV, *, slug=None, headers=None, **settings):
        client = browser(cookies=await cookies_fixture(scope) if scope else None, **settings)
        path = f"/w/{slug or scope.workspace_slug}/uploads"
        return await client.post(path, content=body, headers={**AS_MACHINE, **(headers or {})})

    return send


@pytest.fixture
def stored(settings):
    """What lies in the store."""

    def names():
        folder = settings.uploads_dir
        return sorted(path.name for path in folder.glob("*")) if folder.exists() else []

    return names


async def in_pieces(*pieces):
    for piece in pieces:
        yield piece


async def test_a_file_becomes_an_import_at_an_address_of_its_own(upload, scope, stored):
    before = len(stored())
    answer = await upload(scope, headers={"x-filename": "Personen%20f%C3%BCr%20Ada.csv"})
    assert answer.status_code == 201
    batch = await imports.get_batch(scope, UUID(answer.json()["id"]))
    location = f"/w/{scope.workspace_slug}/imports/{batch.id}"
    assert answer.headers["location"] == answer.json()["location"] == location
    assert batch.filename == "Personen für Ada.csv"
    assert (batch.size_bytes, batch.phase) == (len(CSV), "uploaded")
    assert len(stored()) == before + 1


async def test_a_file_may_come_in_pieces_without_a_length(upload, scope):
    answer = await upload(scope, in_pieces(CSV[:7], b"", CSV[7:20], CSV[20:]))
    assert answer.status_code == 201
    batch = await imports.get_batch(scope, UUID(answer.json()["id"]))
    assert batch.size_bytes == len(CSV)


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fetc%2Fpasswd", "a%00b.csv", "%ED%A0%80.csv", "x" * 4000]
)
async def test_a_name_of_any_kind_is_only_a_name(upload, scope, stored, name):
    before = len(stored())
    answer = await upload(scope, headers={"x-filename": name})
    assert answer.status_code == 201
    batch = await imports.get_batch(scope, UUID(answer.json()["id"]))
    assert "/" not in batch.filename
    assert "\x00" not in batch.filename
    assert len(stored()) == before + 1


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_a_foreign_pages_file_is_refused_unread(upload, scope, origin, stored):
    before = stored()
    answer = await upload(scope, headers={"origin": origin})
    assert answer.status_code == 403
    assert stored() == before


async def test_who_may_not_write_may_not_upload(upload, scope, viewer, other_scope, stored):
    before = stored()
    refusals = {
        401: await upload(None, slug=scope.workspace_slug),
        403: await upload(viewer),
        404: await upload(other_scope, slug=scope.workspace_slug),
    }
    for status, answer in refusals.items():
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
    assert stored() == before
    assert (await imports.list_batches(scope)).total == 0


async def test_a_file_past_the_limit_leaves_nothing(upload, scope, settings, stored, monkeypatch):
    before = stored()
    small = settings.model_copy(update={"upload_max_bytes": 1024})
    monkeypatch.setattr(imports.store.runtime, "settings", small)
    declared = await upload(scope, b"x" * 1025, UPLOAD_MAX_BYTES="1024")
    undeclared = await upload(scope, in_pieces(*[b"Email\n" * 50] * 10), UPLOAD_MAX_BYTES="1024")
    for answer in (declared, undeclared):
        assert answer.status_code == 413
        assert "larger than 1 kB" in answer.json()["error"]["message"]
    assert stored() == before


@pytest.mark.parametrize("body", [b"", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, bytes(4096)])
async def test_what_is_no_list_of_contacts_is_refused_in_words(upload, scope, body, stored):
    before = stored()
    answer = await upload(scope, body)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]
    assert "Traceback" not in answer.text
    assert stored() == before
    assert (await imports.list_batches(scope)).total == 0


async def test_an_upload_that_breaks_off_leaves_nothing(upload, scope, stored):
    async def broken():
        yield CSV
        raise ConnectionResetError("the browser left")

    before = stored()
    with contextlib.suppress(ConnectionResetError):
        await upload(scope, broken())
    assert stored() == before
    assert (await imports.list_batches(scope)).total == 0


@pytest.fixture
async def finished(upload, scope, run_jobs):
    """An import that has ended, one row of it rejected."""
    batch_id = UUID((await upload(scope)).json()["id"])
    (await imports.start_import(scope, batch_id)).unwrap()
    await run_jobs()
    batch = await imports.get_batch(scope, batch_id)
    assert (batch.phase, batch.rows_rejected) == ("finished", 1)
    return batch


async def test_rejected_rows_come_back_as_a_file(browser, scope, viewer, finished):
    path = f"/w/{scope.workspace_slug}/imports/{finished.id}/rejected.csv"
    for reader in (scope, viewer):
        answer = await browser(cookies=await cookies_fixture(reader)).get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].endswith("people-rejected.csv")
        assert answer.headers["cache-control"] == "no-store"
        assert "not an address" in answer.text
        assert "ada@example.com" not in answer.text


async def test_rejected_rows_are_told_to_members_only(browser, scope, other_scope, finished):
    path = f"/w/{scope.workspace_slug}/imports/{finished.id}/rejected.csv"
    theirs = f"/w/{other_scope.workspace_slug}/imports/{finished.id}/rejected.csv"
    stranger = browser(cookies=await cookies_fixture(other_scope))
    machine = {"accept": "*/*"}
    assert (await browser().get(path, headers=machine)).status_code == 401
    assert (await stranger.get(path, headers=machine)).status_code == 404
    assert (await stranger.get(theirs, headers=machine)).status_code == 404
    mine = browser(cookies=await cookies_fixture(scope))
    missing = path.replace(finished.id, str(uuid7()))
    assert (await mine.get(missing, headers=machine)).status_code == 404
