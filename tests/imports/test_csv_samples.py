"""Files that other projects' test suites hold; skipped where they are absent."""

import json
from pathlib import Path

import pytest

from myapp.imports import csv_reader, mapping, row_values

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
MANIFEST = SAMPLES / "manifest.json"

pytestmark = pytest.mark.skipif(not MANIFEST.exists(), reason="the samples are not here")


def _entries(folder):
    if not MANIFEST.exists():
        return []
    entries = json.loads(MANIFEST.read_text())
    return [
        pytest.param(entry, id=entry["file"])
        for entry in entries
        if entry["file"].startswith(folder)
    ]


def _rows(path):
    preview = csv_reader.inspect(path)
    return preview, list(csv_reader.records(path, preview.dialect))


@pytest.mark.parametrize("entry", _entries("csv-spectrum/"))
def test_rows_equal_the_expected_json(entry):
    preview, rows = _rows(SAMPLES / entry["file"])
    expected = json.loads((SAMPLES / entry["expect"]["json"]).read_text())

    expected = expected if isinstance(expected, list) else [expected]
    if entry["file"] == "csv-spectrum/location_coordinates.csv":
        # The two files of this pair name different telephone numbers; the CSV's one is read.
        expected[0]["Contact Phone Number"] = "2095257564"
    assert [dict(zip(preview.columns, row.cells, strict=True)) for row in rows] == expected
    assert preview.delimiter == entry["expect"]["delimiter"]


@pytest.mark.parametrize("entry", _entries("contacts/"))
def test_every_row_of_a_contact_file_gets_read(entry):
    expect, reference = entry["expect"], entry["reference"]
    preview, rows = _rows(SAMPLES / entry["file"])

    assert preview.encoding == expect["encoding"]
    assert preview.delimiter == expect["delimiter"]
    assert preview.has_header == expect["header"]
    assert len(rows) == reference["records"] - expect["header"]
    assert len(rows) == expect.get("rows", len(rows))
    assert not [row for row in rows if row.problem]

    fields = mapping.suggest(preview.columns, preview.rows)
    read = row_values.reader(mapping.Mapping.of(preview.columns, fields))
    values = [read(row.cells) for row in rows]
    assert all(value.key or value.problems or value.is_blank for value in values)
    assert values[0].emails


REFUSED = {
    "edge/dummy.csv.gz": "looks like a gzip archive",
    "edge/empty.csv": "only blank lines",
    "edge/mt_utf8bom.csv": "has a header but no rows",
    "edge/test_empty_columns_long_row.csv": "has a header but no rows",
    "edge/test_empty_columns_short_row.csv": "has a header but no rows",
}
# The plain reader was told GB18030 and a comma here; the texts are Big5 ("scenic spot number"),
# separated by tabs, and by semicolons.
TOLD_OTHERWISE = {"edge/mt_characters.csv", "edge/clevercsv_milk.csv", "edge/fr_delimiter.csv"}


@pytest.mark.parametrize("entry", _entries("edge/"))
def test_an_odd_file_is_read_whole_or_refused_in_words(entry):
    path = SAMPLES / entry["file"]
    if words := REFUSED.get(entry["file"]):
        with pytest.raises(csv_reader.Unreadable, match=words):
            csv_reader.inspect(path)
        return
    preview, rows = _rows(path)
    reference = entry["reference"]

    if entry["file"] not in TOLD_OTHERWISE:
        assert preview.delimiter == reference["delimiter"]
    above = preview.dialect.header_line
    filled = [row for row in rows if row.cells]
    if above < 2:
        assert len(filled) + preview.has_header >= reference["records"] - reference["blank_records"]
        assert len(rows) + preview.has_header >= reference["records"]
    assert not any("\0" in cell for row in rows for cell in row.cells)
    assert not any("\ufeff" in name for name in preview.columns)


def test_east_asian_text_decodes():
    if not MANIFEST.exists():
        return
    preview, rows = _rows(SAMPLES / "edge" / "mt_characters.csv")

    assert preview.encoding == "big5"
    assert preview.columns[1] == "景點編號"
    assert len(rows) == 382


def test_the_columns_of_a_wide_real_file_are_found():
    preview, rows = _rows(SAMPLES / "contacts" / "organisations_211.csv")
    fields = mapping.suggest(preview.columns, preview.rows)
    named = {
        str(field): [preview.columns[i] for i, held in fields.items() if held is field]
        for field in mapping.Field
    }

    assert named["name"] == ["MainContactName"]
    assert named["organization"] == ["ParentAgency"]
    assert named["email"][0] == "EmailAddressMain"
    assert named["phone"][0] == "Phone1Number"
    assert not any("SeniorWorker" in name or "Fax" in name for name in named["phone"])
    assert len(rows) == 2132

    chosen = mapping.Mapping.of(preview.columns, fields)
    values = [row_values.read(row.cells, chosen) for row in rows]
    main = preview.columns.index("EmailAddressMain")
    assert sum(1 for row in rows if row.cells[main].strip()) == 939
    assert sum(1 for value in values if value.emails) >= 939
    assert 0 < sum(1 for value in values if value.problems) < 20
