"""Find keys of the ledger that hold another Redis type than they must.

The scripts do not ask for a key's type: Redis refuses a command on a key of the wrong type by
itself (`WRONGTYPE`). `facelift doctor` names the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from facelift.ledger.connection import translated
from facelift.status.server import WrongType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from redis import Redis

    from facelift.ledger.keys import Keys


def shared_types(keys: Keys) -> dict[str, str]:
    """The Redis type of each key that the ledger has once."""
    return {
        keys.queue: "list",
        keys.schedule: "zset",
        keys.generation: "string",
        keys.accounts: "set",
        keys.endpoint: "hash",
        keys.config: "hash",
        keys.breaker_results: "hash",
        keys.events: "list",
        keys.unlogged_events: "list",
        keys.workers: "zset",
        keys.counts: "hash",
        keys.jobs: "stream",
        keys.outcomes: "stream",
        keys.webhooks: "zset",
        keys.batches: "zset",
    }


def account_types(keys: Keys, name: str) -> dict[str, str]:
    """The Redis type of each key of an account."""
    return {
        keys.account(name): "hash",
        keys.account_queue(name): "zset",
        keys.rate_window(name): "zset",
    }


def batch_types(keys: Keys, name: str) -> dict[str, str]:
    """The Redis type of each key of a batch."""
    return {keys.batch(name): "hash", keys.batch_pending(name): "set"}


def chatbot_types(keys: Keys, chatbot_id: str) -> dict[str, str]:
    """The Redis type of each key of a chatbot."""
    return {keys.chatbot_queue(chatbot_id): "zset", keys.chatbot_lock(chatbot_id): "string"}


def find_wrong_types(redis: Redis, keys: Keys, limit: int) -> list[WrongType]:
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
            expected |= account_types(keys, account)
        for worker in members(keys.workers):
            expected[keys.worker(worker)] = "hash"
        for batch in members(keys.batches):
            expected |= batch_types(keys, batch)
        pending = [each for each in members(keys.schedule) if not each.startswith("account:")]
        expected |= {keys.job(job_id): "hash" for job_id in pending}
        wrong += (found := _compare(redis, expected))
        unreadable |= {each.key for each in found}
        records = [key for key in map(keys.job, pending) if key not in unreadable]
        chatbots = _pipelined(redis, [("HGET", key, "chatbot_id") for key in records])
        for chatbot_id in sorted(set(filter(None, chatbots))):
            wrong += _compare(redis, chatbot_types(keys, chatbot_id))
    return wrong


def _compare(redis: Redis, expected: Mapping[str, str]) -> list[WrongType]:
    found = _pipelined(redis, [("TYPE", key) for key in expected])
    return [
        WrongType(key, found_type, expected_type)
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
