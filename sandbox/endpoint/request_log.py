"""The endpoint's log: requests in order of arrival, counts, and what each chatbot shows.

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
from sandbox.endpoint.operations import OPERATIONS, Action, Asset, Operation

log = logging.getLogger(__name__)

_IMAGE_MEMORY = 256_000_000


@dataclass(slots=True)
class Arrival:
    """One request, filled in while it is in flight; docs/endpoint.md lists the fields.

    Times that end in `_at` are seconds of the machine's monotonic clock; `unix` converts
    them to wall-clock time.

    Attributes:
        overlapped: whether another request for the chatbot's asset was in flight at the same
            time. A request is until its response is sent or the close of its connection is
            seen, which is after all bytes that a client sent before it gave up.
        out_of_order: whether it was applied although a request for the same asset that had
            arrived later was applied before.
    """

    number: int
    method: str
    path: str
    key: str | None
    asset: Asset | None = None
    action: Action | None = None
    arrived: float = field(default_factory=time.time)
    headers_at: float = field(default_factory=time.monotonic)
    chatbot_id: str | None = None
    fault: str | None = None
    status: int | None = None
    reason: str | None = None
    sha256: str | None = None
    size: int | None = None
    applied: bool = False
    overlapped: bool = False
    out_of_order: bool = False
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
            *self._operation_words(),
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

    def _operation_words(self) -> list[str]:
        """What it does, unless that is the first of the operations."""
        usual = OPERATIONS[0]
        if not self.chatbot_id or (self.asset, self.action) == (usual.asset, usual.action):
            return []
        return [f"{self.action} {self.asset}"]


ARRIVALS = TypeAdapter(list[Arrival])
"""Converts arrivals to JSON and back."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as it came. `data` is None once it was dropped to save memory."""

    content_type: str
    sha256: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class AssetState:
    """What a chatbot shows as one of its assets, since some request changed it.

    Attributes:
        sha256: of the image; None if it was removed.
        size: of the image in bytes; None if it was removed.
        number: of the arrival that was applied last.
    """

    chatbot_id: str
    asset: Asset
    sha256: str | None
    size: int | None
    number: int


ASSET_STATES = TypeAdapter(list[AssetState])
"""Converts what chatbots show to JSON and back."""

AssetKey = tuple[str, Asset | None]
"""A chatbot and one of its assets."""


@dataclass(slots=True)
class _Traffic:
    """The requests for one asset of one chatbot."""

    in_flight: list[tuple[Arrival, Callable[[], bool]]] = field(default_factory=list)
    last_answered: Arrival | None = None
    last_applied: Arrival | None = None


class RequestLog:
    """Everything the endpoint has received since a reset.

    Args:
        size: how many arrivals are kept.
        image_memory: bytes of images kept; beyond, the oldest are dropped.

    Attributes:
        images: the image of each asset that has one.
    """

    def __init__(self, size: int, image_memory: int = _IMAGE_MEMORY) -> None:
        self.images: dict[AssetKey, StoredImage] = {}
        self._log: deque[Arrival] = deque(maxlen=size)
        self._traffic: dict[AssetKey, _Traffic] = {}
        self._image_sizes: dict[AssetKey, int] = {}  # the oldest image first
        self._image_bytes = 0
        self._image_memory = image_memory
        self._statuses: Counter[str] = Counter()
        self._counts = dict.fromkeys(
            ("requests", "applied", "overlapped", "out_of_order", "in_flight", "max_in_flight"), 0
        )

    def begin(
        self, method: str, path: str, key: str | None, operation: Operation | None
    ) -> Arrival:
        """Record a request whose headers have arrived."""
        counts = self._counts
        counts["requests"] += 1
        counts["in_flight"] += 1
        counts["max_in_flight"] = max(counts["max_in_flight"], counts["in_flight"])
        arrival = Arrival(counts["requests"], method, path, key)
        if operation:
            arrival.asset, arrival.action = operation.asset, operation.action
        self._log.append(arrival)
        return arrival

    def identify(self, arrival: Arrival, chatbot_id: str, is_closed: Callable[[], bool]) -> None:
        """Record a request's chatbot.

        `is_closed` says whether the request's connection is closed: its handler learns
        this a moment later, when the client may already have come back.
        """
        arrival.chatbot_id = chatbot_id
        traffic = self._traffic.setdefault((chatbot_id, arrival.asset), _Traffic())
        others = [other for other, is_gone in traffic.in_flight if not is_gone()]
        last = traffic.last_answered
        if last and last.answered_at and last.answered_at > arrival.headers_at:
            others.append(last)
        for each in [*others, arrival] if others else []:
            self._counts["overlapped"] += not each.overlapped
            each.overlapped = True
        traffic.in_flight.append((arrival, is_closed))

    def end(self, arrival: Arrival) -> None:
        """Record that a request is no longer in flight, and log it."""
        arrival.ended_at = arrival.answered_at or time.monotonic()
        self._counts["in_flight"] -= 1
        self._statuses[str(arrival.status or "none")] += 1
        if arrival.chatbot_id is not None:
            traffic = self._traffic[arrival.chatbot_id, arrival.asset]
            traffic.in_flight = [each for each in traffic.in_flight if each[0] is not arrival]
            if arrival.answered_at:
                traffic.last_answered = arrival
        log.info("%s", arrival)

    def apply(self, arrival: Arrival, image: StoredImage | None) -> None:
        """Make `image` what the request's chatbot shows; None: let it show nothing."""
        if arrival.chatbot_id is None:
            raise ValueError("a request without a chatbot")
        place = arrival.chatbot_id, arrival.asset
        traffic = self._traffic[place]
        last, traffic.last_applied = traffic.last_applied, arrival
        arrival.applied = True
        arrival.out_of_order = last is not None and last.number > arrival.number
        self._counts["applied"] += 1
        self._counts["out_of_order"] += arrival.out_of_order
        self.images.pop(place, None)
        self._image_bytes -= self._image_sizes.pop(place, 0)
        if image is None:
            return
        self.images[place] = image
        self._image_sizes[place] = len(image.data or b"")
        self._image_bytes += self._image_sizes[place]
        while self._image_bytes > self._image_memory:
            oldest = next(iter(self._image_sizes))
            self._image_bytes -= self._image_sizes.pop(oldest)
            self.images[oldest] = replace(self.images[oldest], data=None)

    def arrivals(self, since: int, limit: int) -> list[Arrival]:
        """At most `limit` arrivals after number `since`, oldest first."""
        return [each for each in self._log if each.number > since][:limit]

    def assets(self, chatbot_id: str | None) -> list[AssetState]:
        """Every asset that a request has changed, of one chatbot or (None) of all."""
        changed = (each.last_applied for each in self._traffic.values())
        return [
            AssetState(each.chatbot_id, each.asset, each.sha256, each.size, each.number)
            for each in changed
            if each and each.chatbot_id and each.asset and chatbot_id in {None, each.chatbot_id}
        ]

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last reset."""
        return self._counts | {
            "statuses": self._statuses,
            "chatbots": len({chatbot_id for chatbot_id, _ in self._traffic}),
            "first_in_log": self._log[0].number if self._log else None,
        }
