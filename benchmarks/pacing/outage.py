"""The endpoint is unreachable for a minute while ten thousand jobs are queued."""

from __future__ import annotations

import socket
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from benchmarks.pacing.window import ENDPOINT, LIMIT, WINDOW, paced, wait_for_first, worst_window
from benchmarks.processes import Workers, environment
from facelift import UploadClient
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

_OK, _TOO_MANY = 200, 429
_BEFORE = WINDOW + 2
_AFTER = 3 * WINDOW
_AT_FIRST = 5.0
_PATIENCE = 120.0


class Kind(StrEnum):
    """The kind of outage."""

    REFUSED = "connection refused"
    UNAVAILABLE = "answers 503"


def outage(
    kind: Kind, media: Path, *, processes: int, jobs: int, seconds: float
) -> dict[str, float | None]:
    """The cost of an outage.

    Returns:
        `requests`, sent during the outage, by the jobs' attempts, and of them
        `requests_later`, after its first 5 s; `attempts`, what the jobs used up of their
        attempts; `rss_before` and `rss_after` in bytes; `first`, seconds from the recovery to the
        first delivery, None if there is none for two minutes; `rate`, share of the
        allowed rate in the 30 s after it; `refused` and `worst`, requests refused, and the most
        in any window, since the recovery.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with RedisServer() as redis, EndpointProcess(port=port, options=ENDPOINT) as endpoint:
        environ = paced(environment(redis.url, endpoint.url, media, 50))
        with (
            UploadClient(redis.url) as client,
            Workers([f"facelift worker --processes {processes}"], environ) as workers,
        ):
            ids = [client.enqueue(f"bot-{n}", "media:0.jpg").id for n in range(jobs)]
            wait_for_first(endpoint, workers)
            time.sleep(_BEFORE)
            rss_before = workers.usage().rss
            away_at = time.time()
            _take_away(endpoint, kind)
            time.sleep(seconds)
            rss_after = workers.usage().rss
            back_at, back_at_wall = time.monotonic(), time.time()
            _bring_back(endpoint, kind)
            first = _wait_for_delivery(endpoint, back_at)
            time.sleep(_AFTER)
            since = [each for each in endpoint.arrivals() if each.headers_at >= back_at]
            records = [client.status(job_id) for job_id in ids]
    tried = [
        attempt
        for record in records
        for attempt in record.attempts
        if away_at <= attempt.started_at + attempt.duration < back_at_wall
        and attempt.http_status != _OK
    ]
    begin = first or back_at
    delivered = sum(each.status == _OK and each.headers_at < begin + _AFTER for each in since)
    return {
        "requests": len(tried),
        "requests_later": sum(
            each.started_at + each.duration > away_at + _AT_FIRST for each in tried
        ),
        "attempts": sum(each.counted for each in tried),
        "rss_before": rss_before,
        "rss_after": rss_after,
        "first": first and first - back_at,
        "rate": delivered / (LIMIT * _AFTER / WINDOW),
        "refused": sum(each.status == _TOO_MANY for each in since),
        "worst": worst_window(since),
    }


def _take_away(endpoint: EndpointProcess, kind: Kind) -> None:
    if kind is Kind.REFUSED:
        endpoint.stop()
    else:
        endpoint.add_rule("*", "status", status=503)


def _bring_back(endpoint: EndpointProcess, kind: Kind) -> None:
    if kind is Kind.REFUSED:
        endpoint.start()
    else:
        endpoint.clear_rules()


def _wait_for_delivery(endpoint: EndpointProcess, since: float) -> float | None:
    give_up_at = since + _PATIENCE
    while time.monotonic() < give_up_at:
        for each in endpoint.arrivals():
            if each.headers_at >= since and each.status == _OK:
                return each.headers_at
        time.sleep(0.1)
    return None
