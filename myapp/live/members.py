"""Members: which State of which socket follows which topic.

A membership is what makes a live var readable and a stream move; it ends by itself when the tab goes
elsewhere, and a topic nobody follows is dropped.
"""

from collections.abc import Callable

from myapp.kit.topics import JSON, Topic
from myapp.live.flusher import Flusher
from myapp.live.replica import Subscription
from myapp.live.replicas import Replicas
from myapp.live.sockets import Socket, Sockets


class Members:
    """The memberships of this process."""

    def __init__(self, sockets: Sockets, replicas: Replicas, flusher: Flusher) -> None:
        self._sockets = sockets
        self._replicas = replicas
        self._flusher = flusher

    async def join(self, topic: Topic, sid: str, subscription: Subscription) -> int:
        """Make a socket a member of a topic, send it the picture, return that picture's number.

        Raises ``JoinFailed`` when the topic cannot be read. Concurrent first joins share one load.
        """
        replica = self._replicas.enter(topic)
        replica.waiting += 1
        try:
            await self._replicas.ready(replica)
            socket = self._sockets.get(sid)
            if socket is not None:
                # No await from here to the write: the picture goes before any later change.
                replica.members.setdefault(sid, {})[subscription.state] = subscription
                socket.joined[f"{replica.name}|{subscription.state}"] = socket.path
                self._flusher.send_picture(replica, sid, (subscription,))
            return replica.seq
        finally:
            replica.waiting -= 1
            self._replicas.collect(replica)

    def leave(self, sid: str, *, topic: Topic | None = None, state: str | None = None) -> None:
        """End memberships of a socket: of one topic, of one State, or all."""
        socket = self._sockets.get(sid)
        if socket is not None:
            self._leave(
                socket,
                lambda name, of: (
                    (topic is None or name == str(topic)) and (state is None or of == state)
                ),
            )

    def leave_others(self, sid: str, path: str) -> None:
        """Note where the tab is now, and end what pages on other paths joined or began."""
        socket = self._sockets.get(sid)
        if socket is None or socket.path == path:
            return
        socket.path = path
        for task in list(socket.tasks):
            task.cancel()
        self.leave_all(socket)

    def read(self, sid: str, state: str, wire: str, kind: str | None) -> tuple[bool, JSON]:
        """Return whether this State of this socket is a member of such a topic, and the value."""
        socket = self._sockets.get(sid)
        if socket is None:
            return False, None
        for membership in socket.joined:
            name, _, of = membership.partition("|")
            replica = self._replicas.get(name)
            if of != state or replica is None or (kind and replica.topic.kind != kind):
                continue
            if wire in replica.values:
                return True, replica.values[wire]
        return False, None

    def heads_of(self, sid: str) -> dict[str, int]:
        """Return the number each joined topic has reached here."""
        socket = self._sockets.get(sid)
        names = {joined.partition("|")[0] for joined in socket.joined} if socket else set()
        found = {name: self._replicas.get(name) for name in names}
        return {name: replica.seq for name, replica in found.items() if replica is not None}

    def topics_of(self, sid: str, stream: str) -> list[str]:
        """Return the topics that feed a stream of this socket."""
        return [
            name
            for name in self.heads_of(sid)
            if (replica := self._replicas.get(name)) is not None
            for subscription in replica.members.get(sid, {}).values()
            if stream in subscription.streams
        ]

    def leave_all(self, socket: Socket) -> None:
        """End every membership of a socket."""
        self._leave(socket, lambda _topic, _state: True)

    def _leave(self, socket: Socket, matches: Callable[[str, str], bool]) -> None:
        for membership in list(socket.joined):
            name, _, state = membership.partition("|")
            if not matches(name, state):
                continue
            del socket.joined[membership]
            if (replica := self._replicas.get(name)) is None:
                continue
            states = replica.members.get(socket.sid, {})
            states.pop(state, None)
            if not states:
                replica.members.pop(socket.sid, None)
                replica.lagging.discard(socket.sid)
            self._replicas.collect(replica)
