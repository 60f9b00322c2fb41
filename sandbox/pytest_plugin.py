"""A pytest fixture of the sandbox endpoint: `pytest_plugins = ["sandbox.pytest_plugin"]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.endpoint.process import EndpointProcess


@pytest.fixture(scope="session")
def _facelift_endpoint_process() -> Iterator[EndpointProcess]:
    from sandbox.endpoint.process import EndpointProcess  # noqa: PLC0415 - paid for when used

    with EndpointProcess() as process:
        yield process


@pytest.fixture
def facelift_endpoint(_facelift_endpoint_process: EndpointProcess) -> EndpointProcess:
    """The sandbox endpoint, as freshly started."""
    _facelift_endpoint_process.reset()
    return _facelift_endpoint_process
