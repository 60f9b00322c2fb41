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
from typing import cast

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


class Upload(asyncio.BufferedProtocol):
    """One connection; one request after another.

    Args:
        record: where to record it.
        latency: seconds between a request's end and its answer.
    """

    def __init__(self, record: Record, latency: float) -> None:
        self._record = record
        self._latency = latency
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
            head = bytes(self._head)
            self._head.clear()
            self._received = self._total = 0
            self._complete(head)

    def _complete(self, head: bytes) -> None:
        if head.startswith(b"GET"):
            self._send(self._recorded(head.split(b" ", 2)[1]))
            return
        chatbot = CHATBOT.search(head)
        number = int(chatbot[1]) if chatbot else -1
        self._record.numbers.append(number)
        self._record.times.append(self._began)
        asyncio.get_running_loop().call_later(self._latency, self._answer, number)

    def _answer(self, number: int) -> None:
        self._record.answered.add(number)
        self._send({"message": "Chatbot Profile Picture uploaded successfully."})

    def _recorded(self, path: bytes) -> object:
        if path == b"/_sink/count":
            return len(self._record.answered)
        return [list(self._record.numbers), list(self._record.times)]

    def _send(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )


async def serve(latency: float) -> None:
    """Serve on any free port until SIGTERM, and print the URL."""
    loop, record, stopping = asyncio.get_running_loop(), Record(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    server = await loop.create_server(
        lambda: Upload(record, latency), "127.0.0.1", 0, backlog=1_024
    )
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await stopping.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
