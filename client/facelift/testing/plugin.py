"""The pytest plugin: fixtures of the test kit, and nothing that costs time until one is used.

pytest loads it wherever Facelift is installed, with the extra `testing` or without.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.testing.jobs import FaceliftJobs

# What the extra `testing` brings along, and what of it either fixture needs.
_FOR_JOBS = ("fakeredis", "lupa", "prometheus_client", "pythonjsonlogger", "requests")


@pytest.fixture
def facelift_jobs() -> Iterator[FaceliftJobs]:
    """Every `UploadClient` enqueues into memory; what becomes of the jobs is up to the test."""
    _need("facelift_jobs", _FOR_JOBS)
    from facelift.testing.jobs import FaceliftJobs  # noqa: PLC0415 - only who uses it pays for it

    with FaceliftJobs() as jobs:
        yield jobs


def _need(fixture: str, modules: tuple[str, ...]) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        pytest.fail(
            f"The fixture {fixture} needs the extra testing of facelift-client: pip install "
            f"'./client[testing]' (not installed: {', '.join(missing)})",
            pytrace=False,
        )
