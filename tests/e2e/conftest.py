"""The house as people start it, and browsers as people use it; one of each for all tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from myapp.accounts import DEVELOPMENT_PASSWORD
from myapp.config import Settings
from myapp.mix import services

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "test-results"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
START_S = 240


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class House:
    """A running application: its address, its database, its processes."""

    port: int
    data_dir: Path
    process: subprocess.Popen
    log: Path
    pages: list[Page] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def settings(self) -> Settings:
        return Settings.model_validate({"DATA_DIR": self.data_dir})

    @property
    def addresses(self) -> dict[str, str]:
        return {name: server.url() for name, server in services.embedded(self.settings).items()}

    def sql(self, statement: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(self.addresses["DATABASE_URL"]) as connection:
            return connection.execute(statement, parameters).fetchall()


def environment(port: int, data_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}
    for name in ("DATABASE_URL", "REDIS_URL"):
        kept.pop(name, None)
    return {**kept, "PORT": str(port), "DATA_DIR": str(data_dir), "MYAPP_ENV": "development"}


@contextmanager
def running_house(data_dir: Path, port: int | None = None) -> Iterator[House]:
    """Start everything with the one command and stop it as Ctrl-C does."""
    port = port or free_port()
    log = data_dir / "run.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "myapp", "run"],
            cwd=ROOT,
            env=environment(port, data_dir),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(lambda: f"http://localhost:{port}" in log.read_text(), process, log)
        yield House(port, data_dir, process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the house did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    data_dir = Path(tempfile.mkdtemp(prefix="myapp-e2e-"))
    data_dir.chmod(0o755)
    with running_house(data_dir) as running:
        yield running
    # As root the cluster lies outside the folder.
    services.embedded(running.settings)["DATABASE_URL"].erase()
    shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        path = (
            os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        )
        launched = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        await launched.close()


class Person:
    """Somebody at a browser."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.errors: list[str] = []

    async def open(self, path: str) -> Page:
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        await page.goto(self.url + path)
        return page

    async def sign_in(self, email: str, password: str = DEVELOPMENT_PASSWORD) -> None:
        page = await self.open("/sign-in")
        await page.get_by_label("Email").fill(email)
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("heading", name="Dashboard").wait_for()
        await page.close()


@pytest.fixture
async def people(house: House, browser: Browser) -> AsyncIterator[Callable]:
    """Make signed-in people, each in a browser of their own."""
    opened: list[Person] = []

    async def come(email: str, *, url: str | None = None, **options: object) -> Person:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = await browser.new_context(**options)
        context.set_default_timeout(30_000)
        person = Person(context, url or house.url)
        opened.append(person)
        await person.sign_in(email)
        return person

    yield come
    for person in opened:
        await person.context.close()
        assert person.errors == []
