"""How the Redis of the ledger is set up: what `facelift doctor` judges."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self


class WrongType(NamedTuple):
    """A key that something else was written to.

    Attributes:
        key: its name.
        found: the Redis type it has, such as `set`.
        expected: the type it must have.
    """

    key: str
    found: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """What Redis reports of itself.

    Attributes:
        product: `redis` or `valkey`.
        version: such as `7.2.4`; Valkey names the Redis that it is compatible with.
        mode: `standalone`, `cluster` or `sentinel`.
        is_replica: whether it replicates another, which alone takes writes.
        keeps_log: whether its append-only file is on.
        log_is_well: whether the last write to that file succeeded.
        snapshot_is_well: whether its last snapshot succeeded.
        refusal: why it takes no writes, for a person; empty if it takes them.
        policy: what it evicts when it is full; `noeviction` for nothing.
        used: bytes of memory in use.
        limit: bytes that it may use; None for no limit.
        machine: bytes that its machine has; None if it does not say.
        answered_in: seconds that one command took.
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
    snapshot_is_well: bool = True
    refusal: str = ""
    wrong_types: tuple[WrongType, ...] = ()

    @classmethod
    def decode(
        cls,
        info: Mapping[str, Any],
        *,
        answered_in: float,
        skew: float,
        refusal: str = "",
        wrong_types: Iterable[WrongType] = (),
    ) -> Self:
        """Read the reply of `INFO`."""
        return cls(
            product=str(info.get("server_name", "redis")),
            version=str(info.get("redis_version", "0")),
            mode=str(info.get("redis_mode", "standalone")),
            is_replica=info.get("role") == "slave",
            keeps_log=bool(int(info.get("aof_enabled", 0))),
            log_is_well=info.get("aof_last_write_status", "ok") == "ok",
            snapshot_is_well=info.get("rdb_last_bgsave_status", "ok") == "ok",
            refusal=refusal,
            policy=str(info.get("maxmemory_policy", "noeviction")),
            used=int(info.get("used_memory", 0)),
            limit=int(info.get("maxmemory", 0)) or None,
            machine=int(info.get("total_system_memory", 0)) or None,
            answered_in=answered_in,
            skew=skew,
            wrong_types=tuple(wrong_types),
        )

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, to compare."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit())
