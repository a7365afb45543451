"""The hub on a real Valkey: copies arrive, and numbers carry the app while the server is away."""

import asyncio
import json

import pytest

from myapp.kit.embedded.valkey import EmbeddedValkey
from myapp.kit.pubsub import PubSub
from myapp.kit.topics import Channel
from myapp.live.hub import Hub
from myapp.live.testing import live, new_app
from tests.live import house
from tests.live.house import CONTACTS, ContactPage
from tests.live.speaker import fold

pytestmark = pytest.mark.anyio


@pytest.fixture
def valkey(tmp_path):
    tmp_path.chmod(0o755)
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


async def test_pushes_survive_the_loss_of_the_bus(valkey, speaker):
    async def authenticate(_cookies, _headers):
        return None

    pubsub = PubSub(valkey.url())
    hub = Hub(pubsub, speaker, {"contacts": Channel("contacts", fold, speaker.load)}, check_s=0.2)
    with new_app() as app:
        house.add_pages(app)
        hub.attach(
            app,
            authenticate=authenticate,
            authorize=lambda _state, _policy: None,
            allowed_origins={"http://localhost"},
        )

        def say(number):
            message = speaker.say(CONTACTS, ("set", {"head": number}), is_lost=True)
            pubsub.publish(message.topic, message.seq, json.dumps(message.events))

        async with pubsub.run(), live(app, hub) as connect:
            await until(lambda: pubsub.is_connected)
            view = await connect()
            await view.mount("/contacts")
            say(1)
            await view.until(lambda: view[ContactPage.head] == 1)
            assert hub.counters["resyncs"] == 0
            valkey.stop()
            await until(lambda: not pubsub.is_connected)
            say(2)
            await view.until(lambda: view[ContactPage.head] == 2)
            assert hub.counters["resyncs"] == 1
            valkey.start()
            await until(lambda: pubsub.is_connected)
            say(3)
            await view.until(lambda: view[ContactPage.head] == 3)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
