"""Who may follow what: topics of one's own workspace and one's own, nothing else."""

import pytest

from myapp import accounts, contacts
from myapp.live.state import Refused
from myapp.web import people

pytestmark = pytest.mark.anyio


@pytest.fixture
async def asking(scope):
    token = people._current.set(scope)
    yield scope
    people._current.reset(token)


async def test_a_tab_follows_its_workspace_and_its_person(asking):
    people.authorize_join(None, contacts.topic(asking))
    people.authorize_join(None, accounts.person_topic(asking.person_id))


async def test_a_tab_follows_no_other_workspace_and_no_other_person(asking, other_scope):
    for topic in (contacts.topic(other_scope), accounts.person_topic(other_scope.person_id)):
        with pytest.raises(Refused, match="another workspace"):
            people.authorize_join(None, topic)


async def test_without_a_scope_nothing_is_followed(scope):
    with pytest.raises(people.SignedOut):
        people.authorize_join(None, contacts.topic(scope))
