"""The pytest plugin: fixtures of the test kit, and nothing that costs time until one is used.

pytest loads it wherever Facelift is installed, with the extra `testkit` or without.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.endpoint.process import EndpointProcess
    from testkit.jobs import FaceliftJobs

# What the extra `testkit` brings along, and what of it either fixture needs.
_FOR_JOBS = ("fakeredis", "lupa", "prometheus_client", "pythonjsonlogger", "requests")
_FOR_ENDPOINT = ("aiohttp", "PIL")


@pytest.fixture
def facelift_jobs() -> Iterator[FaceliftJobs]:
    """Every `UploadClient` enqueues into memory; what becomes of the jobs is up to the test."""
    _need("facelift_jobs", _FOR_JOBS)
    from testkit.jobs import FaceliftJobs  # noqa: PLC0415 - only who uses it pays for it

    with FaceliftJobs() as jobs:
        yield jobs


@pytest.fixture(scope="session")
def _facelift_endpoint_process() -> Iterator[EndpointProcess]:
    _need("facelift_endpoint", _FOR_ENDPOINT)
    from sandbox.endpoint.process import EndpointProcess  # noqa: PLC0415 - the same

    with EndpointProcess() as process:
        yield process


@pytest.fixture
def facelift_endpoint(_facelift_endpoint_process: EndpointProcess) -> EndpointProcess:
    """The stand-in of the endpoint, as freshly started."""
    _facelift_endpoint_process.reset()
    return _facelift_endpoint_process


def _need(fixture: str, modules: tuple[str, ...]) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        pytest.fail(
            f"The fixture {fixture} needs Facelift's extra testkit: pip install "
            f"'facelift[testkit]' (not installed: {', '.join(missing)})",
            pytrace=False,
        )
