"""The state of the pool, of its workers and of the ledger's Redis: values to read.

Each is imported at its first use: most services never ask, and a start is to cost them little.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facelift.status.pool import (
        AccountStatus,
        BreakerState,
        ClockStatus,
        Event,
        EventKind,
        Pause,
        PoolStatus,
        StoreOutage,
        SuspectStatus,
    )
    from facelift.status.refused import RefusedMessage
    from facelift.status.server import ServerStatus, WrongType
    from facelift.status.worker import REMEMBERED, WorkerReport, WorkerStatus

__all__ = [
    "REMEMBERED",
    "AccountStatus",
    "BreakerState",
    "ClockStatus",
    "Event",
    "EventKind",
    "Pause",
    "PoolStatus",
    "RefusedMessage",
    "ServerStatus",
    "StoreOutage",
    "SuspectStatus",
    "WorkerReport",
    "WorkerStatus",
    "WrongType",
]

_ELSEWHERE = {
    "REMEMBERED": "worker",
    "RefusedMessage": "refused",
    "ServerStatus": "server",
    "WorkerReport": "worker",
    "WorkerStatus": "worker",
    "WrongType": "server",
}
"""The modules of those that are not in `pool`."""


if not TYPE_CHECKING:  # to a type checker it would say that every name exists

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_ELSEWHERE.get(name, 'pool')}")
        return getattr(module, name)
