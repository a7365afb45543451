"""The dashboard's figures: derived, pushed, and only for members of the workspace."""

import pytest

from myapp import contacts, dashboard
from myapp.kit.repo import NotFound
from myapp.live import replicas
from myapp.live.replicas import JoinFailed
from myapp.web.pages.dashboard import Dashboard
from myapp.web.shell import Shell
from tests.fixtures.accounts import scope_fixture
from tests.fixtures.contacts import contact_fixture

pytestmark = pytest.mark.anyio


async def test_the_page_shows_the_figures_and_names_person_and_workspace(visit, scope):
    await contact_fixture(scope, organization_name="Analytical Engines")
    view = await visit(scope)
    assert view[Dashboard.contacts] == 1
    assert view[Dashboard.organizations] == 1
    assert view[Dashboard.is_ready]
    assert view.title == "Dashboard"
    assert view[Shell.person_email] == scope.person_email
    assert view[Shell.workspace_name] == scope.workspace_name
    assert view[Shell.base] == f"/w/{scope.workspace_slug}"


async def test_figures_follow_what_happens_for_all_who_look(visit, scope, other_scope):
    colleague = await scope_fixture(workspace_of=scope)
    mine, hers, stranger = [await visit(each) for each in (scope, colleague, other_scope)]
    heard = len(stranger.deltas)
    await contact_fixture(colleague, organization_name="Analytical Engines")
    for view in (mine, hers):
        await view.until(lambda view=view: view[Dashboard.contacts] == 1)
        assert view[Dashboard.organizations] == 1
    assert len(stranger.deltas) == heard


async def test_many_changes_end_in_the_last_figure(visit, scope):
    view = await visit(scope)
    for _ in range(5):
        await contact_fixture(scope)
    await view.until(lambda: view[Dashboard.contacts] == 5)


async def test_a_tab_that_went_elsewhere_hears_the_dashboard_no_more(visit, scope, hub):
    view = await visit(scope)
    assert hub.replicas.get(str(dashboard.topic(scope))) is not None
    await view.mount(f"/w/{scope.workspace_slug}/contacts")
    assert hub.replicas.get(str(dashboard.topic(scope))) is None
    assert hub.replicas.get(str(contacts.topic(scope))) is not None


async def test_figures_that_cannot_be_read_are_one_plain_sentence(visit, scope, hub, monkeypatch):
    async def broken(_topic):
        raise NotFound("a secret detail")

    monkeypatch.setattr(replicas, "_RETRY_S", 0.001)
    channel = hub.replicas._channels["dashboard"]
    monkeypatch.setattr(
        hub.replicas,
        "_channels",
        {**hub.replicas._channels, "dashboard": type(channel)("dashboard", channel.fold, broken)},
    )
    view = await visit(scope)
    assert view.flashes == [("error", JoinFailed.__doc__)]
    assert "secret" not in str(view.deltas)
