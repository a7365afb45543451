"""What a form is told about its changeset."""

import pytest

from myapp.live import form
from myapp.live.form import FormState


class Changes:
    def __init__(self):
        self.errors = {"email": ["is taken"], "name": ["can't be blank"], "phone": []}


def test_only_touched_fields_show_their_errors():
    state = FormState.of(Changes(), ["email", "phone"])
    assert state.errors == {"email": ["is taken"]}
    assert not state.is_valid


def test_after_a_save_all_fields_show_their_errors():
    assert set(FormState.of(Changes()).errors) == {"email", "name"}


def test_a_form_without_errors_is_valid():
    changes = Changes()
    changes.errors = {"email": []}
    assert FormState.of(changes) == FormState()


def test_a_form_needs_an_id():
    with pytest.raises(TypeError):
        form.form(on_save=None)


def test_attributes_of_a_field_are_written_as_react_wants_them():
    rendered = str(form.field("a", "A", auto_complete="off", aria_label="x", max_length=3))
    assert '"autoComplete"' in rendered
    assert '"aria-label"' in rendered
    assert '"maxLength"' in rendered
