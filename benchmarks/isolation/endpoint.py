"""`python -m benchmarks.isolation.endpoint RULES`: an endpoint whose answers follow rules.

It checks nothing but the rate limit that it allows each API key, exactly and by its own clock.
`/_begin` starts the clock of the rules, `/_requests` returns what it recorded, `/_delivered` how
many chatbots of each load have their image.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict, deque
from dataclasses import asdict
from http.client import HTTPConnection
from random import Random
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self, cast
from urllib.parse import urlsplit

from benchmarks.isolation.rules import LATENCY, Rule
from benchmarks.sink import Request, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHATBOT = re.compile(rb'name="chatbotId"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)\r\n')
_KEY = re.compile(rb"\r\nauthorization: *Bearer ([^\r\n]+)", re.IGNORECASE)
_OK, _TOO_MANY, _SILENT, _RESET = 200, 429, 0, -1
REQUESTS, WINDOW = 100, 10.0


class Upload(NamedTuple):
    """One request as the endpoint saw it.

    Attributes:
        chatbot: whose.
        began: when its headers were here, in monotonic seconds.
        status: of its answer; 0 and -1 as in rules.
        answered: when, in monotonic seconds; of a silent one, when it was here in full.
    """

    chatbot: str
    began: float
    status: int
    answered: float


class Answers:
    """Answers uploads by rules.

    Args:
        rules: the first that applies decides.
        limited: whether there is a rate limit.
    """

    def __init__(self, rules: Sequence[Rule], *, limited: bool) -> None:
        self._rules = rules
        self._limited = limited
        self._random = Random(1)
        self._began = time.monotonic()
        self._uploads: list[Upload] = []
        self._seen: Counter[str] = Counter()
        self._done: defaultdict[str, set[str]] = defaultdict(set)
        self._windows: defaultdict[bytes, deque[float]] = defaultdict(deque)

    def handle(self, request: Request) -> None:
        """Answer a request, or do not."""
        if request.head.startswith(b"GET"):
            if request.path == "/_begin":
                self._began = time.monotonic()
            known = {"/_requests": self._uploads, "/_delivered": self._delivered()}
            request.send(known.get(request.path, self._began))
            return
        found, key = _CHATBOT.search(request.head), _KEY.search(request.head)
        chatbot = found[1].decode() if found else ""
        if self._limited and not self._admits(key[1] if key else b"", request.began):
            self._answer(request, chatbot, _TOO_MANY)
            return
        rule = self._rule(chatbot, request.began - self._began)
        self._seen[chatbot] += 1
        status, takes = (rule.status, rule.takes) if rule else (_OK, LATENCY)
        if status == _SILENT:
            self._record(request, chatbot, status)
        elif status == _RESET:
            self._record(request, chatbot, status)
            request.transport.abort()
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(takes, self._answer, request, chatbot, status)

    def _rule(self, chatbot: str, at: float) -> Rule | None:
        upload = self._seen[chatbot]
        return next(
            (
                rule
                for rule in self._rules
                if rule.applies(chatbot, at, upload) and self._random.random() < rule.share
            ),
            None,
        )

    def _admits(self, key: bytes, now: float) -> bool:
        window = self._windows[key]
        while window and window[0] <= now - WINDOW:
            window.popleft()
        window.append(now)
        return len(window) <= REQUESTS

    def _answer(self, request: Request, chatbot: str, status: int) -> None:
        if request.transport.is_closing():
            status = _SILENT  # too late
        self._record(request, chatbot, status)
        retry_after = b"Retry-After: %d\r\n" % WINDOW if status == _TOO_MANY else b""
        request.send({"message": "-"}, status, retry_after)

    def _delivered(self) -> dict[str, int]:
        return {load: len(chatbots) for load, chatbots in self._done.items()}

    def _record(self, request: Request, chatbot: str, status: int) -> None:
        self._uploads.append(Upload(chatbot, request.began, status, time.monotonic()))
        if status == _OK:
            self._done[chatbot.rpartition("-")[0]].add(chatbot)


class Endpoint:
    """The endpoint in its own process, started on entering the context and stopped on leaving it.

    Args:
        rules: of its answers.
        limited: whether it has a rate limit.
    """

    def __init__(self, rules: Sequence[Rule], *, limited: bool) -> None:
        settings = json.dumps({"rules": [asdict(rule) for rule in rules], "limited": limited})
        self._command = [sys.executable, "-m", "benchmarks.isolation.endpoint", settings]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self._output = cast("IO[str]", self._process.stdout)
        self.url = self._output.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._output.close()

    def begin(self) -> float:
        """Start the clock of the rules; returns the present in monotonic seconds."""
        return float(self._ask("begin"))

    def uploads(self) -> list[Upload]:
        """All requests, in the order of their answers."""
        return [Upload(*each) for each in self._ask("requests")]

    def delivered(self, load: str | None) -> int:
        """How many chatbots of a load have their image."""
        return int(self._ask("delivered").get(load, 0))

    def _ask(self, what: str) -> Any:  # noqa: ANN401 - as asked
        connection = HTTPConnection(urlsplit(self.url).netloc)
        connection.request("GET", f"/_{what}")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer


def main(settings: str) -> None:
    """Serve until SIGTERM."""
    given = json.loads(settings)
    rules = [Rule(**each) for each in given["rules"]]
    asyncio.run(serve(Answers(rules, limited=given["limited"]).handle))


if __name__ == "__main__":
    main(sys.argv[1])
