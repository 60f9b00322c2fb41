"""Every `UploadClient` on one ledger, whenever and with whatever URL it was made.

Services keep a client in a module, made when that is imported and thus before any
fixture. So it is not the making that is replaced, but what a client holds.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tasks.client import UploadClient
from tasks.enqueuer import Enqueuer
from tasks.errors import BatchTimeout, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.batch_status import BatchStatus
    from tasks.record import JobRecord
    from testkit.ledger import Ledger

    Follow = Callable[
        [Callable[[], Any], Callable[[Any], bool], float, Callable[[Any], Exception]],
        Iterator[Any],
    ]


@contextmanager
def every_client(ledger: Ledger, follow: Follow) -> Iterator[None]:
    """Inside the block, clients work on `ledger`, and wait for jobs and batches by `follow`.

    Args:
        ledger: the one in memory.
        follow: given how to look, when it is over, a timeout in seconds and the error that ends
            it, yields what there is to see at each change.
    """

    def watch(
        client: UploadClient,
        job_id: str,
        timeout: float = 60.0,
        **_: Any,  # noqa: ANN401 - how to tell time, which is the kit's here
    ) -> Iterator[JobRecord]:
        return follow(
            lambda: client.status(job_id),
            lambda record: record.state.is_terminal,
            timeout,
            lambda record: WaitTimeout(record, timeout),
        )

    def watch_batch(
        client: UploadClient,
        batch_id: str,
        timeout: float = 60.0,
        **_: Any,  # noqa: ANN401 - the same
    ) -> Iterator[BatchStatus]:
        return follow(
            lambda: client.batch(batch_id),
            lambda status: status.is_complete,
            timeout,
            lambda status: BatchTimeout(status, timeout),
        )

    held: dict[type, dict[str, object]] = {
        UploadClient: {
            "_redis": ledger.redis,
            "_store": ledger,
            "_records": ledger,
            "_batches": ledger,
            "_pool": ledger.pool,
        },
        Enqueuer: {"_store": ledger},
    }
    with ExitStack() as stack:
        for kind, values in held.items():
            for name, value in values.items():
                instead = _Instead(name, value)
                stack.enter_context(patch.object(kind, name, instead, create=True))
        stack.enter_context(patch.object(UploadClient, "watch", watch))
        stack.enter_context(patch.object(UploadClient, "watch_batch", watch_batch))
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
