# ruff: noqa: RUF001  (other alphabets are the subject)
import csv
import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myapp.imports import csv_reader, csv_records
from myapp.imports.csv_reader import Dialect


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="contacts.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write_file


def cells_of(path, **options):
    preview = csv_reader.inspect(path, **options)
    return [row.cells for row in csv_reader.records(path, preview.dialect)]


PEOPLE = "Name,Email\nAda,ada@example.com\nGrace,grace@example.com\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \r\n\t\n \n", "only blank lines"),
        (b"\xef\xbb\xbf\n", "only blank lines"),
        (b"Name,Email\n", "has a header but no rows"),
        (b"Name,Email\n,\n\n", "has a header but no rows"),
        (b"PK\x03\x04\x14\x00[Content_Types].xml xl/workbook", r"Excel workbook \(.xlsx\)"),
        (b"PK\x03\x04\x14\x00contacts.csv", "ZIP"),
        (b"\x1f\x8b\x08\x00abc", "gzip"),
        (b"%PDF-1.7\n%abc", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0abc", "JPEG"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
        (b"BEGIN:VCARD\nVERSION:3.0\n", "vCard"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (bytes(range(256)) * 16, "not text"),
        (b"\x7fELF" + bytes(2000), "not text"),
    ],
)
def test_what_is_no_table_is_refused_in_words(write, content, words):
    with pytest.raises(csv_reader.Unreadable, match=words):
        csv_reader.inspect(write(content))


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
        ("mac_roman", "mac_roman"),
    ],
)
def test_western_encodings_are_found(write, encoding, name):
    text = "Vorname;Nachname;Firma\nJürgen;Müller;Bäckerei Größe\nKäthe;Strauß;Öl & Söhne\n"

    preview = csv_reader.inspect(write(text, encoding=encoding))

    assert preview.encoding == name
    assert preview.columns == ("Vorname", "Nachname", "Firma")
    assert preview.rows[0] == ("Jürgen", "Müller", "Bäckerei Größe")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp932", "名前,会社\n山田太郎,東京商事株式会社\n鈴木花子,大阪電機\n佐藤一郎,名古屋物産\n"),
        (
            "euc_jp",
            "名前,会社\n山田太郎,東京商事株式会社\n鈴木花子,大阪電機\n佐藤一郎,名古屋物産\n",
        ),
        ("gbk", "姓名,公司\n王小明,北京科技有限公司\n李四,上海贸易公司\n张三,广州服装厂\n"),
        ("euc_kr", "이름,회사\n김철수,서울전자\n이영희,부산무역\n박민수,대구상사\n"),
        ("cp1251", "Имя,Компания\nИван,Рога и копыта\nМария,Северсталь\nСергей,Газпром\n"),
        ("koi8_r", "Имя,Компания\nИван,Рога и копыта\nМария,Северсталь\nСергей,Газпром\n"),
        (
            "cp1250",
            (
                "Imię,Nazwisko,Firma\nŁukasz,Wiśniewski,Żubrówka\n"
                "Małgorzata,Dąbrowska,Spółdzielnia Mleczarska w Łodzi\nJózef,Źrebak,Gdańsk\n"
            ),
        ),
    ],
)
def test_other_encodings_are_found(write, encoding, text):
    preview = csv_reader.inspect(write(text, encoding=encoding))

    assert [preview.columns, *preview.rows] == [
        tuple(line.split(",")) for line in text.splitlines()
    ]


def test_a_late_bad_byte_is_known_before_the_import(write):
    rows = "".join(f"Zoë {number},z{number}@example.com\n" for number in range(200_000))
    path = write(b"Name,Email\n" + rows.encode() + b"Ad\xe9la,a@example.com\n")

    preview = csv_reader.inspect(path)

    assert preview.encoding == "utf-8"
    assert "1 characters cannot be read" in preview.warnings[0]
    assert "200,002" in preview.warnings[0]
    last = list(csv_reader.records(path, preview.dialect))[-1]
    assert last.cells[0] == "Ad\ufffdla"


def test_an_encoding_can_be_chosen_and_is_checked(write):
    path = write("Name,Email\nJürgen,j@example.com\n", encoding="cp1252")

    assert cells_of(path, encoding="cp1252")[0][0] == "Jürgen"
    with pytest.raises(csv_reader.Unreadable, match=r"Line 2 .* choose another"):
        csv_reader.inspect(path, encoding="utf-8")
    with pytest.raises(csv_reader.Unreadable, match="klingon"):
        csv_reader.inspect(path, encoding="klingon")
    with pytest.raises(csv_reader.Unreadable):
        csv_reader.inspect(path, encoding="base64")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_endings_are_found(write, delimiter, ending):
    rows = [["Name", "City", "Email"], ["Ada", "London", "a@x.de"], ["Grace", "N.Y.", "g@x.de"]]
    path = write(ending.join(delimiter.join(row) for row in rows) + ending)

    preview = csv_reader.inspect(path)

    assert preview.delimiter == delimiter
    records = list(csv_reader.records(path, preview.dialect))
    assert [record.cells for record in records] == rows[1:]
    assert [record.line for record in records] == [2, 3]


def test_a_delimiter_is_not_found_by_counting_characters(write):
    text = 'Name;Notes\nAda;"one, two, three; four"\nGrace;a, b, c, d\nAlan;x, y\n'

    assert csv_reader.inspect(write(text)).delimiter == ";"


def test_a_single_column_is_a_table(write):
    assert cells_of(write("Email\nada@example.com\ngrace@example.com\n")) == [
        ["ada@example.com"],
        ["grace@example.com"],
    ]


def test_other_quotes_and_escapes_are_read(write):
    assert cells_of(write("a,b\n'x, y',1\n'z, w',2\n"))[0] == ["x, y", "1"]
    assert cells_of(write('a,b\n"say \\"hi\\" now",1\n'))[0] == ['say "hi" now', "1"]
    assert cells_of(write('a, b\nx, "y, z"\n'))[0] == ["x", "y, z"]


@pytest.mark.parametrize(
    ("text", "has_header"),
    [
        (PEOPLE, True),
        ("John Doe,john@doe.example\nJane Doe,jane@doe.example\n", False),
        ("Ada,+49 30 1234567\nGrace,+1 202 555 0143\n", False),
        ("1,null,0\n2,0,0\n", False),
        ("Alpha,Beta\n1,2\n3,4\n", True),
        ("foo\nfoo\nbar\n", False),
        ("John,Doe\nJane,Doe\n", False),
    ],
)
def test_a_header_is_told_from_a_row(write, text, has_header):
    path = write(text)

    preview = csv_reader.inspect(path)

    assert preview.has_header is has_header
    assert len(list(csv_reader.records(path, preview.dialect))) == text.count("\n") - has_header


def test_a_header_can_be_said_to_be_there_or_not(write):
    path = write("Ada,ada@example.com\nGrace,grace@example.com\n")

    assert csv_reader.inspect(path, has_header=True).columns == ("Ada", "ada@example.com")
    assert len(cells_of(write(PEOPLE), has_header=False)) == 3


def test_title_lines_above_the_header_are_left_out(write):
    notes = 'Notes:\n"When exporting your data, some\nmay be missing"\n\n'
    path = write(notes + "First Name,Last Name,Email Address\nAda,Lovelace,a@x.de\n")

    preview = csv_reader.inspect(path)

    assert preview.dialect.header_line == 5
    assert "Lines 1 to 4" in preview.warnings[0]
    (record,) = csv_reader.records(path, preview.dialect)
    assert (record.ordinal, record.line, record.cells[0]) == (1, 6, "Ada")


def test_names_of_columns_are_made_unique(write):
    preview = csv_reader.inspect(write("Email,Email,,Name\na@x.de,b@x.de,,Ada\n"))

    assert preview.columns == ("Email", "Email (2)", "Column 3", "Name")
    assert "Email (2)" in preview.warnings[0]


def test_nul_characters_are_removed_and_reported(write):
    path = write("Name,Email\nA\0da,ada@example.com\n")

    preview = csv_reader.inspect(path)

    assert "NUL" in preview.warnings[0]
    assert cells_of(path) == [["Ada", "ada@example.com"]]


def test_ragged_and_blank_rows_come_out_as_they_are(write):
    path = write("a,b,c\n1,2\n\n1,2,3,4\n,,\n")

    assert cells_of(path) == [["1", "2"], [], ["1", "2", "3", "4"], ["", "", ""]]


def test_a_cell_of_five_megabytes_is_refused_and_the_others_are_not(write):
    for cell in ("x" * 5_242_880, '"' + "line\n" * 1_048_576 + '"'):
        path = write(f"Name,Notes\nAda,short\nBig,{cell}\nGrace,short\n")

        preview = csv_reader.inspect(path)
        ada, big, grace = csv_reader.records(path, preview.dialect)

        assert ada.problem is None
        assert grace.cells == ["Grace", "short"]
        assert "Notes is 5,242,880 characters long; at most 100,000" in big.problem.reason
        assert max(map(len, big.cells)) < 1000


def test_a_quote_that_is_never_closed_costs_one_row(write):
    rows = "".join(f"Name {n},n{n}@example.com,x\n" for n in range(30_000))
    path = write("Name,Email,City\nAda,a@example.com,y\n" + '"Bob,b@example.com,z\n' + rows)

    preview = csv_reader.inspect(path)
    records = list(csv_reader.records(path, preview.dialect))

    assert len(records) == 30_002
    assert [record.line for record in records if record.problem] == [3]
    assert "never closed" in records[1].problem.reason
    assert records[-1].line == 30_003


def test_two_lone_quotes_do_not_swallow_what_is_between_them(write):
    text = 'Name,Email,City\n1,"Bob,x\n2,Al,y\n3,Eve,z\n4,"Kim,w\n5,Lee,v\n'

    path = write(text)
    records = list(csv_reader.records(path, csv_reader.inspect(path).dialect))

    assert [record.line for record in records] == [2, 3, 4, 5, 6]
    assert [record.line for record in records if record.problem] == [2, 5]


def test_a_quote_inside_a_cell_is_text(write):
    assert cells_of(write('Name,Size\n5" pipe,1\n"6"" pipe",2\n"Al" Bob,3\n')) == [
        ['5" pipe', "1"],
        ['6" pipe', "2"],
        ["Al Bob", "3"],
    ]


def test_many_unclosed_quotes_take_no_quadratic_time(write):
    text = "a,b,c\n" + '"x,y,z\n' * 20_000

    path = write(text)
    dialect = Dialect(columns=("a", "b", "c"))
    records = list(csv_reader.records(path, dialect))

    assert [record.line for record in records] == list(range(2, 20_002))
    assert all(record.problem for record in records)


def test_a_record_longer_than_a_block_is_read_once(write):
    notes = "a line, with a comma\n" * (3 * csv_records.BLOCK_CHARS // 20)
    path = write(f'Name,Notes\nAda,"{notes}"\nGrace,x\n')

    records = list(csv_reader.records(path, csv_reader.inspect(path).dialect))

    assert len(records) == 2
    assert records[1].line == notes.count("\n") + 3


def test_chunks_are_the_same_each_time_and_go_on_by_ordinal(write):
    text = "Name,Email\n" + "".join(f"N{n},n{n}@x.de\n\n" for n in range(20_000))
    path = write(text)
    dialect = csv_reader.inspect(path).dialect

    chunks = list(csv_reader.chunks(path, dialect, size=3000))
    rows = [row for chunk in chunks for row in chunk]

    assert [len(chunk) for chunk in chunks] == [3000] * 13 + [1000]
    assert [row.ordinal for row in rows] == list(range(1, 40_001))
    assert list(csv_reader.records(path, dialect)) == rows
    assert list(csv_reader.records(path, dialect, start_line=39_999)) == rows[39_997:]
    for after in (1, 3000, 2999, 17_345, 39_999):
        again = csv_reader.chunks(path, dialect, size=3000, after_record=after)
        assert [row for chunk in again for row in chunk] == rows[after:]
    assert list(csv_reader.chunks(path, dialect, after_record=40_000)) == []


def test_an_estimate_is_close(write):
    path = write("Name,Email\n" + "".join(f"N{n},n{n}@x.de\n" for n in range(50_000)))

    preview = csv_reader.inspect(path)

    assert abs(preview.estimated_rows - 50_000) < 500
    assert preview.size == path.stat().st_size


def test_a_dialect_goes_through_json(write):
    dialect = csv_reader.inspect(write("Näme;Email\nAda;a@x.de\n", encoding="cp1252")).dialect

    assert Dialect.from_json(dialect.to_json()) == dialect


def test_a_file_without_line_breaks_is_refused(write, monkeypatch):
    monkeypatch.setattr("myapp.imports.csv_encoding.LINE_LIMIT_BYTES", 1000)

    with pytest.raises(csv_reader.Unreadable, match="line breaks"):
        csv_reader.inspect(write("x" * 2000))


CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\r\n", "\n"]),
)
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows, delimiter, ending):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(
        rows
    )
    content = buffer.getvalue().encode()
    path = tmp_path_factory.mktemp("trip") / f"{zlib.crc32(content)}.csv"
    path.write_bytes(content)
    dialect = Dialect(delimiter=delimiter, has_header=False, header_line=0)

    assert [record.cells for record in csv_reader.records(path, dialect)] == rows


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "any.csv"
    path.write_bytes(content)

    try:
        preview = csv_reader.inspect(path)
    except csv_reader.Unreadable:
        return
    rows = list(csv_reader.records(path, preview.dialect))
    assert rows
    assert [row.ordinal for row in rows] == list(range(1, len(rows) + 1))
