"""Reads a queue entry into what the two tasks need of it, and refuses every other entry.

Whoever can push to the queue chooses its bytes. So nothing of an entry reaches Celery or kombu:
it is read here, bounded in size and depth, and what goes on is made anew.
"""

import base64
import itertools
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

from facelift.errors import InvalidJob
from facelift.job import ENQUEUE_TASK, UPLOAD_TASK, check_job_id
from tasks.follow_ups import FollowUps
from tasks.unpack import unpack

MOST_BYTES = 256 * 1024
"""An entry, and the body that it holds, may have so many."""

_MOST_DEPTH = 24
_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "binary"})
_PROCESS, _numbers = uuid.uuid4().hex, itertools.count()


class MessageRefused(Exception):  # noqa: N818 - says what happened
    """A queue entry is no message for Facelift.

    Attributes:
        reason: why, for its producer.
        task_id: of the message, as far as it could be read; else empty.
    """

    def __init__(self, reason: str, task_id: object = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.task_id = task_id if isinstance(task_id, str) else ""


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """What a message asks for.

    Attributes:
        task: `facelift.upload` or `facelift.enqueue`.
        id: the task's, which is the job's.
        item: the entry itself, to put it back.
        args: positional arguments.
        kwargs: keyword arguments.
        priority: 0 to 9, as Celery counts on Redis: a smaller number goes first.
        not_before: Unix seconds; Celery's `eta`, which `countdown` sets too.
        expires_at: Unix seconds; Celery's `expires`.
        follow_ups: what to send afterwards.
        tag: tells it from every other that this process took.
    """

    task: str
    id: str
    item: bytes = b""
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    not_before: float | None = None
    expires_at: float | None = None
    follow_ups: FollowUps = field(default_factory=FollowUps)
    tag: str = field(default_factory=lambda: f"{_PROCESS}.{next(_numbers)}")

    @property
    def is_wake_up(self) -> bool:
        """Whether the ledger sent it, and sends it again if it gets lost."""
        return self.task == UPLOAD_TASK


def read_message(item: bytes) -> TaskMessage:
    """Read a queue entry.

    Raises:
        MessageRefused: it is none of ours, or breaks a bound; says why.
    """
    envelope = _load(item, "the message")
    if not isinstance(envelope, dict):
        _refuse("the message is no JSON object")
    headers = envelope.get("headers") or {}
    if not isinstance(headers, dict):
        _refuse("the message's headers are no JSON object")
    if headers.get("task") == UPLOAD_TASK:
        return TaskMessage(UPLOAD_TASK, _task_id(headers.get("id")), item)
    if _is_deep(envelope, _MOST_DEPTH):
        _refuse("the message is nested too deeply")
    try:
        return _read_enqueue(item, envelope, headers)
    except MessageRefused as refused:
        raise MessageRefused(refused.reason, refused.task_id or headers.get("id")) from None
    except (ValueError, OverflowError) as problem:  # each of them is raised with a sentence
        raise MessageRefused(str(problem), headers.get("id")) from None


def _read_enqueue(item: bytes, envelope: dict[str, Any], headers: dict[str, Any]) -> TaskMessage:
    properties = envelope.get("properties") or {}
    if not isinstance(properties, dict):
        _refuse("the message's properties are no JSON object")
    if headers.get("task") is not None:
        _check_task(headers["task"])
    body = _load(_body(envelope, headers, properties), "the message's body")
    if _is_deep(body, _MOST_DEPTH):
        _refuse("the message's body is nested too deeply")
    if isinstance(body, dict):  # Celery's message protocol 1
        fields = embedded = headers | body
        args, kwargs = body.get("args"), body.get("kwargs")
    elif isinstance(body, list) and len(body) == 3:  # noqa: PLR2004 - of protocol 2
        fields = headers
        args, kwargs, embedded = body
    else:
        _refuse("the message's body is neither of Celery's protocol 1 nor of 2")
    _check_task(fields.get("task"))
    args, kwargs, embedded = args or [], kwargs or {}, embedded or {}
    if not isinstance(args, list) or not isinstance(kwargs, dict) or not isinstance(embedded, dict):
        _refuse("the message's arguments have another form than Celery's")
    priority = properties.get("priority")
    return TaskMessage(
        task=ENQUEUE_TASK,
        id=_task_id(fields.get("id")),
        item=item,
        args=args,
        kwargs=kwargs,
        priority=priority if isinstance(priority, int) and 0 <= priority <= 9 else 0,  # noqa: PLR2004 - Celery's
        not_before=_seconds("eta", fields.get("eta")),
        expires_at=_seconds("expires", fields.get("expires")),
        follow_ups=FollowUps(
            link=embedded.get("callbacks"),
            link_error=embedded.get("errbacks"),
            chain=embedded.get("chain"),
            chord=embedded.get("chord"),
        ),
    )


def _body(envelope: dict[str, Any], headers: dict[str, Any], properties: dict[str, Any]) -> bytes:
    """The body's JSON, which may be encoded and compressed."""
    body, encoding = envelope.get("body"), properties.get("body_encoding")
    if not isinstance(body, str):
        _refuse("the message's body is no text")
    if encoding == "base64":
        try:
            text = base64.b64decode(body)
        except ValueError:
            _refuse("the message's body is not base64")
    elif encoding in (None, "", "utf-8"):
        text = body.encode("utf-8", "surrogatepass")
    else:
        _refuse("the message's body_encoding is not base64")
    if headers.get("compression"):
        text = unpack(text, headers["compression"], MOST_BYTES)
    content_type = envelope.get("content-type")
    if content_type not in ("application/json", None):
        _refuse(f"its content type is {_show(content_type)}: use the serializer json")
    charset = envelope.get("content-encoding") or "utf-8"
    if not isinstance(charset, str) or charset.lower() not in _ENCODINGS:
        _refuse(f"its content encoding is {_show(charset)}, not utf-8")
    return text


def _load(text: bytes, what: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    if len(text) > MOST_BYTES:
        _refuse(f"{what} has {len(text)} bytes, more than {MOST_BYTES}")
    try:
        return json.loads(text.decode(), parse_constant=_refuse_constant)
    except RecursionError:
        _refuse(f"{what} is nested too deeply")
    except ValueError:
        _refuse(f"{what} is not JSON")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _is_deep(value: object, most: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return most == 0 or any(_is_deep(each, most - 1) for each in value)


def _check_task(task: object) -> None:
    if task != ENQUEUE_TASK:
        _refuse(f"its task is {_show(task)}, not {ENQUEUE_TASK}")


def _task_id(given: object) -> str:
    try:
        return check_job_id(given)
    except InvalidJob:
        _refuse(f"its task id is {_show(given)}, not 1 to 64 of letters, digits, _ and -")


def _seconds(name: str, given: object) -> float | None:
    """A time in ISO 8601 as Unix seconds; UTC if it names no zone."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)  # type: ignore[arg-type] # it is checked by being read
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        _refuse(f"its {name} is {_show(given)}, no time in ISO 8601")


def _show(value: object) -> str:
    text = f"of type {type(value).__name__}" if isinstance(value, list | dict) else ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a part of a line


def _refuse(reason: str) -> NoReturn:
    raise MessageRefused(reason)
