"""The two ends a hub listens to, held by a test."""

import asyncio
from collections import defaultdict

from myapp.kit.topics import Change, Message, Row


class Speaker:
    """The two ends a hub listens to, PostgreSQL's numbers and Redis's copies, held by the test."""

    def __init__(self):
        self.log = defaultdict(list)
        self.values = defaultdict(dict)
        self.inbox = asyncio.Queue()
        self.subscribed = set()
        self.unsubscribed = []
        self.on_reconnect = []
        self.loads = []
        self.since_calls = []
        self.pruned = set()
        self.failing = 0
        self.heads_offset = {}

    # the bus
    async def subscribe(self, topic):
        self.subscribed.add(topic)

    async def unsubscribe(self, topic):
        self.subscribed.discard(topic)
        self.unsubscribed.append(topic)

    async def messages(self):
        while True:
            yield await self.inbox.get()

    # the log
    async def heads(self, topics):
        return {topic: len(self.log[topic]) for topic in topics}

    async def since(self, topic, seq):
        self.since_calls.append((topic, seq))
        return None if topic in self.pruned else self.log[topic][seq:]

    # the context
    async def load(self, topic):
        self.loads.append(str(topic))
        if self.failing:
            self.failing -= 1
            raise ConnectionError("the database is away")
        await asyncio.sleep(0)
        return dict(self.values[str(topic)]), len(self.log[str(topic)])

    def say(self, topic, *events, is_lost=False):
        """Commit one transaction's events; ``is_lost``: the copy on Redis never arrives."""
        name = str(topic)
        message = Message(name, len(self.log[name]) + 1, events)
        self.log[name].append(message)
        for event, data in events:
            if event == "set":
                self.values[name].update(data)
        if not is_lost:
            self.inbox.put_nowait(message)
        return message


def fold(name, data):
    match name:
        case "set":
            return Change(values=data)
        case "row":
            return Change(rows=(Row(data["id"], data["version"], data["view"]),))
        case "bulk":
            return Change(is_stale=True)
        case "broken":
            raise ValueError(name)
    return Change()
