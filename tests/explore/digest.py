"""A short number for a state: equal for states that differ in nothing that matters.

Times count relative to the present, and what is long past is one. Leases that nobody holds any
more are one. What only people read, and what only says how long successful requests take, is left
out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.explore.database import Entries, Hash, Members, SortedSet, Stream
from tests.explore.promises import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.explore.database import Snapshot
    from tests.explore.state import State

_TIME = re.compile(r"17\d{8}(?:\.\d+)?")
_NAME = re.compile(r"(?:released:)?t\d+(?::|$)|repeat-")  # of a lease, or a repeat
_LONG_PAST = 45.0  # seconds: no script asks what was when before that
_FAR = 40_000.0  # seconds ahead: a deadline that no exploration reaches
_IGNORED_KEYS = {
    KEYS.jobs,
    KEYS.counts,
    KEYS.events,
    KEYS.unlogged_events,
    KEYS.config,
    KEYS.accounts,
    KEYS.api_keys,
    KEYS.generation,
    KEYS.unanswered,
}
_IGNORED = {
    "message",
    "worker",
    "created_at",
    "started_at",
    "finished_at",
    "image",
    "version",
    "http_status",
    "permits",
    "took",
    "slow_after",
    "answered_at",
    "failed_at",
    "failing_since",
    "unanswered_at",
    "unanswered_since",
    "virtual_time",
    "recent",
    "turn",
}
_TAGS = KEYS.account_queue("")
_MARKS = KEYS.unsettled("")
_OF_ENDED = ("state", "outcome", "generation", "lease_token", "repeat_at")
_JOB, _REPEAT = KEYS.job(""), KEYS.job("repeat-")
_IGNORED_PREFIXES = (
    *(KEYS.suspect(""), KEYS.failures(""), KEYS.charged(""), KEYS.idle_flows("")),
    KEYS.chatbot_jobs(""),  # as `jobs`
)
_MOST_KNOWN = 100_000
_SENT = '"sent_at":'


def digest(state: State) -> int:
    """Of the whole world."""
    view = _View(state)
    runs = sorted(
        (
            view.name(run.job),
            view.name(run.token),
            run.step,
            run.used,
            str(run.code),
            run.counted,
            run.asked,
            view.time(run.began) if run.began else 0.0,
            run.is_frozen,
            run.stood_still,
            run.is_released,
        )
        for run in state.runs
        if run
    )
    late = sorted(
        (view.name(job), view.name(token), view.time(at)) for job, token, at in state.late
    )
    pictures = sorted((chatbot, view.name(job)) for chatbot, job in state.pictures.items())
    rest = (*runs, *late, *pictures, state.faults, state.enqueued)
    return hash((view.database(state.redis), rest))


class _Value(NamedTuple):
    """A key's value, taken apart once: what stays, its times, and names of leases and repeats."""

    value: Any  # kept, so that its id is not given to another
    fixed: int
    times: tuple[tuple[str, float], ...]
    names: tuple[tuple[str, str], ...]


class _View:
    """How a state looks from its present."""

    def __init__(self, state: State) -> None:
        self._now = state.now
        self._is_in_flight = any(run and run.began for run in state.runs)
        self._names = _names(state)

    def name(self, text: str) -> str:
        known = self._names.get(text)
        if known is not None:
            return known
        head, mark, rest = text.partition(":")
        if mark and head in self._names:
            return self._names[head] + mark + rest
        if head == "released" and rest in self._names:
            return head + mark + self._names[rest]
        return "gone" if _NAME.match(text) else text

    def time(self, at: float) -> float:
        ahead = at - self._now
        if ahead < -_LONG_PAST:
            return -_LONG_PAST
        return _FAR if ahead > _FAR else round(ahead, 4)

    def database(self, redis: Snapshot) -> frozenset[int]:
        seen = []
        for key, value in redis.values.items():
            if key in _IGNORED_KEYS or key.startswith(_IGNORED_PREFIXES):
                continue
            if key.startswith(_MARKS):
                parts = _take_apart(key, self._open_marks(value))
            else:
                parts = _taken_apart(key, value)
            seen.append(
                hash(
                    (
                        self.name(key.removeprefix(_JOB)),
                        parts.fixed,
                        tuple((field, self.time(at)) for field, at in parts.times),
                        tuple((field, self.name(text)) for field, text in parts.names),
                        key in redis.expires and key.startswith(_JOB),
                    )
                )
            )
        return frozenset(seen)

    def _open_marks(self, marks: SortedSet) -> SortedSet:
        """Marks of unanswered uploads; those that ran out matter to a request in flight alone."""
        if self._is_in_flight:
            return marks
        return SortedSet((what, at) for what, at in marks.items() if at > self._now)


def _names(state: State) -> dict[str, str]:
    """Leases by the job that somebody still runs under them, and repeats by what they repeat."""
    names: dict[str, str] = {}
    held = sorted((run for run in state.runs if run), key=lambda run: int(run.token[1:]))
    for run in held:  # several at one job: by age
        number = sum(name.startswith(f"lease of {run.job} ") for name in names.values())
        names[run.token] = f"lease of {run.job} {number}"
    for key, value in state.redis.values.items():
        if key.startswith(_REPEAT):
            names[key.removeprefix(_JOB)] = f"repeat of {value['repeats']}"
    return names


_known: dict[int, _Value] = {}


def _taken_apart(key: str, value: Any) -> _Value:
    """The parts of a value; no value changes once a state holds it."""
    known = _known.get(id(value))
    if known is None or known.value is not value:
        if len(_known) > _MOST_KNOWN:
            _known.clear()
        known = _known[id(value)] = _take_apart(key, value)
    return known


def _take_apart(key: str, value: Any) -> _Value:
    entries = list(_entries(key, value))
    times = [(field, float(text)) for field, text in entries if _TIME.fullmatch(text)]
    names = [(field, text) for field, text in entries if _NAME.match(text) or _NAME.match(field)]
    apart = {field for field, _ in (*times, *names)}
    fixed = tuple(entry for entry in entries if entry[0] not in apart)
    return _Value(value, hash((type(value), fixed)), tuple(times), tuple(names))


def _entries(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """A value as fields and texts."""
    if isinstance(value, Hash):
        yield from _fields(key, value)
    elif isinstance(value, SortedSet):
        for rank, (member, score) in enumerate(value.ranked()):
            yield f"{rank}", member
            if not key.startswith(_TAGS):  # they only grow
                yield f"score of {rank}", f"{score:.17g}"
    elif isinstance(value, Entries):
        for rank, text in enumerate(value):
            yield f"{rank}", text.partition('"id":"')[2].partition('"')[0]
            yield f"time of {rank}", text.partition(_SENT)[2].partition("}")[0].partition(",")[0]
    elif isinstance(value, Members):
        for member in sorted(value):
            yield member, ""
    else:
        yield "", str(len(value)) if isinstance(value, Stream) else value


def _fields(key: str, value: Hash) -> Iterator[tuple[str, str]]:
    """What matters of a hash."""
    if key.startswith(_JOB) and "finished_at" in value:
        for name in _OF_ENDED:
            yield name, value.get(name, "")
        return
    for field in sorted(value):
        if field not in _IGNORED and not field.startswith("attempt:"):
            yield field, value[field]
