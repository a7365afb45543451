"""Two web processes on one database and one Redis, a browser on each: nothing is sticky."""

import os
import subprocess
import sys
import time

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.conftest import ROOT, environment, free_port

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


@pytest.fixture
def second(house):
    """A second web process beside the house's own."""
    port = free_port()
    settings = {**environment(port, house.data_dir), **house.addresses}
    secret = os.environ.get("SECRET_KEY")
    process = subprocess.Popen(
        [sys.executable, "-m", "myapp", "server"],
        cwd=ROOT,
        env={**settings, **({"SECRET_KEY": secret} if secret else {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://localhost:{port}"
    deadline = time.monotonic() + 60
    while not answers(url):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(20)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


async def test_a_change_on_one_process_appears_on_the_other(house, second, people):
    here = await people("admin@example.com")
    there = await people("member@example.com", url=second)
    theirs = await there.open("/w/demo/contacts?search=neighbour")
    await expect(theirs.get_by_text("Nothing matches")).to_be_visible()

    mine = await here.open("/w/demo/contacts/new")
    await mine.get_by_label("First name").fill("Neighbour")
    await mine.get_by_role("button", name="Save").click()
    await expect(theirs.get_by_role("row").nth(1)).to_contain_text("Neighbour")

    await mine.get_by_role("searchbox", name="Search contacts").fill("neighbour")
    await theirs.get_by_role("link", name="Neighbour").click()
    await theirs.get_by_role("button", name="Delete").click()
    await theirs.get_by_role("button", name="Really delete").click()
    await expect(mine.get_by_text("Nothing matches")).to_be_visible()


async def test_a_session_of_one_process_opens_pages_of_the_other(house, second, people):
    person = await people("member@example.com")
    # Cookies do not know ports: the same browser may land on either process.
    page = await person.context.new_page()
    await page.goto(f"{second}/w/demo/contacts")
    await expect(page.get_by_role("heading", name="Contacts")).to_be_visible()
