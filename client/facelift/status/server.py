"""How the Redis is set up that holds the ledger: what `facelift doctor` judges."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from facelift.ledger.connection import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from redis import Redis

    from facelift.ledger.key_types import WrongType


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """What Redis says of itself.

    Attributes:
        product: `redis` or `valkey`.
        version: such as `7.2.4`; a Valkey tells the Redis that it is like.
        mode: `standalone`, `cluster` or `sentinel`.
        is_replica: whether it follows another, which alone takes writes.
        keeps_log: whether its append-only file is on.
        log_is_well: whether the last write to that succeeded.
        policy: what it throws away when it is full; `noeviction` for nothing.
        used: bytes of memory in use.
        limit: bytes that it may use; None for as many as there are.
        machine: bytes that its machine has; None if it does not say.
        answered_in: seconds that one question took.
        skew: seconds by which this machine's clock is ahead of Redis'.
        wrong_types: keys of the ledger that hold another Redis type than they must.
    """

    product: str
    version: str
    mode: str
    is_replica: bool
    keeps_log: bool
    log_is_well: bool
    policy: str
    used: int
    limit: int | None
    machine: int | None
    answered_in: float
    skew: float
    wrong_types: tuple[WrongType, ...] = ()

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, to compare."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit())


def read_server(
    redis: Redis,
    *,
    wrong_types: Iterable[WrongType] = (),
    now: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> ServerStatus:
    """Ask Redis how it is set up.

    Raises:
        LedgerUnavailable: it cannot be reached.
        LedgerRefused: these credentials may not ask.
    """
    with translated():
        info = cast("Mapping[str, Any]", redis.info())
        began = monotonic()
        seconds, microseconds = redis.time()
        took = monotonic() - began
    # Redis looked at its clock about half way through.
    skew = now() - took / 2 - (seconds + microseconds / 1_000_000)
    return ServerStatus(
        product=str(info.get("server_name", "redis")),
        version=str(info.get("redis_version", "0")),
        mode=str(info.get("redis_mode", "standalone")),
        is_replica=info.get("role") == "slave",
        keeps_log=bool(int(info.get("aof_enabled", 0))),
        log_is_well=info.get("aof_last_write_status", "ok") == "ok",
        policy=str(info.get("maxmemory_policy", "noeviction")),
        used=int(info.get("used_memory", 0)),
        limit=int(info.get("maxmemory", 0)) or None,
        machine=int(info.get("total_system_memory", 0)) or None,
        answered_in=took,
        skew=skew,
        wrong_types=tuple(wrong_types),
    )
