"""Changesets: what a person may set, and what is wrong with it, as data."""

import doctest
import re
from datetime import date

import pytest

from myapp.kit import changeset as module
from myapp.kit.changeset import Changeset

TYPES = {"name": str, "age": int, "born": date, "role": str}


def changeset(attrs: dict, data: dict | None = None) -> Changeset:
    return Changeset(data or {}, types=TYPES).cast(attrs, ["name", "age", "born"])


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(module).failed == 0


def test_cast_ignores_what_is_not_offered():
    assert changeset({"name": "Ada", "role": "admin"}).changes == {"name": "Ada"}


def test_cast_strips_text_and_reads_a_blank_as_nothing():
    assert changeset({"name": "  "}, {"name": "Ada"}).changes == {"name": None}


def test_cast_keeps_only_what_differs():
    assert changeset({"name": "Ada", "age": "36"}, {"name": "Ada", "age": 35}).changes == {
        "age": 36
    }


@pytest.mark.parametrize(
    ("attrs", "field", "message"),
    [
        ({"age": "old"}, "age", "must be a number"),
        ({"born": "yesterday"}, "born", "must be a date"),
        ({"name": {"a": 1}}, "name", "is invalid"),
        ({"name": "A\0da"}, "name", "has a character that cannot be stored"),
        ({"name": "A\ud800da"}, "name", "has a character that cannot be stored"),
    ],
)
def test_cast_says_what_cannot_be_read(attrs, field, message):
    assert changeset(attrs).errors == {field: [message]}


def test_each_rule_has_its_words():
    broken = (
        changeset({"name": "x" * 9, "age": "200"})
        .validate_required(["born"])
        .validate_length("name", at_most=8)
        .validate_number("age", at_most=150)
    )
    assert broken.errors == {
        "born": ["can't be blank"],
        "name": ["should be at most 8 character(s)"],
        "age": ["must be at most 150"],
    }


def test_length_number_inclusion_and_format_have_a_lower_side_too():
    broken = (
        changeset({"name": "x", "age": "3"})
        .validate_length("name", at_least=2)
        .validate_number("age", at_least=18)
    )
    assert broken.errors_on("name") == ["should be at least 2 character(s)"]
    assert broken.errors_on("age") == ["must be at least 18"]
    assert changeset({"name": "x"}).validate_inclusion("name", {"y"}).errors_on("name")
    assert changeset({"name": "x"}).validate_format(
        "name", re.compile("y+"), message="must be y"
    ).errors_on("name") == ["must be y"]


def test_a_field_with_an_error_is_not_checked_again():
    broken = changeset({"age": "old"}).validate_required(["age"]).validate_number("age", at_most=1)
    assert broken.errors_on("age") == ["must be a number"]


def test_a_named_constraint_becomes_its_fields_error():
    taken = changeset({"name": "Ada"}).unique_constraint("name", name="people_name_key")
    assert taken.take_violation("people_name_key")
    assert taken.errors_on("name") == ["has already been taken"]
    assert not taken.take_violation("another_key")


def test_data_without_typed_fields_asks_for_types():
    with pytest.raises(TypeError, match="pass types="):
        Changeset(object())
