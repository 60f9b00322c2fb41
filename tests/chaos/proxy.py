"""Proxies between the workers and Redis and the endpoint, which can disturb the network.

A proxy forwards bytes, late or not at all, and records each upload that passes
through it. All of them run in one thread. `faults.py` decides what happens when.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from typing import Any

_HOST = "127.0.0.1"
_READ = 2**20
_CHATBOT = re.compile(rb'(?:name="chatbotId"\r\n\r\n|^DELETE \S+\?chatbotId=)([^\r ]+)[\r ]')
_ICON = re.compile(rb"^\w+ \S+-chatbot-icon[ ?]")
# Bytes that the kernel buffers while the proxy reads nothing; and the size of a
# packet, which bounds what the sender's kernel buffers meanwhile.
_BUFFER, _SEGMENT = 16_384, 1_400
_HEAD = 8192  # where in a request the chatbot is named


@dataclass(slots=True)
class Exchange:
    """An upload as its sender sees it; times are monotonic seconds.

    Attributes:
        sender: the worker that sends it.
        chatbot_id: the image's chatbot, of an icon `<chatbot>/icon`.
        began: when its first bytes passed.
        ended: when the sender had an answer, or its connection was closed.
    """

    sender: str
    chatbot_id: str
    began: float
    ended: float | None = None


@dataclass(eq=False, slots=True)
class _Link:
    """One connection, from end to end."""

    client: asyncio.StreamWriter
    lost: bool
    target: asyncio.StreamWriter | None = None
    head: bytes = b""
    exchange: Exchange | None = None

    def abort(self) -> None:
        for writer in (self.client, self.target):
            if writer is not None:
                writer.transport.abort()


@dataclass(eq=False, slots=True)
class Proxy:
    """A port that forwards to another; made by `Network.proxy`.

    Attributes:
        sender: the worker that connects to it.
        port: to connect to.
        delay: seconds by which all bytes are late, each way.
        exchanges: the uploads that went through, oldest first.
    """

    sender: str
    target_port: int
    _loop: asyncio.AbstractEventLoop
    port: int = 0
    delay: float = 0.0
    exchanges: list[Exchange] = field(default_factory=list)
    _server: asyncio.Server = field(init=False)
    _swallows: bool = False
    _stalls: bool = False
    _links: set[_Link] = field(default_factory=set)

    def cut(self) -> None:
        """Cut every connection."""
        self._loop.call_soon_threadsafe(self._cut)

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Swallow every byte and every close, of old connections and of new ones.

        All these connections stay half-open, as after a firewall's restart; those made
        after the block work.
        """
        self._swallows = True
        self._loop.call_soon_threadsafe(self._lose)
        try:
            yield
        finally:
            self._swallows = False

    @contextmanager
    def stall(self) -> Iterator[None]:
        """Read nothing from clients, so that their uploads get stuck midway."""
        self._stalls = True
        self._loop.call_soon_threadsafe(self._pause)
        try:
            yield
        finally:
            self._stalls = False
            self._loop.call_soon_threadsafe(self._resume)

    @property
    def in_flight(self) -> int:
        """How many uploads are in flight."""
        return sum(each.ended is None for each in list(self.exchanges))

    def _cut(self) -> None:
        for link in self._links:
            link.abort()

    def _pause(self) -> None:
        for link in self._links:
            link.client.transport.pause_reading()  # type: ignore[attr-defined] # streams have read transports too

    def _resume(self) -> None:
        for link in self._links:
            link.client.transport.resume_reading()  # type: ignore[attr-defined] # the same

    def _lose(self) -> None:
        for link in self._links:
            link.lost = True

    async def listen(self) -> None:
        """Start; called in the network's thread, as is `close`."""
        door = socket.create_server((_HOST, 0))
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
        self.port = door.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, sock=door, limit=_READ)

    def close(self) -> None:
        """Stop, and cut what is open."""
        self._server.close()
        self._cut()

    async def _serve(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        link = _Link(client, self._swallows)
        self._links.add(link)
        if self._stalls:
            self._pause()
        try:
            from_target, link.target = await asyncio.open_connection(
                _HOST, self.target_port, limit=_READ
            )
            await asyncio.gather(
                self._send(link, from_client, link.target),
                self._answer(link, from_target, client),
            )
        except OSError:
            pass  # the target is down: the client finds its connection closed
        finally:
            self._over(link)
            link.abort()
            self._links.discard(link)

    async def _send(
        self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await source.read(_READ):
                self._look_for_upload(link, data)
                await self._pass_on(link, data, sink)
        self._over(link)
        if not link.lost:
            sink.close()

    async def _answer(
        self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await source.read(_READ):
                await self._pass_on(link, data, sink)
                if not link.lost:
                    self._over(link)
        if not link.lost:
            sink.close()

    async def _pass_on(self, link: _Link, data: bytes, sink: asyncio.StreamWriter) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        if not link.lost:
            sink.write(data)
            await sink.drain()

    def _look_for_upload(self, link: _Link, data: bytes) -> None:
        if link.exchange is None and len(link.head) < _HEAD:
            link.head += data[:_HEAD]
            if named := _CHATBOT.search(link.head):
                icon = "/icon" if _ICON.search(link.head) else ""  # it has an order of its own
                link.exchange = Exchange(self.sender, named[1].decode() + icon, time.monotonic())
                self.exchanges.append(link.exchange)

    def _over(self, link: _Link) -> None:
        if link.exchange is not None:
            link.exchange.ended = time.monotonic()
        link.exchange, link.head = None, b""


class Network:
    """The proxies' event loop and thread; both end with the `with` block."""

    def __enter__(self) -> Self:
        self._proxies: list[Proxy] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._run(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def proxy(self, sender: str, target_port: int) -> Proxy:
        """Start a proxy for `sender` to a port of this machine."""
        made = Proxy(sender, target_port, self._loop)
        self._run(made.listen())
        self._proxies.append(made)
        return made

    def _run(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _close(self) -> None:
        for proxy in self._proxies:
            proxy.close()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=5)
