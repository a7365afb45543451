"""Imports: by function and outcome, with a second workspace beside it."""

import asyncio
import itertools
from pathlib import Path
from uuid import UUID

import anyio
import pytest

from myapp import contacts, imports, runtime
from myapp.accounts import NotPermitted
from myapp.contacts import ContactQuery, ContactView
from myapp.imports import (
    BatchAlreadyStarted,
    FileTooLarge,
    ImportBatchView,
    processing,
    staging,
    store,
)
from myapp.kit.repo import NotFound
from myapp.kit.result import Error
from tests.fixtures.contacts import contact_fixture
from tests.fixtures.imports import (
    HEADER,
    count_rows,
    csv_text,
    fates,
    import_fixture,
    people,
    pieces,
    started_fixture,
    upload_fixture,
)

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parent.parent.parent / "shared" / "samples"
ADA = ("Ada", "Lovelace", "ada@example.com", "+44 20 7946 0001", "Engines", "First.")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(staging, "CHUNK_ROWS", 100)
    monkeypatch.setattr(processing, "PROMOTED_ROWS", 100)


def stored_files() -> list[str]:
    folder = runtime.settings.uploads_dir
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


async def all_contacts(scope) -> list[ContactView]:
    window = await contacts.list_contacts(scope, ContactQuery())
    return [await contacts.get_contact(scope, UUID(row.id)) for row in window.rows]


async def wait_for(condition, timeout_s: float = 20):
    with anyio.fail_after(timeout_s):
        while not (found := await condition()):
            await anyio.sleep(0.01)
    return found


# --- The six fates


async def test_a_new_row_is_created_with_all_its_values(scope):
    batch = await import_fixture(scope, csv_text([ADA]))
    assert (fates(batch), batch.phase, batch.percent) == ({"created": 1}, "finished", 100)
    [ada] = await all_contacts(scope)
    assert (ada.name, ada.email, ada.phone) == ("Ada Lovelace", "ada@example.com", ADA[3])
    assert (ada.organization, ada.notes, ada.version) == ("Engines", "First.", 1)


async def test_the_same_file_again_writes_nothing(scope):
    text = csv_text([ADA, ("Bob", "", "", "030 1234567", "", ""), ("", "", "", "", "Engines", "")])
    assert fates(await import_fixture(scope, text)) == {"created": 3}
    before = await all_contacts(scope)
    assert fates(await import_fixture(scope, text)) == {"unchanged": 3}
    assert await all_contacts(scope) == before


async def test_a_row_that_differs_updates_and_blank_never_erases(scope):
    ada = await contact_fixture(
        scope,
        email="ADA@example.com",
        first_name="Ada",
        last_name="Byron",
        phone="+44 20 7946 0002",
    )
    batch = await import_fixture(
        scope, csv_text([("", "Lovelace", "ada@example.com", "", "engines", "")])
    )
    assert fates(batch) == {"updated": 1}
    [after] = await all_contacts(scope)
    assert (after.first_name, after.last_name) == ("Ada", "Lovelace")
    assert (after.phone, after.organization) == ("+44 20 7946 0002", "engines")
    assert after.version == ada.version + 1


async def test_numbers_are_added_and_never_taken_away(scope):
    await import_fixture(scope, csv_text([ADA]))
    again = csv_text([(*ADA[:3], "+49 30 7654321", *ADA[4:])])
    assert fates(await import_fixture(scope, again)) == {"updated": 1}
    [ada] = await all_contacts(scope)
    assert ada.phones == (ADA[3], "+49 30 7654321")
    assert fates(await import_fixture(scope, again)) == {"unchanged": 1}


async def test_later_rows_with_the_same_key_are_merged_and_contradictions_listed(scope):
    rows = [
        ("Ada", "", "ada@example.com", "", "", ""),
        ("Ada", "Lovelace", "ADA@example.com", "+49 30 1234567", "", ""),
        ("Adah", "Byron", "ada@example.com", "", "Engines", ""),
    ]
    batch = await import_fixture(scope, csv_text(rows))
    assert fates(batch) == {"created": 1, "merged": 2}
    [ada] = await all_contacts(scope)
    assert (ada.first_name, ada.last_name, ada.organization) == ("Ada", "Lovelace", "Engines")
    assert ada.phones == ("+49 30 1234567",)
    remarks = (await imports.remarks(scope, UUID(batch.id))).rows
    assert [(each.line, each.column, each.value, each.kept) for each in remarks] == [
        (4, "First name", "Adah", "Ada"),
        (4, "Last name", "Byron", "Lovelace"),
    ]


@pytest.mark.parametrize("chunk", [1, 100])
async def test_a_merged_row_that_brings_something_new_makes_its_lead_updated(
    scope, monkeypatch, chunk
):
    monkeypatch.setattr(processing, "PROMOTED_ROWS", chunk)
    await contact_fixture(scope, email="ada@example.com", first_name="Ada", last_name="L")
    rows = [("", "", "ada@example.com", "", "", ""), ("", "", "ada@example.com", "", "Engines", "")]
    assert fates(await import_fixture(scope, csv_text(rows))) == {"updated": 1, "merged": 1}
    assert fates(await import_fixture(scope, csv_text(rows))) == {"unchanged": 1, "merged": 1}


async def test_blank_rows_are_skipped_and_bad_ones_rejected_with_the_reason(scope):
    text = csv_text(
        [ADA, [""] * 6, ("Bob", "", "bob at home", "", "", ""), ("", "", "", "", "", "x")]
    )
    batch = await import_fixture(scope, text)
    assert fates(batch) == {"created": 1, "skipped": 1, "rejected": 2}
    assert (batch.rows_read, batch.has_rejected) == (4, True)
    page = await imports.rejected_rows(scope, UUID(batch.id))
    assert [(row.line, row.column, row.value) for row in page.rows] == [
        (4, "Email", "bob at home"),
        (5, "", ""),
    ]
    assert page.rows[0].reason.startswith("Email “bob at home” is not a valid e-mail address")
    assert page.rows[1].reason == "Row has no name, e-mail, phone or organization"


async def test_the_rejected_rows_come_as_csv_and_nothing_in_it_is_run(scope):
    good = [("Ada", "", f"ada{n}@example.com", "", "", "") for n in range(20)]
    rows = [("=1+1", "", f"bad{n}", "", "", "") for n in range(1201)]
    batch = await import_fixture(scope, csv_text(good + rows))
    stream = imports.stream_rejected_csv(scope, UUID(batch.id))
    text = b"".join([piece async for piece in stream]).decode("utf-8-sig")
    lines = text.splitlines()
    assert lines[0] == ",".join([*HEADER, "Line", "Reason"])
    assert lines[1].startswith("'=1+1,,bad0,,,,22,")
    assert len(lines) == 1202


async def test_a_second_address_that_belongs_to_somebody_else_is_remarked_and_not_added(scope):
    await contact_fixture(scope, email="bob@example.com", first_name="Bob", last_name="B")
    rows = [("Ada", "Lovelace", "ada@example.com; bob@example.com; al@example.com", "", "", "")]
    batch = await import_fixture(scope, csv_text(rows))
    assert fates(batch) == {"created": 1}
    [ada] = [each for each in await all_contacts(scope) if each.first_name == "Ada"]
    assert ada.emails == ("ada@example.com", "al@example.com")
    [remark] = (await imports.remarks(scope, UUID(batch.id))).rows
    assert remark.text == "Email “bob@example.com” belongs to another contact and was not added"


async def test_rows_without_an_address_are_known_by_phone_and_name(scope):
    await contact_fixture(
        scope,
        email="ada@example.com",
        first_name="Ada",
        last_name="Lovelace",
        phone="(030) 123-4567",
    )
    text = csv_text(
        [("ada", "lovelace", "", "030 1234567", "", "Note"), ("Bob", "", "", "030 1234567", "", "")]
    )
    assert fates(await import_fixture(scope, text)) == {"updated": 1, "created": 1}
    assert await contacts.count_contacts(scope) == 2


async def test_imported_contacts_look_and_are_found_like_those_of_the_form(scope, other_scope):
    shapes = [
        ADA,
        ("", "Lovelace", "l@example.com", "", "", ""),
        ("", "", "Only@Example.com", "", "", ""),
        ("", "", "", "+49 30 1234567", "", ""),
        ("", "", "", "", "Engines Ltd", ""),
        ("", "", "o@example.com", "+49 30 7654321", "engines ltd", ""),
        ("Åsa", "Öberg", "", "", "ÉCOLE", ""),
    ]
    assert fates(await import_fixture(scope, csv_text(shapes))) == {"created": len(shapes)}
    names = ("first_name", "last_name", "email", "phone", "organization_name", "notes")
    for shape in shapes:
        (await contacts.create_contact(other_scope, dict(zip(names, shape, strict=True)))).unwrap()

    async def shown(whose):
        async with runtime.repo.snapshot(whose):
            found = await runtime.repo.sql(
                "SELECT name, sort_name, search FROM contacts WHERE workspace_id = :workspace_id"
                " ORDER BY search"
            )
            return [tuple(row) for row in found]

    assert await shown(scope) == await shown(other_scope)


async def test_organizations_are_found_by_name_whatever_its_case(scope):
    await contact_fixture(scope, organization_name="Engines")
    rows = [
        (f"A{n}", "", f"a{n}@example.com", "", name, "")
        for n, name in enumerate(["ENGINES", "engines", "Other"])
    ]
    await import_fixture(scope, csv_text(rows))
    assert await contacts.count_organizations(scope) == 2


# --- Upload, preview, mapping


async def test_an_upload_shows_what_is_in_the_file(scope, heard):
    batch = await upload_fixture(scope, csv_text([ADA]), "../we\\ird/my file.csv")
    assert (batch.filename, batch.phase_text) == ("my file.csv", "Ready to start")
    preview = await imports.preview(scope, UUID(batch.id))
    assert [column.field for column in preview.columns] == [
        "first_name", "last_name", "email", "phone", "organization", "notes",
    ]  # fmt: skip
    assert (preview.encoding, preview.delimiter, preview.has_header) == ("utf-8", ",", True)
    assert (preview.rows, preview.rows_estimated, preview.problem) == ((ADA,), 1, "")
    assert await heard.names(imports.list_topic(scope)) == ["imports.ImportsChanged"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is empty"),
        (b" \n \n", "blank lines"),
        (b"Name,Email\n", "header but no rows"),
        (b"PK\x03\x04" + bytes(range(256)) * 20, "looks like"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_in_words_and_leaves_nothing(
    scope, heard, data, words
):
    before = stored_files()
    result = await imports.receive_upload(scope, "contacts.csv", pieces(data))
    assert isinstance(result, Error)
    assert words in result.error.errors_on("file")[0]
    assert stored_files() == before
    assert (await imports.list_batches(scope)).total == 0
    assert await heard.on(imports.list_topic(scope)) == []


async def test_a_file_past_the_limit_is_refused_while_it_arrives(scope, monkeypatch):
    limited = runtime.settings.model_copy(update={"upload_max_bytes": 1 << 22})
    monkeypatch.setattr(runtime, "settings", limited)
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1 << 20
            yield b"x" * (1 << 20)

    before = stored_files()
    with pytest.raises(FileTooLarge):
        await imports.receive_upload(scope, "big.csv", endless())
    assert read == imports.upload_limit() + (1 << 20)
    assert stored_files() == before


async def test_an_upload_that_breaks_off_leaves_nothing(scope):
    async def broken():
        yield b"Name,Email\n"
        raise ConnectionResetError

    before = stored_files()
    with pytest.raises(ConnectionResetError):
        await imports.receive_upload(scope, "half.csv", broken())
    assert stored_files() == before


async def test_stored_files_are_private(scope):
    await imports.check_store()
    await upload_fixture(scope, csv_text([ADA]))
    folder = runtime.settings.uploads_dir
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in folder.iterdir())


async def test_update_reading_reads_the_file_another_way(scope):
    batch = await upload_fixture(scope, "Name;Email\nAda;ada@example.com\n")
    batch_id = UUID(batch.id)
    preview = (await imports.update_reading(scope, batch_id, {"delimiter": "comma"})).unwrap()
    assert [column.name for column in preview.columns] == ["Name;Email"]
    attrs = {"delimiter": ";", "has_header": "false"}
    preview = (await imports.update_reading(scope, batch_id, attrs)).unwrap()
    assert [column.name for column in preview.columns] == ["Column 1", "Column 2"]
    assert len(preview.rows) == 2
    result = await imports.update_reading(scope, batch_id, {"encoding": "klingon"})
    assert "not known" in result.error.errors_on("encoding")[0]


async def test_update_mapping_changes_where_columns_go(scope):
    batch_id = UUID((await upload_fixture(scope, "A,B\nx,ada@example.com\n")).id)
    preview = (await imports.update_mapping(scope, batch_id, {"0": "last_name"})).unwrap()
    assert [column.field for column in preview.columns] == ["last_name", "email"]
    result = await imports.update_mapping(scope, batch_id, {"fields": ["ignore", "ignore"]})
    assert "Choose a column" in result.error.errors_on("fields")[0]
    result = await imports.update_mapping(scope, batch_id, {"0": "salary"})
    assert result.error.errors_on("fields") == ["This is not a field of contacts."]


async def test_start_import_with_a_mapping_that_says_nothing_returns_the_words(scope):
    batch_id = UUID((await upload_fixture(scope, "Age,Size\n1,2\n3,4\n")).id)
    result = await imports.start_import(scope, batch_id)
    assert "Choose a column" in result.error.errors_on("fields")[0]


async def test_an_import_starts_once_and_viewers_start_none(scope, viewer):
    batch_id = UUID((await upload_fixture(scope, csv_text([ADA]))).id)
    with pytest.raises(NotPermitted):
        await imports.start_import(viewer, batch_id)
    with pytest.raises(NotPermitted):
        await imports.receive_upload(viewer, "x.csv", pieces("x"))
    await imports.start_import(scope, batch_id)
    for again in (imports.start_import, imports.delete_batch):
        with pytest.raises(BatchAlreadyStarted):
            await again(scope, batch_id)
    with pytest.raises(BatchAlreadyStarted):
        await imports.update_mapping(scope, batch_id, {"0": "notes"})


async def test_a_discarded_upload_is_gone_with_its_file(scope, heard):
    batch_id = UUID((await upload_fixture(scope, csv_text([ADA]))).id)
    before = stored_files()
    await imports.delete_batch(scope, batch_id)
    assert len(stored_files()) == len(before) - 1
    with pytest.raises(NotFound):
        await imports.get_batch(scope, batch_id)
    assert (await heard.names(imports.list_topic(scope)))[-1] == "imports.ImportBatchDiscarded"


# --- The run


async def test_the_job_imports_the_file_and_everybody_hears_of_it(
    scope, heard, run_jobs, small_chunks
):
    batch_id = await started_fixture(scope, people(950))
    assert (await imports.get_batch(scope, batch_id)).phase_text == "Waiting for a worker"
    await run_jobs()
    batch = await imports.get_batch(scope, batch_id)
    assert fates(batch) == {"created": 950}
    assert await contacts.count_contacts(scope) == 950
    assert await imports.count_rows_today(scope) == 950
    said = await heard.on(imports.batch_topic(scope, batch_id))
    views = [ImportBatchView(**data["batch"]) for _, data in said]
    assert all(
        a.percent <= b.percent and a.version < b.version for a, b in itertools.pairwise(views)
    )
    assert {"waiting", "reading", "finished"} <= {view.phase for view in views}
    assert views[-1] == batch
    [*_, (_, listed)] = await heard.on(imports.list_topic(scope))
    assert (listed["running"], listed["today"]) == ([], 950)
    imported = await heard.on(contacts.topic(scope))
    assert {name for name, _ in imported} == {"contacts.ContactsImported"}
    assert sum(data["counts"]["created"] for _, data in imported) == 950


async def test_the_channels_show_what_events_lead_to(scope, heard):
    batch = await import_fixture(scope, people(3))
    topic = imports.batch_topic(scope, UUID(batch.id))
    values, _ = await imports.BATCH_CHANNEL.load(topic)
    [*_, (name, data)] = await heard.on(topic)
    assert imports.BATCH_CHANNEL.fold(name, data).values == values
    listed, _ = await imports.LIST_CHANNEL.load(imports.list_topic(scope))
    [*_, (name, data)] = await heard.on(imports.list_topic(scope))
    change = imports.LIST_CHANNEL.fold(name, data)
    assert {
        key: list(value) if key == "running" else value for key, value in listed.items()
    } == change.values
    assert [(row.id, row.version) for row in change.rows] == [(batch.id, batch.version)]


async def test_a_waiting_import_is_cancelled_at_once(scope, run_jobs):
    batch_id = await started_fixture(scope, people(10))
    assert (await imports.cancel_import(scope, batch_id)).phase == "cancelled"
    await run_jobs()
    batch = await imports.get_batch(scope, batch_id)
    assert (fates(batch), batch.phase, batch.rows_remaining) == ({}, "cancelled", 10)


async def test_a_running_import_is_cancelled_within_a_chunk(scope, small_chunks):
    batch_id = await started_fixture(scope, people(20_000))
    working = asyncio.create_task(processing.process(scope, batch_id))

    async def has_created():
        return (await imports.get_batch(scope, batch_id)).rows_created

    await wait_for(has_created)
    await imports.cancel_import(scope, batch_id)
    created = await has_created()
    assert await working
    batch = await imports.get_batch(scope, batch_id)
    assert batch.phase == "cancelled"
    assert created <= batch.rows_created <= created + 200
    assert batch.rows_remaining > 0
    assert await contacts.count_contacts(scope) == batch.rows_created


async def test_a_file_that_vanished_ends_the_import_in_words(scope, run_jobs):
    batch_id = await started_fixture(scope, people(10))
    newest = max(runtime.settings.uploads_dir.iterdir(), key=lambda path: path.name)
    newest.unlink()
    await run_jobs()
    batch = await imports.get_batch(scope, batch_id)
    assert (batch.phase, batch.problem) == ("failed", processing.VANISHED)


async def test_import_path_works_through_the_file_where_it_stands(scope, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(people(20))
    batch = await imports.import_path(scope, path, wait=True)
    assert (batch.phase, fates(batch)) == ("finished", {"created": 20})
    path.write_text("")
    with pytest.raises(imports.CannotImport, match="empty"):
        await imports.import_path(scope, path)


async def test_the_other_workspace_sees_and_hears_nothing(scope, other_scope, heard):
    text = csv_text(
        [
            ADA,
            ("Bob", "", "", "030 1234567", "", ""),
            ("Cy", "", "", "", "", ""),
            ("", "", "bad", "", "", ""),
        ]
    )
    await import_fixture(other_scope, text)
    others = await all_contacts(other_scope)
    said = await heard.on(imports.list_topic(other_scope))
    batch = await import_fixture(scope, text)
    assert fates(batch) == {"created": 3, "rejected": 1}
    assert await all_contacts(other_scope) == others
    assert await heard.on(imports.list_topic(other_scope)) == said
    assert (await imports.list_batches(other_scope)).total == 1
    batch_id = UUID(batch.id)
    for ask in (imports.get_batch, imports.preview, imports.rejected_rows, imports.remarks,
                imports.start_import, imports.cancel_import, imports.delete_batch):  # fmt: skip
        with pytest.raises(NotFound):
            await ask(other_scope, batch_id)
    with pytest.raises(NotFound):
        await anext(imports.stream_rejected_csv(other_scope, batch_id))
    assert await processing.process(other_scope, batch_id)
    assert await count_rows(other_scope, "import_rows") == 4


async def test_deleting_a_batch_takes_its_rows_along(scope):
    batch = await import_fixture(scope, people(5))
    async with runtime.repo.transaction(scope):
        await runtime.repo.sql(
            "DELETE FROM import_batches WHERE workspace_id = :workspace_id AND id = :id",
            {"id": batch.id},
        )
    assert await count_rows(scope, "import_rows") == await count_rows(scope, "import_receipts") == 0


# --- Many at once


async def test_two_workers_on_one_batch_double_nothing(scope, small_chunks):
    batch_id = await started_fixture(scope, people(3000))
    await asyncio.gather(*(processing.process(scope, batch_id) for _ in range(2)))
    batch = await imports.get_batch(scope, batch_id)
    assert (batch.phase, fates(batch)) == ("finished", {"created": 3000})
    assert await contacts.count_contacts(scope) == 3000


async def test_two_overlapping_files_at_once_make_every_person_once(scope, small_chunks):
    backwards = people(1500).splitlines()
    backwards = "\n".join([backwards[0], *reversed(backwards[1:])])
    ids = [
        await started_fixture(scope, people(1500, start=500)),
        await started_fixture(scope, backwards),
    ]
    await asyncio.gather(*(processing.process(scope, batch_id) for batch_id in ids))
    batches = [await imports.get_batch(scope, batch_id) for batch_id in ids]
    assert [batch.phase for batch in batches] == ["finished"] * 2
    assert sum(batch.rows_created for batch in batches) == 2000
    assert await contacts.count_contacts(scope) == 2000


async def test_people_may_edit_while_an_import_runs(scope, small_chunks):
    await import_fixture(scope, people(1000))
    rows = (await contacts.list_contacts(scope, ContactQuery())).rows
    changed = csv_text(
        ("Ada", f"Number{n}", f"ada{n}@example.com", "", f"Squad {n % 7}", "") for n in range(1000)
    )
    batch_id = await started_fixture(scope, changed)
    working = asyncio.create_task(processing.process(scope, batch_id))
    edits = 0
    while not working.done():
        row = rows[edits % len(rows)]
        attrs = {"notes": f"Edit {edits}", "organization_name": f"Squad {edits % 7}"}
        assert (await contacts.update_contact(scope, UUID(row.id), attrs)).unwrap()
        edits += 1
    assert await working
    batch = await imports.get_batch(scope, batch_id)
    assert (batch.phase, batch.rows_read) == ("finished", 1000)
    assert batch.rows_updated + batch.rows_unchanged == 1000
    noted = [each for each in await all_contacts(scope) if each.notes.startswith("Edit")]
    assert len(noted) == min(edits, len(rows))


# --- Real files


@pytest.mark.skipif(not SAMPLES.exists(), reason="the samples are not part of the repository")
async def test_organisations_211_has_2132_fates(scope):
    batch = await import_fixture(scope, (SAMPLES / "contacts/organisations_211.csv").read_bytes())
    assert batch.phase == "finished"
    assert sum(fates(batch).values()) == batch.rows_read == 2132
    again = await import_fixture(scope, (SAMPLES / "contacts/organisations_211.csv").read_bytes())
    assert (again.rows_created, again.rows_updated) == (0, 0)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the samples are not part of the repository")
@pytest.mark.parametrize("folder", ["contacts", "csv-spectrum", "edge"])
async def test_every_sample_is_imported_whole_or_refused_in_words(scope, folder):
    for path in sorted((SAMPLES / folder).iterdir()):
        if path.suffix == ".json" or path.name == "organisations_211.csv":
            continue
        result = await imports.receive_upload(scope, path.name, pieces(path.read_bytes()))
        if isinstance(result, Error):
            assert result.error.errors_on("file")[0].endswith("."), path.name
            continue
        batch_id = UUID(result.unwrap().id)
        if isinstance(await imports.start_import(scope, batch_id), Error):
            continue
        await processing.process(scope, batch_id)
        batch = await imports.get_batch(scope, batch_id)
        assert batch.phase == "finished", path.name
        assert sum(fates(batch).values()) == batch.rows_read > 0, path.name


async def test_store_sizes_are_shown_for_people():
    assert [store.shown(size) for size in (12, 2048, 3 * 1024**3)] == ["12 bytes", "2 kB", "3 GB"]
