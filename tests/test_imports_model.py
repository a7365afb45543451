"""The set-wise import does what a row by row import would do, in chunks of any size."""

import json
from collections import Counter
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myapp import imports, runtime
from myapp.imports import processing, staging
from myapp.imports.mapping import Field, Mapping
from tests.fixtures.accounts import scope_fixture
from tests.fixtures.import_model import Model
from tests.fixtures.imports import HEADER, csv_text, fates, started_fixture

pytestmark = pytest.mark.anyio

FIELDS = ("first_name", "last_name", "email", "phone", "organization", "notes")
MAPPING = Mapping.of(HEADER, dict(enumerate(map(Field, FIELDS))))
MAPPING_JSON = json.dumps(MAPPING.to_json())
ADDRESSES = ("a@x.org", "A@x.org", "b@x.org", "c@x.org", "d@x.org", "a@x.org", "bad")
NUMBERS = ("+49 30 1234567", "+493012345678", "+44 20 7946 0001")


def some(*values: str) -> st.SearchStrategy[str]:
    """Return a value, or as often none: what is left blank and filled later is the point."""
    return st.sampled_from([""] * len(values) + list(values))


def several(values: tuple[str, ...], at_least: int) -> st.SearchStrategy[str]:
    """Return values as one cell holds them."""
    return st.lists(st.sampled_from(values), min_size=at_least, max_size=3).map("; ".join)


REST = (some("Engines", "ENGINES", "Mills"), some("Note", "Other"))
BY_EMAIL = st.tuples(
    some("Ada", "ada", "Bob"), some("King"), several(ADDRESSES, 1), several(NUMBERS, 0), *REST
)
# One number each: of several contacts with one number and name, rows with more numbers may mean another
# one of them than the row before did.
BY_PHONE = st.tuples(
    st.sampled_from(["Ada", "ada", "Bob"]),
    some("King"),
    st.just(""),
    st.sampled_from(NUMBERS),
    *REST,
)
BY_ALL = st.tuples(some("Ada"), some("King"), st.just(""), st.just(""), *REST)
FILE = st.lists(st.one_of(BY_EMAIL, BY_EMAIL, BY_PHONE, BY_PHONE, BY_ALL), min_size=4, max_size=14)

_CONTACTS = """
SELECT coalesce(c.first_name, '') AS first_name, coalesce(c.last_name, '') AS last_name,
    coalesce(lower(o.name), '') AS organization, coalesce(c.notes, '') AS notes,
    ARRAY(SELECT address_key FROM contact_emails e WHERE e.contact_id = c.id ORDER BY position) AS emails,
    ARRAY(SELECT number_key FROM contact_phones p WHERE p.contact_id = c.id ORDER BY position) AS phones,
    c.name, c.search,
    ARRAY(SELECT address FROM contact_emails e WHERE e.contact_id = c.id ORDER BY position) AS shown,
    ARRAY(SELECT number FROM contact_phones p WHERE p.contact_id = c.id ORDER BY position) AS numbers
FROM contacts c LEFT JOIN organizations o ON o.id = c.organization_id
WHERE c.workspace_id = :workspace_id
"""


async def run(scope, rows) -> dict[str, int]:
    batch_id = await started_with_mapping(scope, rows)
    await processing.process(scope, batch_id)
    batch = await imports.get_batch(scope, batch_id)
    assert (batch.phase, batch.rows_read) == ("finished", len(rows))
    assert sum(fates(batch).values()) == len(rows)
    return fates(batch)


async def started_with_mapping(scope, rows) -> UUID:
    # A first row that only this file has keeps the header and the mapping from being guessed away.
    batch_id = await started_fixture(
        scope, csv_text([("Zed", "Zed", "z@z.org", "", "", ""), *rows])
    )
    async with runtime.repo.transaction(scope):
        await runtime.repo.sql(
            "UPDATE import_batches SET cursor = 1, promoted = 1, mapping = CAST(:mapping AS jsonb)"
            " WHERE workspace_id = :workspace_id AND id = :id",
            {"id": batch_id, "mapping": MAPPING_JSON},
        )
    return batch_id


async def stored(scope) -> list[tuple]:
    async with runtime.repo.snapshot(scope):
        found = (await runtime.repo.sql(_CONTACTS)).all()
    for row in found:
        name = f"{row.first_name} {row.last_name}".strip()
        # The organization's spelling is the database's; everything else must be word for word.
        assert (
            row.search.split()
            == " ".join([name, row.organization, *row.shown, *row.numbers]).lower().split()
        )
        first = (each for each in (name, row.organization, *row.shown, *row.numbers) if each)
        assert row.name.lower() == next(first).lower()
    return sorted((*row[:4], tuple(row.emails), tuple(row.phones)) for row in found)


def expected(model: Model) -> list[tuple]:
    seen = []
    for person in model.people:
        values = {**person.values, "organization": person.values["organization"].lower()}
        seen.append((*values.values(), tuple(person.emails), tuple(person.phones)))
    return sorted(seen)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=FILE, second=FILE, chunk=st.sampled_from([1, 2, 3, 5, 100]))
async def test_an_import_equals_the_model_in_chunks_of_any_size(
    services, monkeypatch, first, second, chunk
):
    monkeypatch.setattr(processing, "PROMOTED_ROWS", chunk)
    monkeypatch.setattr(staging, "CHUNK_ROWS", max(chunk, 2))
    scope, model = await scope_fixture(), Model()
    for rows in (first, second):
        assert await run(scope, rows) == model.run(rows, MAPPING)
        assert await stored(scope) == expected(model)
    again = Counter(await run(scope, second))
    assert (again["created"], again["updated"]) == (0, 0)
    assert await stored(scope) == expected(model)
