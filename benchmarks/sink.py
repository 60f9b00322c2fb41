"""`python -m benchmarks.sink`: an endpoint that checks nothing and counts, for little CPU.

The sandbox endpoint parses forms and checks images, which costs as much as the job itself; this
one records when each chatbot's upload began, skips the rest, and answers after the latency. Its
memory grows by about a hundred bytes per upload. `/_sink/` returns what it recorded.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable

BUFFER = bytearray(1 << 20)  # shared by all connections: each read is processed before the next
HEAD = 4_096  # enough for the headers and the first field, which names the chatbot
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHATBOT = re.compile(rb'name="chatbotId"\r\n(?:[^\r\n]+\r\n)*\r\n[^\r\n]*?(\d+)\r\n')


@dataclass
class Record:
    """What arrived: the number that ends each chatbot's name, and when its headers were here.

    `answered` is a set: some queues send a job twice.
    """

    numbers: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    answered: set[int] = field(default_factory=set)


class Request(NamedTuple):
    """One request, of which only the head was kept.

    Attributes:
        head: its headers and the begin of its body.
        began: when its headers were here, in monotonic seconds.
        transport: its connection.
    """

    head: bytes
    began: float
    transport: asyncio.Transport

    @property
    def path(self) -> str:
        """What it asks for."""
        return self.head.split(b" ", 2)[1].decode()

    def send(self, answer: object, status: int = 200, headers: bytes = b"") -> None:
        """Send a response with a JSON body, unless the client has gone."""
        body = json.dumps(answer).encode()
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
                % (status, len(body), headers, body)
            )


class Connection(asyncio.BufferedProtocol):
    """One connection; one request after another.

    Args:
        handle: is given each request once it has arrived.
    """

    def __init__(self, handle: Callable[[Request], None]) -> None:
        self._handle = handle
        self._head = bytearray()
        self._received = self._total = 0
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client has connected."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, _: int) -> bytearray:
        """The buffer to read into."""
        return BUFFER

    def buffer_updated(self, size: int) -> None:
        """More of a request has arrived."""
        self._received += size
        if len(self._head) < HEAD:
            self._head += BUFFER[: min(size, HEAD)]
        if not self._total:
            if (end := self._head.find(b"\r\n\r\n")) < 0:
                return
            self._began = time.monotonic()
            length = LENGTH.search(self._head, 0, end)
            self._total = end + 4 + (int(length[1]) if length else 0)
        if self._received >= self._total:
            request = Request(bytes(self._head), self._began, self._transport)
            self._head.clear()
            self._received = self._total = 0
            self._handle(request)


class Sink:
    """Answers every upload after the latency, and records it.

    Args:
        latency: seconds between a request's end and its answer.
    """

    def __init__(self, latency: float) -> None:
        self._record = Record()
        self._latency = latency

    def handle(self, request: Request) -> None:
        """Answer a request."""
        if request.head.startswith(b"GET"):
            request.send(self._recorded(request.path))
            return
        chatbot = CHATBOT.search(request.head)
        number = int(chatbot[1]) if chatbot else -1
        self._record.numbers.append(number)
        self._record.times.append(request.began)
        asyncio.get_running_loop().call_later(self._latency, self._answer, request, number)

    def _answer(self, request: Request, number: int) -> None:
        self._record.answered.add(number)
        request.send({"message": "Chatbot Profile Picture uploaded successfully."})

    def _recorded(self, path: str) -> object:
        if path == "/_sink/count":
            return len(self._record.answered)
        return [list(self._record.numbers), list(self._record.times)]


async def serve(handle: Callable[[Request], None]) -> None:
    """Serve on any free port until SIGTERM, and print the URL."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    server = await loop.create_server(lambda: Connection(handle), "127.0.0.1", 0, backlog=1_024)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await stopping.wait()


if __name__ == "__main__":
    asyncio.run(serve(Sink(float(sys.argv[1])).handle))
