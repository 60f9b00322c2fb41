"""Each option of a Celery producer does what docs/producers/celery.md says, by its table."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from celery import Celery

from facelift.client import UploadClient
from facelift.job import ENQUEUE_TASK
from facelift.ledger.broker import PRIORITIES, priority_list
from tasks.message import MessageRefused, read_message
from tests.documents import DOCS, write_files
from worker.delivery.follow_ups import FollowUpSender
from worker.delivery.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from redis import Redis

    from facelift.record import JobRecord
    from sandbox.redis_server import RedisServer

FIELDS = {"chatbot_id": "bot", "image": "media:a.png"}
LATER = datetime(2036, 1, 31, 12, tzinfo=UTC)
NEXT = Celery("producer", broker="memory://", set_as_current=False).signature(
    "shop.next", queue="shop"
)


class Result(NamedTuple):
    """What became of a message.

    Attributes:
        record: of the job; None if there is none.
        refused: the reasons that stand in the list of refused messages.
        sent: the tasks that were sent to the queue `shop`, with their arguments.
    """

    record: JobRecord | None
    refused: list[str]
    sent: list[tuple[str, list[Any]]]


class Case(NamedTuple):
    """An option, what it does in words, and whether it did."""

    option: str
    effect: str
    sent: dict[str, Any]
    holds: Callable[[Result], bool]
    settings: dict[str, Any] = {}  # noqa: RUF012 - never changed


def recorded(result: Result, **fields: object) -> bool:
    shown = result.record.as_dict() if result.record else {}
    return not result.refused and all(shown.get(name) == each for name, each in fields.items())


CASES = (
    Case(
        "`task_id`",
        "becomes the job's id, so the message may be sent again; 1 to 64 of letters, "
        "digits, `_` and `-`",
        {"task_id": "mine"},
        lambda r: recorded(r, id="mine"),
    ),
    Case("`kwargs`", "the fields of the [job](../schema/job.json)", {}, recorded),
    Case(
        "`kwargs` with `asset`, `action`",
        '`"asset": "icon"` is for the icon; `"action": "remove"`, without `image`, takes the '
        "image away",
        {"kwargs": {"chatbot_id": "bot", "asset": "icon", "action": "remove"}},
        lambda r: recorded(r, asset="icon", action="remove", image=None),
    ),
    Case(
        "`kwargs` with a `datetime`",
        "for `not_before` and `expires_at`, with a time zone",
        {"kwargs": FIELDS | {"not_before": LATER}},
        lambda r: recorded(r, not_before=LATER.timestamp()),
    ),
    Case(
        "`args`",
        "refused: the job is recorded as `invalid_job`",
        {"args": ["bot"]},
        lambda r: recorded(r, outcome="invalid_job"),
    ),
    Case(
        "`priority` 0 to 5",
        "the job's priority is `normal`; Celery's default is 0, which goes first on Redis",
        {"priority": 5},
        lambda r: recorded(r, priority="normal"),
    ),
    Case(
        "`priority` 6 to 9",
        "the job's priority is `low`",
        {"priority": 9},
        lambda r: recorded(r, priority="low"),
    ),
    Case(
        "`kwargs` with `priority`",
        "`high`, `normal` or `low`; it counts, whatever Celery's is",
        {"priority": 9, "kwargs": FIELDS | {"priority": "high"}},
        lambda r: recorded(r, priority="high"),
    ),
    Case(
        "`countdown`, `eta`",
        "the job's `not_before`: it waits in the ledger",
        {"eta": LATER},
        lambda r: recorded(r, not_before=LATER.timestamp(), state="waiting"),
    ),
    Case(
        "`expires`",
        "the job's `expires_at`: not delivered by then, it ends as `expired`",
        {"expires": LATER},
        lambda r: recorded(r, expires_at=LATER.timestamp()),
    ),
    Case(
        "`link`",
        "sent once the job is recorded, with the job's id as first argument",
        {"link": NEXT},
        lambda r: recorded(r) and r.sent == [("shop.next", ["mine"])],
    ),
    Case(
        "`link_error`",
        "sent if the job is refused, with the task's id as first argument",
        {"link_error": NEXT, "kwargs": {"image": "a.png"}},
        lambda r: recorded(r, outcome="invalid_job") and r.sent == [("shop.next", ["mine"])],
    ),
    Case(
        "`chain`",
        "the next step is sent once the job is recorded, with the job's id as first argument",
        {"chain": [NEXT]},
        lambda r: recorded(r) and r.sent == [("shop.next", ["mine"])],
    ),
    Case(
        "more than 10 follow-ups",
        "the job is recorded, none of them is sent; listed as refused",
        {"link": [NEXT] * 11},
        lambda r: (
            r.refused == ["its follow-ups were not sent: more than 10 follow-ups"]
            and r.record is not None
            and not r.sent
        ),
    ),
    Case(
        "`chord`",
        "the same: it needs a result backend, which Facelift does not have",
        {"chord": NEXT},
        lambda r: len(r.refused) == 1 and r.record is not None,
    ),
    Case("`compression`", "`gzip`, `bzip2`, `lzma`", {"compression": "gzip"}, recorded),
    Case(
        "`serializer`",
        "`json` alone; `yaml`, `pickle` and others are listed as refused",
        {"serializer": "pickle"},
        lambda r: r.record is None and "use the serializer json" in r.refused[0],
    ),
    Case("`task_protocol`", "2 and 1", {}, recorded, {"task_protocol": 1}),
    Case(
        "`group_id`, `headers`, stamps, `shadow`, time limits",
        "ignored",
        {"group_id": "g", "headers": {"tenant": "t"}, "shadow": "s", "time_limit": 5},
        recorded,
    ),
    Case(
        "`ignore_result`, `reply_to`",
        "ignored: there is no result; see the job's record",
        {"reply_to": "me", "ignore_result": False},
        recorded,
    ),
)


@pytest.fixture
def decode_responses() -> bool:
    return True


@pytest.fixture
def producer(redis_server: RedisServer, real_redis: Redis) -> Iterator[Celery]:  # noqa: ARG001 - it empties the server
    with Celery("producer", broker=redis_server.url, set_as_current=False) as app:
        yield app


def receive(redis: Any) -> Result:
    """Do what a worker does with the message, on whichever list it is."""
    client = UploadClient(redis=redis)
    refused: list[MessageRefused] = []
    intake = Intake(client, client.ledger, FollowUpSender(redis).send, refused.append)
    taken = [redis.rpop(priority_list("facelift", each)) for each in PRIORITIES]
    (item,) = [each for each in taken if each]
    record = None
    try:
        message = read_message(item.encode())
        intake.receive(message)
        record = client.status(message.id)
    except MessageRefused as problem:
        refused.append(problem)
    sent = []
    for each in redis.lrange("shop", 0, -1):
        message_sent = json.loads(each)
        args, _, _ = json.loads(base64.b64decode(message_sent["body"]))
        sent.append((message_sent["headers"]["task"], args))
    return Result(record, [each.reason for each in refused], sent)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.option)
def test_option_does_what_the_page_says(producer: Celery, real_redis: Redis, case: Case) -> None:
    producer.conf.update(case.settings)
    options = {"queue": "facelift", "task_id": "mine", "kwargs": FIELDS} | case.sent
    producer.send_task(ENQUEUE_TASK, **options)
    result = receive(real_redis)
    assert case.holds(result), result


@pytest.mark.parametrize("priority", PRIORITIES)
@pytest.mark.parametrize("steps", [None, list(PRIORITIES), [0]])
def test_message_of_every_priority_is_read(
    producer: Celery, real_redis: Redis, priority: int, steps: list[int] | None
) -> None:
    if steps:
        producer.conf.broker_transport_options = {"priority_steps": steps}
    producer.send_task(ENQUEUE_TASK, queue="facelift", kwargs=FIELDS, priority=priority)
    record = receive(real_redis).record
    assert record is not None
    assert record.priority == ("low" if priority >= 6 else "normal")


def test_message_that_was_taken_after_it_expired_ends_as_expired(
    producer: Celery, real_redis: Redis
) -> None:
    producer.send_task(ENQUEUE_TASK, queue="facelift", task_id="mine", kwargs=FIELDS, expires=0.01)
    time.sleep(0.02)
    record = receive(real_redis).record
    assert record is not None
    assert record.expires_at < time.time()
    client = UploadClient(redis=real_redis)
    client.ledger.run_schedule(10)
    assert client.status("mine").outcome in {"expired", None}


def test_program_of_the_page_enqueues(
    redis_server: RedisServer, real_redis: Redis, tmp_path: Path
) -> None:
    (program,) = write_files("producers/celery.md", tmp_path)
    subprocess.run(
        [sys.executable, program],
        cwd=tmp_path,
        env=os.environ | {"SHOP_BROKER_URL": redis_server.url},
        check=True,
    )
    assert recorded(receive(real_redis), id="profile-42-1", state="queued")


def test_page_has_this_table() -> None:
    table = "\n".join(
        ["| option | what happens |", "|---|---|", *(f"| {c.option} | {c.effect} |" for c in CASES)]
    )
    assert table in (DOCS / "producers" / "celery.md").read_text("utf-8"), f"write:\n\n{table}"
