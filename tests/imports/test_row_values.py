import csv

import email_validator
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myapp.imports import emails, person_names, phones, row_values
from myapp.imports.csv_reader import Problem
from myapp.imports.mapping import Field, Mapping
from myapp.imports.rejected_rows import rejected_csv

COLUMNS = ("First", "Last", "Email", "Phone", "Company", "Notes")
FIELDS = dict(enumerate(("first_name", "last_name", "email", "phone", "organization", "notes")))
MAPPING = Mapping.of(COLUMNS, FIELDS)


def read(*cells, checks="full"):
    return row_values.read([*cells, *[""] * (6 - len(cells))], MAPPING, checks)


def reasons(*cells, checks="full"):
    return [problem.reason for problem in read(*cells, checks=checks).problems]


def test_a_row_is_read():
    values = read(" Ada ", "Love  lace", "Ada@Example.COM", "+49 30 123456", "ACME", " =1+1 ")

    assert (values.first_name, values.last_name) == ("Ada", "Love lace")
    assert values.emails == (("Ada@Example.COM", "ada@example.com", ""),)
    assert values.phones == (("+49 30 123456", "+4930123456"),)
    assert (values.organization, values.notes) == ("ACME", "=1+1")
    assert values.key == "e:ada@example.com"
    assert not values.problems
    assert not values.is_blank


@pytest.mark.parametrize("checks", ["fast", "full"])
def test_a_row_needs_something(checks):
    for cell in range(5):
        cells = ["", "", "", "", ""]
        cells[cell] = ["Ada", "Lovelace", "a@x.de", "030 1234567", "ACME"][cell]
        assert read(*cells, checks=checks).key
    assert reasons("", "", "", "", "", "only a note", checks=checks) == [row_values.NOTHING]
    assert read("", " ", "", checks=checks).is_blank
    assert row_values.read([], MAPPING, checks).is_blank


def test_the_key_is_the_email_else_phone_and_name_else_a_hash():
    assert read("Ada", "", "A@x.de, b@x.de").key == "e:a@x.de"
    assert read("ADA", "Müller", "", "(202) 555-0143").key == "p:2025550143 ada müller"
    assert read("", "", "", "(202) 555-0143").key.startswith("h:")
    assert len(read("Ada").key) == 2 + 32
    assert read("Ada", "", "", "", "ACME").key == read("ada", "", "", "", "Acme").key
    assert read("Ada", "", "", "", "ACME").key != read("", "Ada", "", "", "ACME").key


def test_bad_values_are_refused_by_column():
    assert "Email “ada@” is not a valid e-mail address" in reasons("Ada", "", "ada@")[0]
    assert "Phone “none” is not a telephone number: it has no digits" in reasons(
        "Ada", "", "", "none"
    )
    assert "too short" in reasons("Ada", "", "", "+49 1")[0]
    assert "too long for its country" in reasons("Ada", "", "", "+1 202 555 0143 99")[0]
    assert "country code" in reasons("Ada", "", "", "+999 123456")[0]
    assert reasons("x" * 161) == ["First is 161 characters long; at most 160 are allowed"]
    assert "at most 200" in reasons("", "", "", "", "x" * 201)[0]
    assert "Notes is 10,001" in reasons("Ada", "", "", "", "", "x" * 10_001)[0]
    assert "at most 254" in reasons("Ada", "", "x" * 250 + "@x.de")[0]
    assert "at most 40" in reasons("Ada", "", "", "030 1234567 " * 4)[0]
    assert len(reasons("x" * 161, "", "ada@", "none")) == 3
    assert read("Ada", "", "ada@").key == ""


def test_ragged_rows_are_refused_or_filled():
    long = row_values.read(["Ada", "", "", "", "", "", "x"], MAPPING)
    blank_end = row_values.read(["Ada", "", "", "", "", "", " "], MAPPING)
    short = row_values.read(["Ada"], MAPPING)

    assert [problem.reason for problem in long.problems] == ["Row has 7 cells, the header has 6"]
    assert blank_end.key
    assert not blank_end.problems
    assert short.key
    assert short.notes_for_person == (
        "Row has 1 cell, the header has 6; the missing ones are blank",
    )


def test_a_problem_of_the_file_is_the_rows_problem():
    problem = Problem("Notes", "x", "Notes is too long")

    assert row_values.read(["Ada"], MAPPING, problem=problem).problems == (problem,)


def test_text_stays_as_it_is():
    assert read("null", "NA").first_name == "null"
    assert read("007").first_name == "007"
    assert read("Ada", "", "", "0301234").phones == (("0301234", "0301234"),)


def test_several_addresses_are_read():
    mapped = Mapping.of(("A", "B", "C"), {0: "email", 1: "email", 2: "phone"})

    values = row_values.read(
        ["a@x.de; Bob <B@y.de>", "mailto:c@z.de, A@x.de", "+49 30 123456\n(202) 555-0143 x7"],
        mapped,
    )

    assert [email.key for email in values.emails] == ["a@x.de", "b@y.de", "c@z.de"]
    assert [phone.key for phone in values.phones] == ["+4930123456", "2025550143;ext=7"]
    assert emails.split('"Doe, John" <j@x.de>, k@x.de') == ["j@x.de", "k@x.de"]
    assert emails.split("a@x.de ::: b@x.de") == ["a@x.de", "b@x.de"]
    assert emails.split("no address") == ["no address"]


def test_a_reserved_domain_is_kept_with_a_note():
    values = read("John", "", "john@doe.invalid")

    assert values.key == "e:john@doe.invalid"
    assert "reserved" in values.notes_for_person[0]


def test_full_names_are_split():
    mapped = Mapping.of(("Name",), {0: Field.NAME})

    assert row_values.read(["Lovelace, Ada"], mapped)[:2] == ("Ada", "Lovelace")
    assert row_values.read(["Ludwig van Beethoven"], mapped)[:2] == ("Ludwig", "van Beethoven")
    assert person_names.clean(" Zoe\u0308\n  B ") == "Zoë B"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("+1 (202) 555-0143", "+12025550143"),
        ("0049 30 1234567", "+49301234567"),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("1-800-FLOWERS", "18003569377"),
        ("(202) 269-6623 x110", "2022696623;ext=110"),
        ("202/429-0400", "2024290400"),
        ("211", "211"),
        ("+39 06 698 1234", "+39066981234"),
    ],
)
def test_phones_are_normalised(written, key):
    assert phones.full(written).key == key


LOCAL = st.text("aZ09._+-!'%ö@\" ", min_size=0, max_size=12)
DOMAIN = st.builds(
    ".".join,
    st.lists(st.text("aZ0-öxn", max_size=6), min_size=1, max_size=3),
) | st.sampled_from(["example.com", "x.local", "a" * 64 + ".de", "xn--mller-kva.de", "x.1", "x"])
ADDRESS = st.builds("{}@{}".format, LOCAL, DOMAIN) | st.text("a@.b", max_size=8)


def library_email(text):
    """What email-validator says, reserved domains apart."""
    domain = text.rpartition("@")[2].lower()
    is_reserved = "." in domain and domain.rpartition(".")[2] in {
        *email_validator.SPECIAL_USE_DOMAIN_NAMES
    }
    suffix = ".com" if is_reserved else ""
    try:
        checked = email_validator.validate_email(text + suffix, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return None
    return checked.normalized.removesuffix(suffix).lower()


@settings(max_examples=1500, deadline=None)
@given(ADDRESS | st.builds(lambda n: "a" * n + "@example.com", st.integers(238, 250)))
def test_emails_are_judged_as_the_library_judges_them(text):
    try:
        key = emails.full(text).key
    except emails.BadEmail:
        key = None

    assert key == library_email(text)


def library_phone(text):
    """What phonenumbers says of a number with a country code."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
INTERNATIONAL = st.builds(
    lambda code, digits, gap: f"+{code}{gap}{digits[:3]}{gap}{digits[3:]}",
    CODES,
    st.text("0123456789", min_size=1, max_size=16),
    st.sampled_from(["", " ", "-", "."]),
) | st.builds("+{}".format, st.text("0123456789", min_size=1, max_size=16))


@settings(max_examples=3000, deadline=None)
@given(INTERNATIONAL)
def test_phones_are_judged_as_the_library_judges_them(text):
    try:
        key = phones.full(text).key
    except phones.BadPhone:
        key = None

    assert key == library_phone(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_row_has_exactly_one_end(cells):
    for checks in ("fast", "full"):
        values = row_values.read(cells, MAPPING, checks)
        assert bool(values.key) + bool(values.problems) + values.is_blank == 1


def test_rejected_rows_can_be_mended_and_read_again():
    rows = [
        (["=1+1", "+49 30 1234567", "@x"], 7, "-because"),
        (["-1", '=HYPERLINK("x")', "+cmd|x", "beyond"], 9, "Row has 4 cells"),
        (["short"], 11, "Short"),
    ]

    text = "".join(rejected_csv(["A", "B", "Line"], rows))

    header, *body = csv.reader(text.splitlines())
    assert header == ["A", "B", "Line", "Line (2)", "Reason"]
    assert body == [
        ["'=1+1", "+49 30 1234567", "'@x", "7", "'-because"],
        ["'-1", '\'=HYPERLINK("x")', "'+cmd|x", "9", "Row has 4 cells", "beyond"],
        ["short", "", "", "11", "Short"],
    ]
