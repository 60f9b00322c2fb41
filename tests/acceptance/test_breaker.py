"""While the endpoint is down, the pool leaves it alone and its jobs wait; then it goes on."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from sandbox.endpoint.process import EndpointProcess
from tests.acceptance.pool import WorkerPool, api_keys, most_within, worker_pool
from tests.acceptance.world import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILURES = 5
AFTER = 0.5
PAUSE = 0.3
ATTEMPTS = 8
OUTAGE = 2.0
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
        "FACELIFT_BREAKER_CHATBOTS": str(FAILURES),
        "FACELIFT_BREAKER_AFTER": f"{AFTER * 1000:g}ms",
        "FACELIFT_BREAKER_PAUSE": f"{PAUSE * 1000:g}ms",
        "FACELIFT_MAX_ATTEMPTS": str(ATTEMPTS),
        **api_keys(*ACCOUNTS),
    }
    with worker_pool(tmp_path_factory.mktemp("breaker"), settings, own_endpoint) as made:
        yield made


@pytest.fixture
def pool(workers: WorkerPool) -> WorkerPool:
    """The breaker is closed, and the endpoint well."""
    assert not any(is_open(workers, account) for account in (*ACCOUNTS, None))
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


def is_open(pool: WorkerPool, account: str | None = "free") -> bool:
    """Whether an account's breaker, or that of the endpoint, is not closed."""
    status = pool.status()
    found = status if account is None else status.account(account)
    return found is not None and found.breaker != "closed"


def until_open(pool: WorkerPool, account: str | None = "free") -> None:
    eventually(lambda: is_open(pool, account), "the breaker stays closed")


@pytest.mark.parametrize(
    ("break_", "mend", "domain", "waits", "expected"),
    [
        (stop, start, None, "endpoint_down", "refused"),
        (answer_503, behave_well, "free", "account_failing", "503"),
    ],
    ids=["refused", "503"],
)
def test_jobs_outlast_an_outage_and_the_endpoint_is_left_alone_meanwhile(
    pool: WorkerPool,
    break_: Callable[[EndpointProcess], None],
    mend: Callable[[EndpointProcess], None],
    *,
    domain: str | None,
    waits: str,
    expected: str,
) -> None:
    opened, closed = len(pool.lines("breaker_opened")), len(pool.lines("breaker_closed"))
    break_(pool.endpoint)
    # Retries come within a second; fresh chatbots later, so that some wait unharmed.
    jobs = pool.enqueue("free", 2 * FAILURES)
    until_open(pool, domain)
    fresh = pool.enqueue("free", 30)

    def waiting() -> int:
        return sum(record.wait_reason == waits for record in pool.records(fresh))

    # One at a time is a probe; three that arrive probe at once, and are suspects then.
    eventually(lambda: waiting() >= len(fresh) / 2, "they do not wait")
    since = time.time()
    time.sleep(OUTAGE)
    assert sum(record.attempts_used for record in pool.records(fresh)) == 0
    if expected == "503":
        probes = [each.arrived for each in pool.endpoint.arrivals() if each.arrived > since]
        assert 2 <= len(probes) <= OUTAGE / PAUSE + 3

    mend(pool.endpoint)
    records = pool.wait([*jobs, *fresh])
    assert {record.outcome for record in records} == {"delivered"}
    assert max(record.attempts_used for record in records) <= ATTEMPTS
    assert not is_open(pool, domain)
    eventually(lambda: len(pool.lines("breaker_closed")) > closed, "its closing is not logged")
    lines = pool.lines("breaker_opened")[opened:]
    assert any(expected in line for line in lines)
    assert any(("account=free" in line) == (domain == "free") for line in lines)
    assert "again" in pool.lines("breaker_closed")[-1]


def test_backlog_of_an_outage_drains_at_the_paced_rate_and_not_as_a_herd(pool: WorkerPool) -> None:
    answer_503(pool.endpoint)
    jobs = pool.enqueue("paced", 2 * FAILURES)
    until_open(pool, "paced")
    jobs += pool.enqueue("paced", 25)
    behave_well(pool.endpoint)
    assert pool.outcomes(jobs) == {"delivered"}
    times = [each.arrived for each in pool.arrivals("paced") if each.status == 200]
    assert len(times) == len(jobs)
    assert most_within(WINDOW, times) <= REQUESTS
    # Four that are due within that time, six that catch up, and some that were held up.
    assert most_within(WINDOW / 10, times) <= 16


def test_outage_of_one_account_delays_no_other(pool: WorkerPool) -> None:
    pool.endpoint.add_rule("*", "status", status=503, key=ACCOUNTS.index("free"))
    pool.enqueue("free", 2 * FAILURES)
    until_open(pool)
    assert not is_open(pool, None)
    assert pool.outcomes(pool.enqueue("paced", 5), timeout=3) == {"delivered"}
    behave_well(pool.endpoint)
    eventually(lambda: not is_open(pool), "the breaker stays open")


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
    assert not is_open(pool)
