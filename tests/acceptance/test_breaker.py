"""While the endpoint is down, the pool leaves it alone and its jobs wait; then it goes on."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from sandbox.endpoint.process import EndpointProcess
from tests.acceptance.pool import WorkerPool, api_keys, most_within, worker_pool
from tests.acceptance.world import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILURES = 5
PAUSE = 0.3
ATTEMPTS = 3
OUTAGE = 2.0  # longer than all attempts of a job with the backoff of the settings
ACCOUNTS = ["free", "paced"]
REQUESTS, WINDOW = 40, 4.0


@pytest.fixture(scope="module")
def own_endpoint() -> Iterator[EndpointProcess]:
    keys = [f"key-{account}" for account in ACCOUNTS]
    with EndpointProcess(api_keys=keys, port=port_of_its_own()) as endpoint:
        yield endpoint


def port_of_its_own() -> int:
    """One that no other test is given by the system while the endpoint is away."""
    for port in range(20_000, 30_000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("no port below those that the system gives away is free")


@pytest.fixture(scope="module")
def workers(
    environment: dict[str, str],
    own_endpoint: EndpointProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorkerPool]:
    settings = environment | {
        "FACELIFT_KEY_PREFIX": "breaker",
        "FACELIFT_ENDPOINT_URL": own_endpoint.url,
        "FACELIFT_RATE_LIMIT": "off",
        "FACELIFT_RATE_LIMIT_PACED": f"{REQUESTS}/{WINDOW:g}s",
        "FACELIFT_BREAKER_FAILURES": str(FAILURES),
        "FACELIFT_BREAKER_PAUSE": f"{PAUSE * 1000:g}ms",
        "FACELIFT_MAX_ATTEMPTS": str(ATTEMPTS),
        **api_keys(*ACCOUNTS),
    }
    with worker_pool(tmp_path_factory.mktemp("breaker"), settings, own_endpoint) as made:
        yield made


@pytest.fixture
def pool(workers: WorkerPool) -> WorkerPool:
    """The breaker is closed, and the endpoint well."""
    assert workers.status().breaker == "closed"
    workers.endpoint.reset()
    return workers


def stop(endpoint: EndpointProcess) -> None:
    endpoint.stop()


def start(endpoint: EndpointProcess) -> None:
    endpoint.start()


def answer_503(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=503)


def behave_well(endpoint: EndpointProcess) -> None:
    endpoint.clear_rules("*")


def until_open(pool: WorkerPool) -> None:
    eventually(lambda: pool.status().breaker != "closed", "the breaker stays closed")


@pytest.mark.parametrize(
    ("break_", "mend", "expected"),
    [(stop, start, "refused"), (answer_503, behave_well, "503")],
    ids=["refused", "503"],
)
def test_jobs_outlast_an_outage_and_the_endpoint_is_left_alone_meanwhile(
    pool: WorkerPool,
    break_: Callable[[EndpointProcess], None],
    mend: Callable[[EndpointProcess], None],
    expected: str,
) -> None:
    opened, closed = len(pool.lines("breaker_opened")), len(pool.lines("breaker_closed"))
    break_(pool.endpoint)
    jobs = pool.enqueue("free", 30)
    until_open(pool)

    def waiting() -> int:
        return sum(record.wait_reason == "endpoint_down" for record in pool.records(jobs))

    # One at a time is the probe.
    eventually(lambda: waiting() >= len(jobs) - 1, "they do not wait for the endpoint")
    since = time.time()
    used = sum(record.attempts_used for record in pool.records(jobs))
    time.sleep(OUTAGE)
    assert waiting() >= len(jobs) - 1
    assert sum(record.attempts_used for record in pool.records(jobs)) == used
    if expected == "503":
        probes = [each.arrived for each in pool.endpoint.arrivals() if each.arrived > since]
        assert 2 <= len(probes) <= OUTAGE / PAUSE + 1
        gaps = [later - earlier for earlier, later in pairwise(probes)]
        assert min(gaps) > PAUSE * 0.9

    mend(pool.endpoint)
    records = pool.wait(jobs)
    assert {record.outcome for record in records} == {"delivered"}
    assert max(record.attempts_used for record in records) <= ATTEMPTS
    assert pool.status().breaker == "closed"
    eventually(lambda: len(pool.lines("breaker_closed")) > closed, "its closing is not logged")
    (line,) = pool.lines("breaker_opened")[opened:]
    assert f"{FAILURES} requests in a row failed" in line
    assert expected in line
    (line,) = pool.lines("breaker_closed")[closed:]
    assert "answers again" in line


def test_backlog_of_an_outage_drains_at_the_paced_rate_and_not_as_a_herd(pool: WorkerPool) -> None:
    answer_503(pool.endpoint)
    others = pool.enqueue("free", 2 * FAILURES)
    until_open(pool)
    jobs = pool.enqueue("paced", 30)
    behave_well(pool.endpoint)
    assert pool.outcomes([*others, *jobs]) == {"delivered"}
    times = [each.arrived for each in pool.arrivals("paced") if each.status == 200]
    assert len(times) == len(jobs)
    assert most_within(WINDOW, times) <= REQUESTS
    # Four that are due within that time, six that catch up, and some that were held up.
    assert most_within(WINDOW / 10, times) <= 16


def test_image_that_always_breaks_the_endpoint_does_not_delay_the_others(
    pool: WorkerPool,
) -> None:
    answer_503(pool.endpoint)
    pool.endpoint.add_rule("poison", "status", status=500)
    poison = pool.client.enqueue("poison", "media:good.png", account="free").id
    others = pool.enqueue("free", FAILURES)
    until_open(pool)
    eventually(
        lambda: not all(each.counted for each in pool.client.status(poison).attempts),
        "it is not the probe",
    )
    behave_well(pool.endpoint)
    assert pool.outcomes(others, timeout=10) == {"delivered"}
    (record,) = pool.wait([poison])
    assert (record.outcome, record.http_status) == ("retries_exhausted", 500)
    assert pool.status().breaker == "closed"
