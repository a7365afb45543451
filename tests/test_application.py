"""What a start does for a fresh installation: one link that stays good until it is spent."""

import pytest

from myapp import accounts, application
from tests.conftest import settings_for

pytestmark = pytest.mark.anyio


async def test_the_set_up_link_survives_another_start_and_ends_when_spent(
    services, settings, tmp_path
):
    settings = settings_for(settings.database_url.get_secret_value(), tmp_path)
    await application.offer_set_up(settings)
    link = (tmp_path / "setup-link").read_text()
    assert (tmp_path / "setup-link").stat().st_mode & 0o777 == 0o600
    await application.offer_set_up(settings)
    assert (tmp_path / "setup-link").read_text() == link

    token = link.strip().rpartition("/")[2]
    first = {"workspace": "Team", "name": "First", "email": "first@example.com"}
    (await accounts.set_up(token, {**first, "password": "correct horse battery"})).unwrap()
    await application.offer_set_up(settings)
    assert not (tmp_path / "setup-link").exists()
