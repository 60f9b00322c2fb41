"""A server for webhooks on loopback that answers as a test says."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE = 60


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def chatbot(self) -> str:
        found: str = json.loads(self.body)["data"]["chatbot_id"]
        return found


class Hook:
    """Verifies what is signed with its secret; answers 204 unless `answer` says otherwise.

    Attributes:
        may_answer: until it is set, all answers wait.
        reason: the reason phrase; the usual one if None.
    """

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self._statuses: dict[str, list[int]] = defaultdict(list)
        self._headers: dict[str, str] = {}
        self.reason: str | None = None
        self._requests: list[Received] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._server = _serve(self, 0)
        self.port: int = self._server.server_address[1]

    def answer(self, chatbot: str, *statuses: int, **headers: str) -> None:
        """What a chatbot's first webhooks are answered, and the headers of all answers."""
        self._statuses[chatbot] += statuses
        self._headers |= headers

    def received(self, chatbot: str) -> list[Received]:
        """What came for a chatbot, verified or not."""
        return [each for each in self._requests if each.chatbot == chatbot]

    @property
    def paths(self) -> set[str]:
        """What was ever asked for."""
        return {each.path for each in self._requests}

    def verify(self, request: Received) -> Any:
        """The body if it is signed, and not long ago."""
        return self._webhook.verify(request.body, dict(request.headers))

    def go_down(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def come_back(self) -> None:
        """On the same port."""
        self._server = _serve(self, self.port)

    def receive(self, request: Received) -> tuple[int, dict[str, str]]:
        self._requests.append(request)
        assert self.may_answer.wait(_PATIENCE)
        statuses = self._statuses[request.chatbot]
        return (statuses.pop(0) if statuses else 204), self._headers


def _serve(hook: Hook, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = hook.receive(Received(self.path, dict(self.headers), body))
            self.send_response(status, hook.reason)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """The client has hung up."""

    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
