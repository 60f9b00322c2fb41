"""A receiver of webhooks on loopback that answers as a test says."""

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
class Told:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def chatbot(self) -> str:
        found: str = json.loads(self.body)["data"]["chatbot_id"]
        return found


class Hook:
    """Believes what is signed with its secret; answers 204 unless it was told otherwise.

    Attributes:
        may_answer: until it is set, all answers wait.
        reason: what stands behind the status; its own words if None.
    """

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self._statuses: dict[str, list[int]] = defaultdict(list)
        self._headers: dict[str, str] = {}
        self.reason: str | None = None
        self._requests: list[Told] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._server = _serve(self, 0)
        self.port: int = self._server.server_address[1]

    def answer(self, chatbot: str, *statuses: int, **headers: str) -> None:
        """What a chatbot's first webhooks are answered, and the headers of all answers."""
        self._statuses[chatbot] += statuses
        self._headers |= headers

    def told(self, chatbot: str) -> list[Told]:
        """What came for a chatbot, believed or not."""
        return [each for each in self._requests if each.chatbot == chatbot]

    @property
    def paths(self) -> set[str]:
        """What was ever asked for."""
        return {each.path for each in self._requests}

    def verify(self, told: Told) -> Any:
        """The body if it is signed, and not long ago."""
        return self._webhook.verify(told.body, dict(told.headers))

    def go_down(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def come_back(self) -> None:
        """On the same port."""
        self._server = _serve(self, self.port)

    def hear(self, told: Told) -> tuple[int, dict[str, str]]:
        self._requests.append(told)
        assert self.may_answer.wait(_PATIENCE)
        statuses = self._statuses[told.chatbot]
        return (statuses.pop(0) if statuses else 204), self._headers


def _serve(hook: Hook, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = hook.hear(Told(self.path, dict(self.headers), body))
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
            """Who asked has hung up."""

    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
