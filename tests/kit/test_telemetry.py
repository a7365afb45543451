"""Telemetry: lines carry ids and no secrets."""

import json
import logging

import pytest
import structlog

from myapp.kit import telemetry


@pytest.fixture
def own_logging():
    """Keep the handler that writes to this test's captured stream out of the tests that follow."""
    root = logging.getLogger()
    handlers, level, settings = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**settings)


def redacted(**event):
    return telemetry.redact(None, "info", event)


def test_values_whose_key_speaks_of_a_secret_are_hidden_at_any_depth():
    line = redacted(
        password="p", form={"new_password": "p", "name": "Ada"}, headers=[{"Cookie": "c"}]
    )
    assert line["password"] == telemetry.REDACTED
    assert line["form"] == {"new_password": telemetry.REDACTED, "name": "Ada"}
    assert line["headers"] == [{"Cookie": telemetry.REDACTED}]


def test_a_password_inside_an_address_is_hidden():
    assert redacted(url="postgresql://me:hush@db/x")["url"] == (
        f"postgresql://me:{telemetry.REDACTED}@db/x"
    )


def test_the_cause_holds_the_ids_bound_to_this_context_only():
    with structlog.contextvars.bound_contextvars(request_id="r", person_id="p", path="/x"):
        assert telemetry.cause() == {"request_id": "r", "person_id": "p"}


def test_json_lines_can_be_parsed_and_carry_bound_ids(own_logging, capsys):
    telemetry.configure(level="info", is_json=True)
    with structlog.contextvars.bound_contextvars(request_id="r"):
        structlog.get_logger("test").info("happened", token="t")
    line = json.loads(capsys.readouterr().err.strip().splitlines()[-1])
    assert (line["event"], line["request_id"], line["token"]) == (
        "happened",
        "r",
        telemetry.REDACTED,
    )
