"""Find keys of the ledger that hold another Redis type than they must.

The scripts do not ask for a key's type: Redis refuses a command on a key of the wrong type by
itself (`WRONGTYPE`). `facelift doctor` names the key.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from redis import Redis

from facelift import status
from facelift.job import DEFAULT_ACCOUNT, account_key
from facelift.ledger.connection import translated
from facelift.ledger.keys import Keys, MemberKey, SharedKey

_OF_ACCOUNT = (
    *(
        "account",
        "account_keys",
        "account_queue",
        "idle_flows",
        "suspect_queue",
        "suspects",
        "suspects_running",
    ),
    *("failures", "charged", "running", "rate_window"),
)


def shared_types(keys: Keys) -> dict[str, str]:
    """The Redis type of each key that the ledger has once."""
    shared = [each for each in vars(Keys).values() if isinstance(each, SharedKey)]
    return {keys.queue: "list"} | {keys.base + each.name: each.redis_type for each in shared}


def member_types(keys: Keys, member: str, *names: str) -> dict[str, str]:
    """The Redis type of some keys of a job, an account, ..., such as `account_queue`."""
    families: list[MemberKey] = [vars(Keys)[name] for name in names]
    return {f"{keys.base}{each.name}:{member}": each.redis_type for each in families}


def find_wrong_types(redis: Redis, keys: Keys, limit: int) -> "list[status.WrongType]":
    """Compare the types of the ledger's keys with what they must be.

    It reads the shared keys, those of every account, worker and batch, and those of the pending
    jobs. It lists no keys, so that a user without `SCAN` may call it.

    Args:
        redis: a client made with `decode_responses=True`.
        keys: of the ledger.
        limit: members of each index that it follows at most.

    Raises:
        LedgerUnavailable, LedgerRefused: Redis cannot be reached, or refused.
    """
    with translated():
        wrong = _compare(redis, shared_types(keys))
        unreadable = {each.key for each in wrong}

        def members(index: str) -> list[str]:
            return [] if index in unreadable else _members(redis, index, limit)

        expected: dict[str, str] = {}
        for account in members(keys.accounts):
            expected |= member_types(keys, account, *_OF_ACCOUNT)
        for worker in members(keys.workers):
            expected |= member_types(keys, worker, "worker", "worker_keys")
        for batch in members(keys.batches):
            expected |= member_types(keys, batch, "batch", "batch_pending")
        pending = [each for each in members(keys.schedule) if ":" not in each]
        for job_id in pending:
            expected |= member_types(keys, job_id, "job")
        wrong += (found := _compare(redis, expected))
        unreadable = {each.key for each in found}
        records = [key for key in map(keys.job, pending) if key not in unreadable]
        of_chatbots: dict[str, str] = {}
        for chatbot, account, asset in _pipelined(
            redis, [("HMGET", key, "chatbot_id", "account", "asset") for key in records]
        ):
            if chatbot:
                order = f"/{asset}" if asset else ""
                member = f"{account_key(account or DEFAULT_ACCOUNT)}{order}:{chatbot}"
                of_chatbots |= member_types(keys, member, "chatbot_queue", "chatbot_lock")
        return wrong + _compare(redis, of_chatbots)


def _compare(redis: Redis, expected: Mapping[str, str]) -> "list[status.WrongType]":
    found = _pipelined(redis, [("TYPE", key) for key in expected])
    return [
        status.WrongType(key, found_type, expected_type)
        for (key, expected_type), found_type in zip(expected.items(), found, strict=True)
        if found_type not in {expected_type, "none"}
    ]


def _members(redis: Redis, index: str, limit: int) -> list[str]:
    found: Any
    if redis.type(index) == "set":
        found = sorted(cast("set[str]", redis.smembers(index)))[:limit]
    else:
        found = redis.zrange(index, 0, limit - 1)
    return list(found)


def _pipelined(redis: Redis, commands: Iterable[tuple[str, ...]]) -> list[Any]:
    with redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py's
        return pipeline.execute()
