"""Many browsers in one process of their own: what the page's socket says, and nothing of a page.

Speaks the protocol a browser speaks here (websocket, engine.io 4, socket.io 5) and notes when a marked
message arrives. One process for all of them, so that their work is not counted as the server's.

Commands come as lines of JSON on standard input, answers leave the same way:
``{"open": 100}`` opens so many more and waits until each has its page;
``{"mark": "bench-7"}`` waits until every one has heard it and answers with the times of arrival.
"""

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable
from typing import Any

import uvloop

HYDRATE = "reflex___state____state.hydrate_and_load"
MOUNTED = b'"live_page":{"mounted":true'
MARK = b"bench-"
MARK_LENGTH = len(b"bench-0000")
OPENING_AT_ONCE = 50
WAIT_S = 60.0
_NAMESPACE = b"/_event,"


class Crowd:
    """The browsers of this process and what they heard."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.browsers: list[Browser] = []
        self.heard: dict[str, list[float]] = {}
        self.sizes: dict[str, int] = {}
        self.news = asyncio.Event()
        self.lost = 0

    async def open(self, count: int) -> dict[str, Any]:
        """Open so many more browsers, some at a time, and wait until each has its page."""
        turns = asyncio.Semaphore(OPENING_AT_ONCE)
        started = time.monotonic()
        await asyncio.gather(*(self._open_one(turns) for _ in range(count)))
        return {"opened": len(self.browsers), "seconds": time.monotonic() - started}

    async def _open_one(self, turns: asyncio.Semaphore) -> None:
        loop = asyncio.get_running_loop()
        async with turns:
            _, browser = await loop.create_connection(
                lambda: Browser(self), "127.0.0.1", self.given.port
            )
            self.browsers.append(browser)
            await browser.joined

    async def hear(self, mark: str) -> dict[str, Any]:
        """Wait until every browser has heard a mark; return when each did."""
        times = self.heard.setdefault(mark, [])
        while len(times) < len(self.browsers) and not self.lost:
            self.news.clear()
            await self.news.wait()
        return {"times": self.heard.pop(mark), "bytes": self.sizes.pop(mark, 0), "lost": self.lost}

    def note(self, mark: str, size: int) -> None:
        """Note that one browser heard a mark now."""
        times = self.heard.setdefault(mark, [])
        times.append(time.monotonic())
        if len(times) >= len(self.browsers):
            self.sizes[mark] = size
            self.news.set()


class Browser(asyncio.Protocol):
    """One tab's socket."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._buffer = bytearray()
        self._is_open = False
        self._pages = 0
        self._transport: asyncio.WriteTransport | None = None
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask for the websocket, as a page of this app does."""
        self._transport = transport
        given = self._crowd.given
        self._write(
            f"GET /_event/?EIO=4&transport=websocket&token={uuid.uuid4()} HTTP/1.1\r\n"
            f"Host: localhost:{given.port}\r\nOrigin: http://localhost:{given.port}\r\n"
            f"Cookie: {given.cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that this one will hear nothing more."""
        self._crowd.lost += 1
        self._crowd.news.set()
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionError("the server closed the socket"))

    def data_received(self, data: bytes) -> None:
        """Take what arrived: the handshake's answer first, then frames."""
        self._buffer += data
        if not self._is_open:
            head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.joined.set_exception(ConnectionError(head.decode(errors="replace")))
                return
            self._is_open, self._buffer = True, bytearray(rest)
        while (frame := self._take_frame()) is not None:
            self._receive(frame)

    def _take_frame(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        start, size = 2, buffer[1] & 0x7F
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + size:
            return None
        frame = bytes(buffer[start : start + size])
        del buffer[: start + size]
        return frame

    def _receive(self, frame: bytes) -> None:
        kind = frame[:1]
        if kind == b"2":  # engine.io's ping
            self._send(b"3")
        elif kind == b"0":  # engine.io is open: connect, with the first event inside
            self._send(b"40" + _NAMESPACE + self._first_event())
        elif frame.startswith(b"44"):
            self.joined.set_exception(ConnectionError(frame.decode(errors="replace")))
        elif not self.joined.done():  # its first picture may hold an old mark
            self._pages += frame.count(MOUNTED)
            if self._pages >= self._crowd.given.states:
                self.joined.set_result(None)
        elif (at := frame.find(MARK)) >= 0:
            self._crowd.note(frame[at : at + MARK_LENGTH].decode(), len(frame))

    def _first_event(self) -> bytes:
        given = self._crowd.given
        place = {"pathname": given.path, "asPath": given.path, "query": json.loads(given.query)}
        event = {"name": HYDRATE, "payload": {}, "router_data": place}
        return json.dumps({"event": event}).encode()

    def _send(self, payload: bytes) -> None:
        # A mask of zeros is a mask: the payload stays as it is.
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self._write(b"\x81" + length + bytes(4) + payload)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


async def main(given: argparse.Namespace) -> None:
    """Do what the lines on standard input say until they end."""
    crowd = Crowd(given)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(0, "rb")
    )
    while command := await lines.readline():
        ((verb, value),) = json.loads(command).items()
        work: Awaitable[dict[str, Any]] = crowd.open(value) if verb == "open" else crowd.hear(value)
        try:
            async with asyncio.timeout(WAIT_S):
                answer = await work
        except (OSError, TimeoutError) as error:
            answer = {"error": repr(error), "lost": crowd.lost}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cookie", required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--query", required=True, help="the page's parameters, as JSON")
    parser.add_argument("--states", type=int, required=True, help="how many States the page opens")
    uvloop.run(main(parser.parse_args(sys.argv[1:])))
