"""A server that does what a test says, byte by byte, and how the tests deliver to it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from worker.endpoint import EndpointClient, Receipt, RequestLimits
from worker.errors import DeliveryFailed
from worker.images.formats import ImageFormat
from worker.images.validate import ValidImage

if TYPE_CHECKING:
    import ssl

KEY = "sk-canary/0123456789+abcdef=="
LIMITS = RequestLimits(connect=2, read=5, total=10)
IMPATIENT = RequestLimits(connect=2, read=10, total=0.6)
BODY = b'{"message":"done"}'
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)

SMALL = ValidImage(b"\x89PNG" + bytes(100), ImageFormat.PNG, 1)
LARGE = ValidImage(b"\x89PNG" + bytes(8_000_000), ImageFormat.PNG, 1)  # more than sockets buffer

Talk = Callable[["Server", socket.socket], object]
Serve = Callable[..., "Server"]
Connect = Callable[..., EndpointClient]


class Server:
    """A server that does with each connection what a test says.

    Attributes:
        url: its base URL.
        connections: how many it took.
        heads: the requests' first lines and headers, read by `read`.
    """

    def __init__(self, talk: Talk, tls: ssl.SSLContext | None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections = 0
        self.heads: list[str] = []
        self.closing = threading.Event()
        self._talk = talk
        self._tls = tls
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(10)
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if self._tls:
                with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                    self._talk(self, encrypted)
            else:
                self._talk(self, connection)

    def read(self, connection: socket.socket) -> bytes:
        """Read one request and return its body; `ConnectionError` if none comes."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive(connection)
        head, _, body = data.partition(b"\r\n\r\n")
        self.heads.append(head.decode("latin-1"))
        announced = re.search(rb"(?i)content-length: ([0-9]+)", head)
        while announced and len(body) < int(announced[1]):
            body += self._receive(connection)
        return body

    @staticmethod
    def _receive(connection: socket.socket) -> bytes:
        if not (data := connection.recv(65_536)):
            raise ConnectionError
        return data

    def close(self) -> None:
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


def answering(*answers: bytes) -> Talk:
    """Give these answers, one a request, and hang up after the last."""

    def talk(server: Server, connection: socket.socket) -> None:
        for answer in answers:
            server.read(connection)
            connection.sendall(answer)

    return talk


def always(answer: bytes) -> Talk:
    def talk(server: Server, connection: socket.socket) -> None:
        while True:
            server.read(connection)
            connection.sendall(answer)

    return talk


def deliver(
    client: EndpointClient,
    image: ValidImage = SMALL,
    *,
    may_send: Callable[[], bool] = lambda: True,
    before_sending: Callable[[], None] = lambda: None,
    seconds: float | None = None,
) -> Receipt:
    return client.deliver(
        image,
        chatbot_id="bot-1",
        api_key=KEY,
        may_send=may_send,
        before_sending=before_sending,
        seconds=seconds,
    )


def failure(
    client: EndpointClient, image: ValidImage = SMALL, *, seconds: float | None = None
) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        deliver(client, image, seconds=seconds)
    return caught.value


def reaching(client: EndpointClient) -> DeliveryFailed:
    """Why there is no way to the endpoint."""
    with pytest.raises(DeliveryFailed) as caught:
        client.reach()
    return caught.value
