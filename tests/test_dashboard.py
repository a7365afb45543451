"""The dashboard: true figures of one workspace, from one snapshot, with few statements."""

import pytest

from myapp import contacts, dashboard, imports, runtime
from myapp.dashboard import Figures
from tests.fixtures.contacts import contact_fixture

pytestmark = pytest.mark.anyio


async def test_figures_count_one_workspace_only(scope, other_scope):
    await contact_fixture(scope, organization_name="Acme")
    await contact_fixture(scope, organization_name="Acme")
    await contact_fixture(other_scope)
    assert await dashboard.get_figures(scope) == Figures(
        contacts=2, organizations=1, importing=0, imported_today=0
    )


async def test_figures_take_few_statements(scope):
    with runtime.repo.counting() as statements:
        await dashboard.get_figures(scope)
    assert len(statements) <= 6


async def test_the_topic_follows_contacts_and_imports(scope):
    assert dashboard.CHANNEL.sources(dashboard.topic(scope)) == (
        contacts.topic(scope),
        imports.list_topic(scope),
    )
    values, _ = await dashboard.CHANNEL.load(dashboard.topic(scope))
    assert values["contacts"] == 0
