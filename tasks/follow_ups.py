"""What a producer wants to run after `facelift.enqueue`: its `link`, `link_error` and `chain`.

Celery would publish whatever a message asks for. Here it is read as data, bounded in number, and
made into plain entries for the lists of Redis that other Celery apps read.
"""

import base64
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from facelift.ledger.broker import DEFAULT_QUEUE, PRIORITIES, priority_list

MOST = 10
"""How many tasks one message may have sent."""

# Neither can a queue be a key of the ledger, nor a name break a line of a log.
_QUEUE = re.compile(r"[A-Za-z0-9_.:@/-]{1,200}")
_TASK = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_STEPS = 3  # kombu's lists of a queue: 0, 3, 6, 9
_LONGEST = timedelta(days=3650)


class Entry(NamedTuple):
    """A message for another Celery app.

    Attributes:
        key: the Redis list to push it to.
        text: as kombu writes it.
    """

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class FollowUps:
    """The signatures that a message carries, as they came.

    Attributes:
        link: run when the job is recorded.
        link_error: run when the job is refused.
        chain: run one after the other when the job is recorded; the next is the last.
        chord: run when a group of tasks is done.
    """

    link: Any = None
    link_error: Any = None
    chain: Any = None
    chord: Any = None

    def after_success(self, task_id: str, result: str) -> list[Entry]:
        """The messages to send once the job is recorded, each with `result` before its arguments.

        Raises:
            ValueError: they are too many, or cannot be read; says what is wrong. Send none.
        """
        if self.chord:
            raise ValueError("a chord needs a result backend, which Facelift does not have")
        maker = _Maker(task_id, result)
        maker.add_each("link", self.link)
        chain = _signatures("chain", self.chain)
        if chain:
            maker.add(chain[-1], chain[:-1])
        return maker.entries

    def after_failure(self, task_id: str) -> list[Entry]:
        """The messages to send once the job is refused, each with the task's id as argument.

        Raises:
            ValueError: as `after_success`.
        """
        maker = _Maker(task_id, task_id)
        maker.add_each("link_error", self.link_error)
        return maker.entries


@dataclass
class _Maker:
    """Makes entries of signatures.

    Attributes:
        task_id: of the task that they follow.
        result: goes before their arguments.
    """

    task_id: str
    result: str
    entries: list[Entry] = field(default_factory=list)

    def add_each(self, name: str, signatures: object) -> None:
        for each in _signatures(name, signatures):
            self.add(each, [])

    def add(self, signature: object, chain: Sequence[object]) -> None:
        """Add a signature; `chain` are those that run after it, the next one last."""
        given = _mapping("a follow-up", signature)
        task, kwargs = given.get("task"), _mapping("kwargs", given.get("kwargs"))
        kind = given.get("subtask_type")
        if task == "celery.chord" or kind == "chord":
            raise ValueError("a chord needs a result backend, which Facelift does not have")
        if task == "celery.chain":
            steps = _signatures("a chain", kwargs.get("tasks"))
            if steps:
                self.add(steps[0], [*chain, *reversed(steps[1:])])
        elif task == "celery.group":
            if chain:
                raise ValueError("nothing can follow a group without a result backend")
            for each in _signatures("a group", kwargs.get("tasks")):
                self.add(each, [])
        else:
            if len(self.entries) == MOST:
                raise ValueError(f"more than {MOST} follow-ups")
            self.entries.append(self._entry(given, kwargs, chain))

    def _entry(
        self, given: Mapping[str, Any], kwargs: Mapping[str, Any], chain: Sequence[object]
    ) -> Entry:
        options = _mapping("options", given.get("options"))
        task = _name(_TASK, "a follow-up's task", given.get("task"))
        queue = options.get("queue") or options.get("routing_key") or DEFAULT_QUEUE
        queue = _name(_QUEUE, "a follow-up's queue", queue)
        args = given.get("args") or []
        if not isinstance(args, list):
            raise ValueError("a follow-up's args must be a list")  # noqa: TRY004 - as below
        if not given.get("immutable"):
            args = [self.result, *args]
        priority = options.get("priority")
        if not isinstance(priority, int) or priority not in PRIORITIES:
            priority = 0
        task_id = options.get("task_id")
        task_id = task_id if isinstance(task_id, str) else str(uuid.uuid4())
        embed = {
            "callbacks": options.get("link"),
            "errbacks": options.get("link_error"),
            "chain": list(chain) or None,
            "chord": None,
        }
        message = {
            "body": base64.b64encode(_json([args, kwargs, embed]).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": task_id,
                "root_id": self.task_id,
                "parent_id": self.task_id,
                "group": options.get("group_id"),
                "group_index": options.get("group_index"),
                "retries": 0,
                "eta": _time(options.get("eta"), options.get("countdown")),
                "expires": _time(options.get("expires"), None),
                "timelimit": [options.get("time_limit"), options.get("soft_time_limit")],
                "ignore_result": options.get("ignore_result"),
                "origin": "facelift",
            },
            "properties": {
                "correlation_id": task_id,
                "reply_to": options.get("reply_to") or "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": priority,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
        return Entry(priority_list(queue, priority - priority % _STEPS), _json(message))


def _signatures(name: str, given: object) -> list[object]:
    if given is None:
        return []
    if isinstance(given, dict):
        return [given]
    if not isinstance(given, list):
        raise ValueError(f"{name} must be a list of signatures")  # noqa: TRY004 - the caller's one kind
    return given


def _mapping(name: str, given: object) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ValueError(f"{name} must be an object")  # noqa: TRY004 - as above
    return given


def _name(pattern: re.Pattern[str], what: str, given: object) -> str:
    if not isinstance(given, str) or not pattern.fullmatch(given):
        raise ValueError(f"{what} has no valid name")
    return given


def _time(at: object, seconds: object) -> str | None:
    """A time that a signature names, in ISO 8601: itself, or seconds from now."""
    if isinstance(at, str):
        return at
    seconds = at if seconds is None else seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    if not 0 <= seconds <= _LONGEST.total_seconds():
        raise ValueError("a follow-up's countdown or expires is out of bounds")
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
