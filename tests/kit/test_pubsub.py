"""Pub/sub on a real Valkey: copies arrive, losing the server is survived, nobody waits for it."""

import asyncio

import pytest

from myapp.kit.embedded.valkey import EmbeddedValkey
from myapp.kit.pubsub import PubSub

pytestmark = pytest.mark.anyio
PAYLOAD = '[["test.Said",{"word":"hello"}]]'


@pytest.fixture
def valkey(tmp_path):
    tmp_path.chmod(0o755)
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


async def next_message(pubsub: PubSub):
    async for message in pubsub.messages():
        return message
    return None


async def connected(pubsub: PubSub) -> None:
    async with asyncio.timeout(10):
        while not pubsub.is_connected:
            await asyncio.sleep(0.01)


async def test_a_message_reaches_the_subscribers_of_its_topic_only(valkey):
    speaker, listener = PubSub(valkey.url()), PubSub(valkey.url())
    async with speaker.run(listen=False), listener.run():
        await connected(listener)
        await listener.subscribe("here")
        speaker.publish("elsewhere", 1, PAYLOAD)
        speaker.publish("here", 7, PAYLOAD)
        async with asyncio.timeout(5):
            message = await next_message(listener)
    assert (message.topic, message.seq) == ("here", 7)
    assert message.events == (("test.Said", {"word": "hello"}),)


async def test_after_the_server_was_away_everything_is_subscribed_again(valkey):
    pubsub = PubSub(valkey.url())
    back = asyncio.Event()
    async with pubsub.run():
        await connected(pubsub)
        await pubsub.subscribe("here")
        pubsub.on_reconnect.append(back.set)
        valkey.stop()
        async with asyncio.timeout(10):
            while pubsub.is_connected:
                await asyncio.sleep(0.01)
        await pubsub.subscribe("also here")
        pubsub.publish("here", 1, PAYLOAD)
        valkey.start()
        async with asyncio.timeout(15):
            await back.wait()
            # The subscription may be confirmed a moment after the connection.
            while True:
                pubsub.publish("also here", 2, PAYLOAD)
                try:
                    async with asyncio.timeout(0.2):
                        message = await next_message(pubsub)
                    break
                except TimeoutError:
                    continue
    assert message.topic in {"also here", "here"}


async def test_publishing_never_waits_and_never_fails(valkey):
    valkey.stop()
    pubsub = PubSub(valkey.url())
    async with pubsub.run():
        for number in range(20_000):
            pubsub.publish("here", number, PAYLOAD)
        assert pubsub.dropped > 0
        assert await pubsub.ping() is False
