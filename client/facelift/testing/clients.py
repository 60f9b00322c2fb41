"""Every `UploadClient` on one ledger, whenever and with whatever URL it was made.

Services keep a client in a module, made when that is imported and thus before any
fixture. So it is not the making that is replaced, but what a client holds: whatever
it is made of reaches Redis by way of what is named below.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from facelift.client import UploadClient
from facelift.ledger.pool import Pool
from facelift.ledger.record_reader import RecordReader
from facelift.operations.batches import BatchTimeout
from facelift.operations.observe import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.batch import BatchStatus
    from facelift.record import JobRecord
    from facelift.testing.ledger import Ledger

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

    held = (
        (UploadClient, "_redis", ledger.redis),
        (RecordReader, "_redis", ledger.redis),
        (RecordReader, "_scripts", ledger.scripts),
        (RecordReader, "keys", ledger.keys),
        (Pool, "_scripts", ledger.scripts),
    )
    with ExitStack() as stack:
        for kind, name, value in held:
            stack.enter_context(patch.object(kind, name, _Instead(name, value), create=True))
        stack.enter_context(patch.object(UploadClient, "watch", watch))
        stack.enter_context(patch.object(UploadClient, "watch_batch", watch_batch))
        yield


class _Instead:
    """Stands before an attribute of all of a kind; their own are theirs again afterwards."""

    def __init__(self, name: str, value: object) -> None:
        self._name = name
        self._value = value

    def __get__(self, holder: object, kind: type) -> object:
        return self._value

    def __set__(self, holder: object, own: object) -> None:
        vars(holder)[self._name] = own
