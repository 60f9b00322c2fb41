"""Every `UploadClient` on one ledger, whenever and with whatever URL it was made.

Services keep a client in a module, made when that is imported and thus before any
fixture. So it is not the making that is replaced, but what a client holds.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tasks.client import UploadClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.record import JobRecord
    from testkit.ledger import Ledger


@contextmanager
def every_client(
    ledger: Ledger, watch: Callable[[UploadClient, str, float], Iterator[JobRecord]]
) -> Iterator[None]:
    """Inside the block, clients work on `ledger`, and wait for jobs by `watch`."""

    def watch_instead(
        client: UploadClient,
        job_id: str,
        timeout: float = 60.0,
        **_: Any,  # noqa: ANN401 - how to tell time, which is the kit's here
    ) -> Iterator[JobRecord]:
        return watch(client, job_id, timeout)

    held = {"_redis": ledger.redis, "_store": ledger, "_records": ledger, "_pool": ledger.pool}
    with ExitStack() as stack:
        for name, value in held.items():
            stack.enter_context(
                patch.object(UploadClient, name, _Instead(name, value), create=True)
            )
        stack.enter_context(patch.object(UploadClient, "watch", watch_instead))
        yield


class _Instead:
    """Stands before an attribute of all clients; their own are theirs again afterwards."""

    def __init__(self, name: str, value: object) -> None:
        self._name = name
        self._value = value

    def __get__(self, client: object, owner: type) -> object:
        return self._value

    def __set__(self, client: object, own: object) -> None:
        vars(client)[self._name] = own
