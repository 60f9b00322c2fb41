"""What `facelift status` makes of the pool."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facelift.cli.draw.pool import describe_pool
from facelift.cli.draw.trouble import advice_on
from facelift.codes import OutcomeCode, WaitReason
from facelift.status.pool import (
    AccountStatus,
    BreakerState,
    Event,
    EventKind,
    Pause,
    PoolStatus,
    StoreOutage,
    SuspectStatus,
)
from facelift.status.worker import WorkerStatus
from tests.drawing import drawn

NOW = 1_764_000_000.0  # 2025-11-24 16:00:00 UTC
DAY = 86_400
ACCOUNT = AccountStatus(
    name="default",
    is_registered=True,
    limit=100,
    window=10.0,
    used=37,
    waiting=1200,
    pause=None,
    quiet_until=None,
)
WORKER = WorkerStatus(
    name="host-1:7",
    host="host-1",
    pid=7,
    version="0.1.0",
    since=NOW - DAY,
    seen_at=NOW - 3,
    last_poll_at=NOW - 4,
    slots=100,
    busy=3,
)
POOL = PoolStatus(
    at=NOW,
    queued=16,
    running=1,
    waiting={WaitReason.RETRY: 2, WaitReason.BACKLOG: 1200},
    ended={},
    oldest_at=NOW - 90,
    breaker=BreakerState.CLOSED,
    breaker_reason="",
    breaker_since=None,
    next_probe_at=None,
    pause=None,
    accounts=(ACCOUNT,),
    workers=(WORKER,),
    events=(),
)
DOWN = replace(
    POOL,
    breaker=BreakerState.OPEN,
    breaker_reason="The endpoint answered 503.",
    breaker_since=NOW - 60,
    next_probe_at=NOW + 4,
)
PAUSE = Pause(code="operator", reason="new key", by="ana@host", at=NOW - 60, until=None)


def lines(pool: PoolStatus) -> list[str]:
    return drawn(*describe_pool(pool))


def words(pool: PoolStatus) -> str:
    return " ".join(" ".join(lines(pool)).split())


def with_account(**changes: object) -> PoolStatus:
    return replace(POOL, accounts=(replace(ACCOUNT, **changes),))  # type: ignore[arg-type] # whatever a test wants


def test_a_pool_that_is_well_is_reported_in_a_few_lines() -> None:
    assert lines(POOL) == [
        "Pool      2025-11-24 16:00:00 UTC",
        "Endpoint  breaker closed: requests are let through",
        "Queue     16 messages; the oldest job that waits for its turn is 90 s old",
        "Running   1 job",
        "Waiting   1202 jobs: 2 retry, 1200 backlog",
        "",
        "Account  Used              Waiting  State",
        "default  37 of 100 in 10s     1200  ok",
        "",
        "Worker    Busy      Last poll",
        "host-1:7  3 of 100  4 s ago",
    ]


def test_a_pool_without_work_says_so() -> None:
    idle = replace(POOL, queued=0, running=0, waiting={}, oldest_at=None)
    assert lines(idle)[2:6] == [
        "Queue     0 messages",
        "Running   0 jobs",
        "Waiting   0 jobs",
        "",
    ]


def test_a_pool_that_no_worker_has_joined_says_so() -> None:
    shown = lines(replace(POOL, accounts=(), workers=()))
    assert shown[-3:] == ["No worker has registered an account yet.", "", "No worker is running."]


@pytest.mark.parametrize(
    ("pool", "shown"),
    [
        (DOWN, "breaker open since 15:59:00: The endpoint answered 503. Next probe at 16:00:04."),
        (replace(DOWN, next_probe_at=NOW - 1), "Next probe at the next job."),
        (
            replace(DOWN, breaker=BreakerState.HALF_OPEN),
            "breaker half open since 15:59:00: The endpoint answered 503. A probe is under way.",
        ),
        (
            replace(
                POOL,
                breaker_since=NOW - DAY,
                breaker_reason="The endpoint answers again, after 8 s.",
            ),
            "breaker closed since 2025-11-23 16:00:00 UTC: The endpoint answers again, after 8 s.",
        ),
    ],
)
def test_the_breaker_is_reported_with_reason_and_time(pool: PoolStatus, shown: str) -> None:
    assert shown in words(pool)


def test_a_pause_of_everything_is_reported_beside_the_accounts() -> None:
    shown = lines(replace(POOL, pause=replace(PAUSE, until=NOW + 2 * DAY)))
    assert " ".join(" ".join(shown[2:4]).split()) == (
        "All jobs paused by ana@host since 15:59:00, until 2025-11-26 16:00:00 UTC: new key"
    )
    assert shown[-4].endswith("1200  ok")


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"busy": 100, "last_poll_at": NOW - 90}, "100 of 100 all its slots are busy"),
        ({"last_poll_at": NOW - 90}, "3 of 100 has room, but asked for no job for 87 s"),
        ({"seen_at": NOW - 25, "last_poll_at": NOW - 26}, "3 of 100 without a heartbeat for 25 s"),
    ],
)
def test_a_worker_is_reported_as_it_stands(changes: dict[str, object], shown: str) -> None:
    worker = replace(WORKER, **changes)  # type: ignore[arg-type] # whatever a test wants
    assert shown in words(replace(POOL, workers=(worker,)))


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"pause": PAUSE}, "37 of 100 in 10s 1200 paused by ana@host since 15:59:00: new key"),
        ({"quiet_until": NOW + 30}, "1200 the endpoint asked for a pause until 16:00:30"),
        (
            {"pause": replace(PAUSE, reason=""), "quiet_until": NOW + 30},
            "paused by ana@host since 15:59:00; the endpoint asked for a pause until 16:00:30",
        ),
        ({"limit": None, "window": None, "used": 0}, "default no limit 1200 ok"),
        ({"is_registered": False, "limit": None}, "default no worker 1200 ok"),
        ({"has_key": False}, "one upload tries its API key before others go"),
        ({"workers_left": ("w",)}, "1 worker has another API key than the newest that works"),
        ({"workers_left": ("v", "w")}, "2 workers have another API key than the newest that"),
    ],
)
def test_an_account_is_reported_as_it_stands(changes: dict[str, object], row: str) -> None:
    assert row in words(with_account(**changes))


@pytest.mark.parametrize("code", ["unauthorized", "forbidden"])
def test_refused_key_comes_with_advice(code: str) -> None:
    shown = words(with_account(pause=replace(PAUSE, code=code)))
    assert "Advice account default: if the endpoint refused its API key, give the workers" in shown
    assert "give the workers" not in words(with_account(pause=PAUSE))


def test_endpoint_that_is_down_comes_with_advice() -> None:
    advice = "Advice check the endpoint; the jobs go on by themselves once it is back"
    assert advice in words(DOWN)
    assert "Advice" not in words(POOL)


def failing(number: int) -> SuspectStatus:
    """A chatbot that failed so often in a row."""
    return SuspectStatus(
        chatbot_id=f"bot-{number}",
        failures=number,
        code=OutcomeCode.SERVER_ERROR,
        message="The endpoint answered 500: Internal server error.",
        since=NOW - 60 * number,
        at=NOW - 1,
    )


FAILING = with_account(failing_chatbots=2, worst=(failing(7), failing(3)))
ACCOUNT_DOWN = with_account(
    breaker=BreakerState.OPEN,
    breaker_reason="12 uploads of 7 chatbots failed; the last: The endpoint answered 500.",
    breaker_since=NOW - 60,
    next_probe_at=NOW + 4,
)


def test_account_that_fails_says_so_while_the_endpoint_does_not() -> None:
    shown = words(ACCOUNT_DOWN)
    assert "Endpoint breaker closed: requests are let through" in shown
    assert (
        "1200 breaker open since 15:59:00: 12 uploads of 7 chatbots failed; the last: The "
        "endpoint answered 500. Next probe at 16:00:04"
    ) in shown
    assert "Advice account default: check the account at Chatbase; its jobs go on by" in shown


def test_failing_chatbots_are_listed_with_counts_and_last_errors() -> None:
    shown = lines(FAILING)
    at = shown.index("Failing chatbot  Account  Failures  Since     Last error")
    assert shown[at - 2] == "default  37 of 100 in 10s     1200  2 chatbots fail"
    assert shown[at + 1 :][:4] == [
        "bot-7            default         7  15:53:00  The endpoint answered 500:",
        "                                              Internal server error.",
        "bot-3            default         3  15:57:00  The endpoint answered 500:",
        "                                              Internal server error.",
    ]
    advice = "Advice 2 failing chatbots: check the chatbot at Chatbase; its jobs are retried, and"
    assert advice in words(FAILING)


def test_worst_ten_chatbots_of_all_accounts_are_listed_and_the_others_counted() -> None:
    shop = replace(
        ACCOUNT, name="shop", failing_chatbots=40, worst=tuple(map(failing, range(40, 30, -1)))
    )
    other = replace(ACCOUNT, failing_chatbots=2, worst=(failing(99), failing(1)))
    shown = lines(replace(POOL, accounts=(other, shop)))
    assert [line.split()[0] for line in shown if line.startswith("bot-")] == [
        "bot-99",
        *(f"bot-{number}" for number in range(40, 31, -1)),
    ]
    assert "and 32 more" in shown


def test_accounts_with_one_key_are_named_and_have_one_state() -> None:
    first = replace(FAILING.accounts[0], name="acme", shares_key_with=("shop",))
    second = replace(first, name="shop", shares_key_with=("acme",))
    shown = words(replace(POOL, accounts=(first, second)))
    assert "1200 2 chatbots fail; has the API key of shop shop" in shown
    assert "1200 has the API key of acme: see there" in shown
    assert shown.count("bot-7") == 1


def test_every_domain_in_trouble_has_advice_the_widest_first() -> None:
    down = (replace(ACCOUNT_DOWN.accounts[0], name=name) for name in ("acme", "shop"))
    waiting = {WaitReason.UNKNOWN_ACCOUNT: 7}
    accounts = (*FAILING.accounts, *down)
    pool = replace(FAILING, accounts=accounts, waiting=waiting, unknown_accounts=("shopp",))
    assert [each.split(":")[0] for each in advice_on(pool)] == [
        "2 accounts",
        "2 failing chatbots",
        "7 jobs of unknown accounts (shopp)",
    ]


def test_only_the_widest_domain_in_trouble_is_shown() -> None:
    sick = (replace(ACCOUNT_DOWN.accounts[0], failing_chatbots=2, worst=FAILING.accounts[0].worst),)
    for pool, advised in (
        (replace(DOWN, accounts=sick), "check the endpoint; the jobs go on by themselves once"),
        (replace(POOL, accounts=sick), "account default: check the account at Chatbase; its"),
    ):
        shown = words(pool)
        assert f"Advice {advised}" in shown
        assert "failing chatbot" not in shown.lower()
    assert words(replace(DOWN, accounts=sick)).count("breaker open") == 1


def test_breaker_event_of_an_account_names_it() -> None:
    event = Event(NOW - 1, EventKind.BREAKER_OPENED, "Twelve failed.", "facelift", "shop")
    shown = lines(replace(POOL, events=(event,)))
    assert shown[-1] == "15:59:59  breaker of account shop opened: Twelve failed."


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_has_its_words(kind: EventKind) -> None:
    of_all = ("breaker", "all", "worker", "clock", "settings")
    account = None if kind.startswith(of_all) else "shop"
    event = Event(at=NOW - 1, kind=kind, reason="Because.", by="ana", account=account)
    last = lines(replace(POOL, events=(event,)))[-1]
    assert last.startswith("15:59:59  ")
    assert last.endswith(" by ana: Because.")
    assert ("shop" in last) == (account is not None)


def test_event_of_a_newer_release_is_reported_by_its_name() -> None:
    event = Event(NOW, EventKind.read("moon_rose"), "", "facelift", None)
    assert "moon_rose" in lines(replace(POOL, events=(event,)))[-1]


def test_what_happens_by_itself_names_nobody() -> None:
    event = Event(NOW - DAY, EventKind.BREAKER_OPENED, "Ten failed.", "facelift", None)
    assert lines(replace(POOL, events=(event,)))[-2:] == [
        "Recent                   Event",
        "2025-11-23 16:00:00 UTC  breaker of the endpoint opened: Ten failed.",
    ]


def test_it_fits_into_80_columns_with_long_names_and_reasons() -> None:
    pause = replace(PAUSE, reason="a reason of many words " * 8, by="somebody@" + "h" * 20)
    accounts = [
        replace(ACCOUNT, name=name, limit=1_000_000, used=999_999, window=3600.0, pause=pause)
        for name in ("short", "a" * 20, "b" * 40)
    ]
    event = Event(NOW, EventKind.ACCOUNT_PAUSED, pause.reason, pause.by, "b" * 40)
    workers = [
        replace(WORKER, name=name, slots=500, busy=400, seen_at=NOW - 29, last_poll_at=NOW - 1e6)
        for name in ("w:7", "w" * 40, "z" * 70)
    ]
    shown = lines(
        replace(
            DOWN,
            breaker_reason="word " * 40,
            accounts=tuple(accounts),
            workers=tuple(workers),
            events=(event,),
        )
    )
    assert max(map(len, shown)) <= 80
    assert sum(line.count("z") for line in shown) == 70


def test_webhooks_that_are_still_to_be_sent_are_reported() -> None:
    assert "Webhooks  3 notifications to send" in lines(replace(POOL, webhooks=3))
    assert not [line for line in lines(POOL) if "Webhooks" in line]


def test_an_image_store_that_is_out_is_named_with_what_waits_for_it() -> None:
    outage = StoreOutage(
        store="media",
        workers=("host:1", "host:2"),
        since=NOW - 60,
        reason="The image store is not available; it answered 503.",
        waiting=30,
    )
    shown = words(replace(POOL, stores=(outage,)))
    assert "Stores media is out since" in shown
    assert "host:1, host:2; 30 jobs wait: The image store is not available; it" in shown
    assert "Advice store media: check the image store" in shown


@pytest.mark.parametrize(
    ("kind", "says"), [(EventKind.STORE_OUT, "out"), (EventKind.STORE_BACK, "back")]
)
def test_event_of_an_image_store_names_it(kind: EventKind, says: str) -> None:
    event = Event(NOW - 1, kind, "Because.", "facelift", None, "media")
    shown = lines(replace(POOL, events=(event,)))[-1]
    assert shown == f"15:59:59  image store media {says}: Because."
