"""The pytest plugin: the fixture `facelift_jobs`. It imports the test kit when that is used.

pytest loads it wherever facelift-client is installed, with the extra `testing` or without.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.testing.jobs import FaceliftJobs

_NEEDED = ("fakeredis", "lupa")  # the extra `testing`, beside pytest


@pytest.fixture
def facelift_jobs() -> Iterator[FaceliftJobs]:
    """Every client enqueues into memory, and the test scripts the outcomes of the jobs."""
    missing = [module for module in _NEEDED if find_spec(module) is None]
    if missing:
        pytest.fail(
            "The fixture facelift_jobs needs the extra testing of facelift-client: pip install "
            f"'./client[testing]' (not installed: {', '.join(missing)})",
            pytrace=False,
        )
    from facelift.testing.jobs import FaceliftJobs  # noqa: PLC0415 - only who uses it pays for it

    with FaceliftJobs() as jobs:
        yield jobs
