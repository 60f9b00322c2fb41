"""A pytest fixture of the sandbox endpoint: `pytest_plugins = ["sandbox.pytest_plugin"]`."""

from collections.abc import Iterator

import pytest

from sandbox.endpoint.process import EndpointProcess


@pytest.fixture(scope="session")
def _facelift_endpoint_process() -> Iterator[EndpointProcess]:
    with EndpointProcess() as process:
        yield process


@pytest.fixture
def facelift_endpoint(_facelift_endpoint_process: EndpointProcess) -> EndpointProcess:
    """The sandbox endpoint in its initial state; all tests share one process."""
    _facelift_endpoint_process.reset()
    return _facelift_endpoint_process
