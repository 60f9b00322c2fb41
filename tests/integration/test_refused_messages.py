"""Messages that became no job are listed, and lists that no worker reads are named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from celery import Celery
from click.testing import CliRunner

from facelift.cli.checks.messages import check_messages
from facelift.cli.group import cli
from facelift.client import UploadClient
from facelift.errors import LedgerUnavailable
from facelift.job import ENQUEUE_TASK
from facelift.ledger.refused import KEPT
from facelift.status.refused import RefusedMessage
from tasks.message import MessageRefused
from worker.delivery.follow_ups import RefusedNotes

if TYPE_CHECKING:
    from redis import Redis

    from sandbox.redis_server import RedisServer

AT = 1_900_000_000.0


def test_latest_refused_messages_are_kept(client: UploadClient) -> None:
    for number in range(KEPT + 5):
        client.ledger.refused.add(RefusedMessage(AT + number, "the message is not JSON"))
    found = client.refused_messages(1_000)
    assert [each.at for each in found] == [AT + number for number in range(KEPT + 4, 4, -1)]
    assert client.refused_messages(1) == (
        RefusedMessage(AT + KEPT + 4, "the message is not JSON", ""),
    )


def test_refused_message_is_counted_though_redis_is_away() -> None:
    metrics, messages = Mock(), Mock()
    messages.add.side_effect = LedgerUnavailable("gone")
    RefusedNotes(messages, metrics).note(MessageRefused("the message is not JSON"))
    metrics.message_refused.assert_called_once_with()


def test_status_shows_refused_messages(
    client: UploadClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UploadClient, "from_env", lambda: client)
    monkeypatch.setattr(client, "close", lambda: None)
    client.ledger.refused.add(RefusedMessage(AT, "its task is 'shop.ship'", "t-1"))
    assert "its task is 'shop.ship'" in CliRunner().invoke(cli, ["status"]).stdout
    shown = json.loads(CliRunner().invoke(cli, ["status", "--json"]).stdout)
    assert shown["refused_messages"] == [
        {"at": AT, "reason": "its task is 'shop.ship'", "task_id": "t-1"}
    ]


def test_doctor_names_the_last_refused_message(
    client: UploadClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facelift.cli.checks.messages.time.time", lambda: AT + 60)
    client.ledger.refused.add(RefusedMessage(AT - 86_400, "long ago", "t-1"))
    assert [each.verdict for each in check_messages(client)] == ["OK", "OK"]
    client.ledger.refused.add(RefusedMessage(AT, "its body is damaged", "t-2"))
    finding, _ = check_messages(client)
    assert finding.verdict == "WARN"
    assert finding.message == (
        "1 Celery message refused within a day; the last (task t-2): its body is damaged"
    )


@pytest.fixture
def producer(redis_server: RedisServer, real_redis: Redis) -> Any:  # noqa: ARG001 - it empties the server
    with Celery("producer", broker=redis_server.url, set_as_current=False) as app:
        yield app


@pytest.mark.parametrize(
    ("options", "queue", "found"),
    [
        ({}, "facelift", []),
        ({}, "facelift-uploads", ["facelift-uploads"]),
        ({"global_keyprefix": "shop:"}, "facelift", ["shop:facelift"]),
        ({"sep": ":"}, "facelift", ["facelift:3"]),
    ],
)
def test_list_that_no_worker_reads_is_named(
    producer: Celery,
    redis_server: RedisServer,
    options: dict[str, str],
    queue: str,
    found: list[str],
) -> None:
    producer.conf.broker_transport_options = options
    producer.send_task("shop.ship", queue="shop")
    producer.send_task(ENQUEUE_TASK, queue=queue, priority=3 if "sep" in options else 0)
    with UploadClient(redis_server.url) as client:
        assert client.stray_lists() == tuple(found)
        (finding, *_) = [each for each in check_messages(client) if each.check == "Lists"]
    assert finding.verdict == ("WARN" if found else "OK")
    assert all(repr(name) in finding.message for name in found)
