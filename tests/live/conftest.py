"""A hub with topics a test speaks on, and States to look at them."""

import dataclasses
from uuid import UUID, uuid4

import pytest
import reflex as rx

from myapp.kit.topics import Channel, Topic
from myapp.live.hub import Hub
from myapp.live.policy import Refused
from myapp.live.testing import live, new_app
from tests.live import house
from tests.live.speaker import Speaker, fold

WORKSPACE = UUID("01890000-0000-7000-8000-000000000001")


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@dataclasses.dataclass(frozen=True)
class Person:
    """Who the test's cookie names."""

    session_key: str
    role: str


@pytest.fixture
def speaker():
    return Speaker()


@pytest.fixture
def topic():
    return Topic(WORKSPACE, "import", uuid4())


@pytest.fixture
async def hub(speaker):
    def derived_from(topic):
        return (Topic(topic.workspace_id, "contacts"),)

    channels = {
        "import": Channel("import", fold, speaker.load),
        "contacts": Channel("contacts", fold, speaker.load),
        "dashboard": Channel(
            "dashboard", fold, speaker.load, sources=derived_from, min_interval_s=0.2
        ),
    }
    return Hub(speaker, speaker, channels, flush_s=0.05, check_s=0.2, drop_state_s=0.1)


async def authenticate(cookies, _headers):
    name = cookies.get("session")
    return Person(name, "admin" if name == "root" else "member") if name else None


def authorize(state, policy):
    if policy == "anyone":
        return
    person = state._identity
    if person is None or policy not in {"member", person.role}:
        raise Refused("You may not do this here.")


@pytest.fixture
async def connect(hub):
    """Connect simulated tabs to a running hub."""
    with new_app(_state=rx.State) as app:
        hub.attach(
            app,
            authenticate=authenticate,
            authorize=authorize,
            allowed_origins={"http://localhost"},
            expected=(LookupError,),
        )
        house.add_pages(app)
        async with live(app, hub) as connect:
            yield connect
