"""What the stand-in remembers: arrivals in order, counts, the last picture of each chatbot.

Bounded: the log by its length, the pictures by their bytes; counts go on for
ever. A reset makes a new `Memory`; requests under way finish in the old one.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PICTURE_MEMORY = 256_000_000


@dataclass(slots=True, kw_only=True)
class Arrival:
    """One request that arrived, filled in while it is under way.

    Times that end in `_at` are seconds of the machine's monotonic clock; `unix`
    turns them into wall-clock time.

    Attributes:
        number: position in the order of arrival, from 1.
        method: of the request.
        path: of the request.
        key: the first characters of the SHA-256 of the API key; None if there was no key.
        chatbot_id: as sent; None until, or unless, it was read.
        behaviour: the name of the rule that was applied; None for normal behaviour.
        status: as sent, be it in part; None if no answer was begun.
        reason: why the request was refused, for a person.
        sha256: of the picture, in hex.
        size: of the picture, in bytes.
        stored: whether the picture is now the chatbot's.
        overlapped: whether another upload of the chatbot was in flight at the same time. It
            is until its answer is sent or the close of its connection is seen, and that
            comes behind all bytes that a client sent before it gave up.
        arrived: Unix seconds when its headers had arrived.
        headers_at: when its headers had arrived.
        body_at: when its body was complete.
        answered_at: when its answer had been sent in full.
        ended_at: when it was no longer in flight: answered, or the connection closed.
    """

    number: int
    method: str
    path: str
    key: str | None
    arrived: float
    headers_at: float
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
        """One of this arrival's monotonic times as Unix seconds."""
        return self.arrived + at - self.headers_at

    def as_dict(self) -> dict[str, Any]:
        """The same fields, ready for JSON."""
        return {name: getattr(self, name) for name in _ARRIVAL_FIELDS}


_ARRIVAL_FIELDS = tuple(each.name for each in fields(Arrival))


@dataclass(frozen=True, slots=True)
class Picture:
    """A chatbot's picture. `data` is None once it was dropped to save memory."""

    content_type: str
    sha256: str
    data: bytes | None


@dataclass(slots=True)
class _Chatbot:
    in_flight: list[tuple[Arrival, Callable[[], bool]]] = field(default_factory=list)
    last_answered: Arrival | None = None
    picture: Picture | None = None


class Memory:
    """All that the stand-in knows of the past.

    Args:
        log_size: how many arrivals are kept.
        now: monotonic seconds.
        wall: Unix seconds.
        picture_memory: bytes of pictures kept; beyond, the longest kept are dropped.
    """

    def __init__(
        self,
        log_size: int,
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
        picture_memory: int = _PICTURE_MEMORY,
    ) -> None:
        self._now = now
        self._wall = wall
        self._log: deque[Arrival] = deque(maxlen=log_size)
        self._chatbots: dict[str, _Chatbot] = {}
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._kept_bytes = 0
        self._picture_memory = picture_memory
        self._statuses: Counter[str] = Counter()
        self._arrived = self._stored = self._overlapped = 0
        self._in_flight = self._max_in_flight = 0

    def arrive(self, method: str, path: str, key: str | None) -> Arrival:
        """A request's headers are here."""
        self._arrived += 1
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        arrival = Arrival(
            number=self._arrived,
            method=method,
            path=path,
            key=key,
            arrived=self._wall(),
            headers_at=self._now(),
        )
        self._log.append(arrival)
        return arrival

    def name(self, arrival: Arrival, chatbot_id: str, is_closed: Callable[[], bool]) -> None:
        """A request's chatbot is known.

        Args:
            arrival: the request.
            chatbot_id: the chatbot.
            is_closed: whether the request's connection is closed. Asked because the
                request itself hears of it a moment later, when the client may be back.
        """
        arrival.chatbot_id = chatbot_id
        chatbot = self._chatbots.setdefault(chatbot_id, _Chatbot())
        others = [other for other, is_gone in chatbot.in_flight if not is_gone()]
        last = chatbot.last_answered
        if last and last.answered_at and last.answered_at > arrival.headers_at:
            others.append(last)
        for each in [*others, arrival] if others else []:
            self._overlapped += not each.overlapped
            each.overlapped = True
        chatbot.in_flight.append((arrival, is_closed))

    def body_complete(self, arrival: Arrival) -> None:
        """A request's body is here in full."""
        arrival.body_at = self._now()

    def answered(self, arrival: Arrival) -> None:
        """A request's answer was sent in full."""
        arrival.answered_at = self._now()

    def depart(self, arrival: Arrival) -> None:
        """A request is over."""
        arrival.ended_at = arrival.answered_at or self._now()
        self._in_flight -= 1
        self._statuses[str(arrival.status or "none")] += 1
        if arrival.chatbot_id is not None:
            chatbot = self._chatbots[arrival.chatbot_id]
            chatbot.in_flight = [each for each in chatbot.in_flight if each[0] is not arrival]
            if arrival.answered_at:
                chatbot.last_answered = arrival

    def take(self, arrival: Arrival, picture: Picture) -> None:
        """The picture is now its chatbot's."""
        if arrival.chatbot_id is None or picture.data is None:
            raise ValueError("a picture without a chatbot, or without bytes")
        arrival.stored = True
        self._stored += 1
        self._chatbots[arrival.chatbot_id].picture = picture
        self._kept_bytes += len(picture.data) - self._kept.pop(arrival.chatbot_id, 0)
        self._kept[arrival.chatbot_id] = len(picture.data)
        while self._kept_bytes > self._picture_memory:
            chatbot_id, size = self._kept.popitem(last=False)
            self._kept_bytes -= size
            chatbot = self._chatbots[chatbot_id]
            if chatbot.picture:
                chatbot.picture = Picture(
                    chatbot.picture.content_type, chatbot.picture.sha256, None
                )

    def picture(self, chatbot_id: str) -> Picture | None:
        """The picture that a chatbot has; None if it has none."""
        chatbot = self._chatbots.get(chatbot_id)
        return chatbot.picture if chatbot else None

    def arrivals(self, since: int, limit: int) -> list[Arrival]:
        """At most `limit` arrivals after number `since`, oldest first."""
        first = self._log[0].number if self._log else 0
        skipped = max(0, since + 1 - first)
        return list(islice(self._log, skipped, skipped + limit))

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last reset."""
        return {
            "requests": self._arrived,
            "statuses": dict(self._statuses),
            "stored": self._stored,
            "overlapped": self._overlapped,
            "in_flight": self._in_flight,
            "max_in_flight": self._max_in_flight,
            "chatbots": len(self._chatbots),
            "first_in_log": self._log[0].number if self._log else None,
        }
