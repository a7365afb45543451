"""The last step of a frame: onto the browser's socket.

Small and apart, so that a writer of raw, shared websocket frames can take its place without touching
the hub.
"""

from typing import Any, Protocol

import reflex as rx

from myapp.live import reflex_seams

QUEUE_LIMIT = 32


class Writer(Protocol):
    """Turns an encoded event into a frame once and puts that frame on many sockets."""

    def frame(self, text: str) -> Any:
        """Prepare an encoded event for any number of sockets."""
        ...

    def write(self, sid: str, frame: Any) -> None:
        """Put a frame on a socket; never waits, and does nothing when the socket is gone."""
        ...

    def is_slow(self, sid: str) -> bool:
        """Whether so much waits on this socket that more would only pile up."""
        ...


class SocketWriter:
    """Writes one shared engine.io packet straight into each socket's queue.

    socket.io's own ``emit`` to a room makes one task for each browser; this makes none.
    """

    def __init__(self, app: rx.App, *, limit: int = QUEUE_LIMIT) -> None:
        self._app = app
        self._limit = limit

    def frame(self, text: str) -> Any:
        """Return the engine.io packet of an encoded event."""
        return reflex_seams.packet(self._app, text)

    def write(self, sid: str, frame: Any) -> None:
        """Queue the packet behind what the socket was sent before."""
        socket = reflex_seams.engine_socket(self._app, sid)
        if socket is not None:
            socket.queue.put_nowait(frame)

    def is_slow(self, sid: str) -> bool:
        """Whether the socket's queue has reached the limit."""
        socket = reflex_seams.engine_socket(self._app, sid)
        return socket is not None and socket.queue.qsize() >= self._limit
