"""The endpoint's log: requests in order of arrival, counts, and each chatbot's last image.

Bounded: the log by its length, the images by their bytes; counts go on. A reset makes a
new `RequestLog`; requests in flight end in the old one.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from facelift.text import printable

log = logging.getLogger(__name__)

_IMAGE_MEMORY = 256_000_000


@dataclass(slots=True)
class Arrival:
    """One request, filled in while it is in flight; docs/endpoint.md lists the fields.

    Times that end in `_at` are seconds of the machine's monotonic clock; `unix` converts
    them to wall-clock time.

    Attributes:
        overlapped: whether another upload of the chatbot was in flight at the same time. An
            upload is until its response is sent or the close of its connection is seen,
            which is after all bytes that a client sent before it gave up.
    """

    number: int
    method: str
    path: str
    key: str | None
    arrived: float = field(default_factory=time.time)
    headers_at: float = field(default_factory=time.monotonic)
    chatbot_id: str | None = None
    fault: str | None = None
    status: int | None = None
    reason: str | None = None
    sha256: str | None = None
    size: int | None = None
    stored: bool = False
    overlapped: bool = False
    body_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None

    def unix(self, at: float) -> float:
        """One of this arrival's monotonic times in Unix seconds."""
        return self.arrived + at - self.headers_at

    def __str__(self) -> str:
        words = [
            time.strftime("%H:%M:%S", time.localtime(self.arrived)),
            f"#{self.number}",
            repr(self.chatbot_id or f"{self.method} {self.path}"),
            str(self.status or "no response"),
            f"{((self.ended_at or self.headers_at) - self.headers_at) * 1000:.0f} ms",
        ]
        if self.size is not None:
            words.append(f"{self.size:,} bytes")
        if self.fault:
            words.append(f"fault: {self.fault}")
        if self.reason:
            words.append(self.reason)
        return printable("  ".join(words))


ARRIVALS = TypeAdapter(list[Arrival])
"""Converts arrivals to JSON and back."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A chatbot's image. `data` is None once it was dropped to save memory."""

    content_type: str
    sha256: str
    data: bytes | None


@dataclass(slots=True)
class _Chatbot:
    in_flight: list[tuple[Arrival, Callable[[], bool]]] = field(default_factory=list)
    last_answered: Arrival | None = None


class RequestLog:
    """Everything the endpoint has received since a reset.

    Args:
        size: how many arrivals are kept.
        image_memory: bytes of images kept; beyond, the oldest are dropped.

    Attributes:
        images: the last image of each chatbot that has one.
    """

    def __init__(self, size: int, image_memory: int = _IMAGE_MEMORY) -> None:
        self.images: dict[str, StoredImage] = {}
        self._log: deque[Arrival] = deque(maxlen=size)
        self._chatbots: dict[str, _Chatbot] = {}
        self._image_sizes: dict[str, int] = {}  # by chatbot, the oldest image first
        self._image_bytes = 0
        self._image_memory = image_memory
        self._statuses: Counter[str] = Counter()
        self._counts = dict.fromkeys(
            ("requests", "stored", "overlapped", "in_flight", "max_in_flight"), 0
        )

    def begin(self, method: str, path: str, key: str | None) -> Arrival:
        """Record a request whose headers have arrived."""
        counts = self._counts
        counts["requests"] += 1
        counts["in_flight"] += 1
        counts["max_in_flight"] = max(counts["max_in_flight"], counts["in_flight"])
        self._log.append(Arrival(counts["requests"], method, path, key))
        return self._log[-1]

    def identify(self, arrival: Arrival, chatbot_id: str, is_closed: Callable[[], bool]) -> None:
        """Record a request's chatbot.

        `is_closed` says whether the request's connection is closed: its handler learns
        this a moment later, when the client may already have come back.
        """
        arrival.chatbot_id = chatbot_id
        chatbot = self._chatbots.setdefault(chatbot_id, _Chatbot())
        others = [other for other, is_gone in chatbot.in_flight if not is_gone()]
        last = chatbot.last_answered
        if last and last.answered_at and last.answered_at > arrival.headers_at:
            others.append(last)
        for each in [*others, arrival] if others else []:
            self._counts["overlapped"] += not each.overlapped
            each.overlapped = True
        chatbot.in_flight.append((arrival, is_closed))

    def end(self, arrival: Arrival) -> None:
        """Record that a request is no longer in flight, and log it."""
        arrival.ended_at = arrival.answered_at or time.monotonic()
        self._counts["in_flight"] -= 1
        self._statuses[str(arrival.status or "none")] += 1
        if arrival.chatbot_id is not None:
            chatbot = self._chatbots[arrival.chatbot_id]
            chatbot.in_flight = [each for each in chatbot.in_flight if each[0] is not arrival]
            if arrival.answered_at:
                chatbot.last_answered = arrival
        log.info("%s", arrival)

    def store(self, arrival: Arrival, image: StoredImage) -> None:
        """Make `image` the image of the request's chatbot."""
        if arrival.chatbot_id is None or image.data is None:
            raise ValueError("an image without a chatbot, or without bytes")
        arrival.stored = True
        self._counts["stored"] += 1
        self.images[arrival.chatbot_id] = image
        self._image_bytes += len(image.data) - self._image_sizes.pop(arrival.chatbot_id, 0)
        self._image_sizes[arrival.chatbot_id] = len(image.data)
        while self._image_bytes > self._image_memory:
            oldest = next(iter(self._image_sizes))
            self._image_bytes -= self._image_sizes.pop(oldest)
            self.images[oldest] = replace(self.images[oldest], data=None)

    def arrivals(self, since: int, limit: int) -> list[Arrival]:
        """At most `limit` arrivals after number `since`, oldest first."""
        return [each for each in self._log if each.number > since][:limit]

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last reset."""
        return self._counts | {
            "statuses": self._statuses,
            "chatbots": len(self._chatbots),
            "first_in_log": self._log[0].number if self._log else None,
        }
