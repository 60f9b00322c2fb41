"""The Redis that tests run on: a fake one in memory, and a real one of their own.

`redis_client` runs a test on both. Tests that need the real one are marked
`real_redis`: where no server is found they are skipped, and fail in CI.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeRedis, FakeServer
from redis import Redis

from sandbox.redis_binary import RedisServerMissing, find_redis_server
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "redis_binary" in getattr(item, "fixturenames", ()):
            item.add_marker("real_redis")


@pytest.fixture(scope="session")
def traced() -> dict[str, str]:
    """Variables for a process whose coverage is to be measured; none without --cov.

    All others are started without them: to be traced costs a process as much again as its start,
    hundreds are started, and what a few of them have shown to be run the others only run again.
    """
    return MEASURED


@pytest.fixture(scope="session")
def redis_binary() -> Path:
    """The server's program, for a test that starts, stops or kills servers of its own."""
    try:
        return find_redis_server()
    except RedisServerMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def redis_server(
    redis_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """One running server that all tests share."""
    with RedisServer(tmp_path_factory.mktemp("redis"), binary=redis_binary) as server:
        yield server


@pytest.fixture
def decode_responses() -> bool:
    """Whether clients answer in text; a test module that wants it overrides this."""
    return False


@pytest.fixture
def real_redis(redis_server: RedisServer, decode_responses: bool) -> Iterator[Redis]:  # noqa: FBT001 - a fixture's value comes by name
    """A client of the real server, which is empty."""
    with Redis.from_url(redis_server.url, decode_responses=decode_responses) as client:
        client.flushall()
        yield client


# Tracing doubles what the fake one takes, which runs our scripts in Python; what else of ours a
# test runs is measured on the real one.
@pytest.fixture(
    params=[
        pytest.param("fake", marks=pytest.mark.no_cover),
        pytest.param("real", marks=pytest.mark.real_redis),
    ]
)
def redis_client(request: pytest.FixtureRequest, decode_responses: bool) -> Iterator[Redis]:  # noqa: FBT001 - the same
    """A client of an empty Redis: the test runs on the fake one and on the real one."""
    if request.param == "real":
        yield request.getfixturevalue("real_redis")
        return
    with FakeRedis(server=FakeServer(), decode_responses=decode_responses) as client:
        yield client
