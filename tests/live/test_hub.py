"""The hub without Reflex's processor: order, holes, heads, conflation, slow sockets, derived topics."""

import asyncio
import itertools
import json

import pytest

from myapp.kit.topics import Topic
from myapp.live.members import Members
from myapp.live.replica import Subscription
from myapp.live.replicas import JoinFailed
from myapp.live.sockets import Socket
from tests.live.house import CONTACTS, DASHBOARD, WORKSPACE

pytestmark = pytest.mark.anyio

NUMBER = Subscription("page", (("n", "n_"), ("m", "m_")), ("page.rows",))


class Sockets(dict):
    """Sockets that were let in already."""

    def __iter__(self):
        return iter(list(self.values()))

    def stop(self):
        pass


class Wire:
    """Keeps what is written to each socket."""

    def __init__(self):
        self.sent = {}
        self.slow = set()
        self.encoded = 0

    def frame(self, text):
        self.encoded += 1
        return text

    def write(self, sid, frame):
        self.sent.setdefault(sid, []).append((asyncio.get_running_loop().time(), frame))

    def is_slow(self, sid):
        return sid in self.slow

    def deltas(self, sid):
        return [json.loads(frame)[1]["delta"] for _, frame in self.sent.get(sid, [])]

    def values(self, sid):
        merged = {}
        for delta in self.deltas(sid):
            merged.update(delta.get("page", {}))
        return merged


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
async def running(hub, wire):
    hub.flusher.writer = wire
    hub._sockets = Sockets({sid: Socket(sid, sid, None) for sid in ("a", "b", "c")})
    hub._members = Members(hub._sockets, hub.replicas, hub.flusher)
    async with hub.supervisor:
        yield hub
    await hub._errands.stop()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def test_messages_apply_in_order_and_old_ones_are_dropped(running, speaker, topic, wire):
    speaker.say(topic, ("set", {"n": 1}))
    assert await running.members.join(topic, "a", NUMBER) == 1
    first = speaker.log[str(topic)][0]
    speaker.say(topic, ("set", {"n": 2}))
    speaker.inbox.put_nowait(first)
    await until(lambda: wire.values("a") == {"n_": 2})
    assert running.replicas.get(str(topic)).seq == 2
    assert not speaker.since_calls


async def test_a_hole_is_read_from_the_log(running, speaker, topic, wire):
    await running.members.join(topic, "a", NUMBER)
    speaker.say(topic, ("set", {"n": 1}), is_lost=True)
    speaker.say(topic, ("set", {"m": 2}))
    await until(lambda: wire.values("a") == {"n_": 1, "m_": 2})
    assert speaker.since_calls == [(str(topic), 0)]
    assert running.replicas.resyncs == 1
    assert len(speaker.loads) == 1


async def test_a_pruned_hole_is_loaded_again_and_streams_ask(running, speaker, topic, wire):
    await running.members.join(topic, "a", NUMBER)
    speaker.pruned.add(str(topic))
    speaker.say(topic, ("set", {"n": 1}), is_lost=True)
    speaker.say(topic, ("set", {"m": 2}))
    await until(lambda: wire.values("a") == {"n_": 1, "m_": 2})
    assert len(speaker.loads) == 2
    patches = [d["live_streams"]["page.rows"]["patch"] for d in wire.deltas("a")[1:]]
    assert patches[-1]["stale"]


async def test_the_head_check_heals_a_lost_wake_up(running, speaker, topic, wire):
    await running.members.join(topic, "a", NUMBER)
    speaker.say(topic, ("set", {"n": 1}), is_lost=True)
    await until(lambda: wire.values("a") == {"n_": 1})


async def test_coming_back_of_the_bus_checks_at_once(running, speaker, topic, wire):
    running._check_s = 60
    await running.members.join(topic, "a", NUMBER)
    for called in speaker.on_reconnect:
        called()
    await asyncio.sleep(0)
    speaker.say(topic, ("set", {"n": 1}), is_lost=True)
    for called in speaker.on_reconnect:
        called()
    await until(lambda: wire.values("a") == {"n_": 1})


async def test_the_first_change_leaves_at_once_and_the_rest_in_few_frames(
    running, speaker, topic, wire
):
    await running.members.join(topic, "a", NUMBER)
    joined = len(wire.sent["a"])
    start = asyncio.get_running_loop().time()
    for n in range(40):
        speaker.say(topic, ("set", {"n": n}))
        await asyncio.sleep(0.002)
    await until(lambda: wire.values("a") == {"n_": 39})
    frames = wire.sent["a"][joined:]
    assert wire.deltas("a")[joined]["page"] == {"n_": 0}
    elapsed = frames[-1][0] - start
    assert len(frames) <= elapsed / 0.05 + 2
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(frames)]
    assert min(gaps) >= 0.045


async def test_one_frame_is_encoded_for_all_members_of_a_shape(running, speaker, topic, wire):
    for sid in ("a", "b", "c"):
        await running.members.join(topic, sid, NUMBER)
    before = wire.encoded
    speaker.say(topic, ("set", {"n": 1}))
    await until(lambda: all(wire.values(sid) == {"n_": 1} for sid in "abc"))
    assert wire.encoded == before + 1
    assert wire.sent["a"][-1][1] is wire.sent["c"][-1][1]


async def test_a_slow_browser_is_skipped_and_gets_one_picture_when_drained(
    running, speaker, topic, wire
):
    await running.members.join(topic, "a", NUMBER)
    await running.members.join(topic, "b", NUMBER)
    wire.slow.add("a")
    before = len(wire.sent["a"])
    for n in range(5):
        speaker.say(topic, ("set", {"n": n, "m": n}))
        await until(lambda n=n: wire.values("b") == {"n_": n, "m_": n})
    assert len(wire.sent["a"]) == before
    assert running.counters["skips"] >= 1
    wire.slow.clear()
    await until(lambda: wire.values("a") == {"n_": 4, "m_": 4})
    picture = wire.deltas("a")[-1]
    assert len(wire.sent["a"]) == before + 1
    assert picture["live_streams"]["page.rows"]["patch"]["stale"]


async def test_concurrent_first_joins_share_one_load(running, speaker, topic):
    await asyncio.gather(*(running.members.join(topic, sid, NUMBER) for sid in "abc"))
    assert speaker.loads == [str(topic)]


async def test_the_last_member_takes_the_replica_along(running, speaker, topic):
    await running.members.join(topic, "a", NUMBER)
    await running.members.join(topic, "b", NUMBER)
    running.members.leave("a")
    assert running.replicas.get(str(topic)) is not None
    running.members.leave("b")
    assert running.replicas.get(str(topic)) is None
    await until(lambda: str(topic) not in speaker.subscribed)


async def test_a_load_that_keeps_failing_fails_the_join_and_leaves_nothing(running, speaker, topic):
    speaker.failing = 3
    with pytest.raises(JoinFailed):
        await running.members.join(topic, "a", NUMBER)
    assert running.replicas.get(str(topic)) is None
    speaker.failing = 1
    assert await running.members.join(topic, "a", NUMBER) == 0


async def test_an_unknown_kind_fails_the_join(running):
    with pytest.raises(JoinFailed):
        await running.members.join(Topic(WORKSPACE, "unheard-of"), "a", NUMBER)


async def test_a_broken_fold_marks_stale_and_stops_nobody(running, speaker, topic, wire):
    await running.members.join(topic, "a", NUMBER)
    speaker.say(topic, ("broken", {}))
    speaker.say(topic, ("set", {"n": 3}))
    await until(lambda: wire.values("a") == {"n_": 3})


async def test_rows_of_one_flush_keep_their_highest_version(running, speaker, topic, wire):
    await running.members.join(topic, "a", NUMBER)
    speaker.say(topic, ("row", {"id": "1", "version": 1, "view": {"id": "1"}}))
    await until(lambda: len(wire.sent["a"]) == 2)
    for version in (2, 3):
        view = {"id": "1", "version": version}
        speaker.say(topic, ("row", {"id": "1", "version": version, "view": view}))
    speaker.say(topic, ("bulk", {}))
    await until(lambda: len(wire.sent["a"]) == 3)
    patch = wire.deltas("a")[-1]["live_streams"]["page.rows"]["patch"]
    assert patch == {"seq": 4, "rows": [["1", 3, {"id": "1", "version": 3}]], "stale": True}
    assert len(wire.sent["a"][-1][1]) < 5_000


async def test_a_derived_topic_follows_its_source_even_when_the_bus_is_silent(
    running, speaker, wire
):
    await running.members.join(DASHBOARD, "a", NUMBER)
    speaker.values[str(DASHBOARD)] = {"n": 5}
    speaker.say(CONTACTS, ("set", {}), is_lost=True)
    await until(lambda: wire.values("a") == {"n_": 5})
    running.members.leave("a")
    await until(lambda: not speaker.subscribed)
    loads = len(speaker.loads)
    speaker.say(CONTACTS, ("set", {}))
    await running.replicas.check()
    assert len(speaker.loads) == loads


async def test_a_window_many_ask_for_is_read_once_per_head(running, speaker, topic):
    await running.members.join(topic, "a", NUMBER)
    reads = []

    async def read():
        reads.append(1)
        await asyncio.sleep(0)
        return len(reads)

    results = await asyncio.gather(*(running.shared(topic, "page 1", read) for _ in range(50)))
    assert results == [1] * 50
    assert await running.shared(topic, "page 2", read) == 2
    speaker.say(topic, ("set", {"n": 1}))
    await until(lambda: running.replicas.get(str(topic)).seq == 1)
    assert await running.shared(topic, "page 1", read) == 3


async def test_a_failed_shared_read_is_not_kept(running, topic):
    await running.members.join(topic, "a", NUMBER)

    async def fail():
        raise ConnectionError

    async def work():
        return 1

    with pytest.raises(ConnectionError):
        await running.shared(topic, "k", fail)
    assert await running.shared(topic, "k", work) == 1


async def test_leaving_during_the_load_leaves_nothing_behind(running, speaker, topic):
    joining = asyncio.create_task(running.members.join(topic, "a", NUMBER))
    await asyncio.sleep(0)
    del running._sockets["a"]
    await joining
    assert running.replicas.get(str(topic)) is None
