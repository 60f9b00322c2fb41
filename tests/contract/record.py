"""Records a ledger of this release, with a job in each state, for the releases after it.

    .venv/bin/python -m tests.contract.record

writes `recorded/<release>.json`: every key of the ledger as Redis holds it, the raw
messages on the queue, and each job as `facelift status --json` shows it. Do so once when
a release is made; what an earlier one recorded is never changed.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from facelift.codes import OutcomeCode
from facelift.job import ENQUEUE_TASK
from sandbox.redis_server import RedisServer
from tests.ledger.driver import START, Ledger

FOLDER = Path(__file__).parent / "recorded"

_READ = {
    "hash": "hgetall",
    "string": "get",
    "set": "smembers",
}
ENQUEUED = {
    "chatbot_id": "bot-enqueued",
    "image": "media:bots/enqueued.png",
    "account": "acme-eu",
    "idempotency_key": "spring-campaign/bot-enqueued",
    "sha256": "0f" * 32,
    "not_before": START,
    "expires_at": START + 3600,
    "fit": "crop",
    "fit_focus": [0.5, 0.25],
    "batch": "spring",
    "priority": "high",
    "fairness_key": "customer-42",
    "metadata": {"user_id": "42"},
}


def fill(ledger: Ledger) -> None:
    """A job in each state, named by it."""
    for state in ("succeeded", "failed", "cancelled", "crash_loop"):
        ledger.enqueue(f"bot-{state}", f"media:bots/{state}.png", job_id=state)
    lease = ledger.acquire_with_permit("succeeded")
    ledger.retry_later(lease)
    ledger.run_once(5)
    ledger.deliver(ledger.acquire_with_permit("succeeded"))
    ledger.fail(ledger.acquire_with_permit("failed"))
    ledger.store.cancel("cancelled")
    for _ in range(4):
        ledger.acquire("crash_loop")
        ledger.run_once(15)
        ledger.run_once(300)
    ledger.enqueue("bot-late", job_id="expired", expires_at=ledger.now + 1)
    ledger.run_once(10)
    ledger.store.refuse(
        "invalid", OutcomeCode.INVALID_JOB, "image: is missing", {"chatbot_id": "bot-invalid"}
    )
    ledger.enqueue("bot-twice", "media:old.png", job_id="superseded")
    ledger.enqueue("bot-twice", "media:new.png", job_id="superseding")
    ledger.deliver(ledger.acquire_with_permit("superseding"))
    while ledger.messages():
        ledger.take_message()

    ledger.enqueue("bot-retry", job_id="retry")
    ledger.retry_later(ledger.acquire_with_permit("retry"), 60)
    ledger.enqueue("bot-later", job_id="scheduled", not_before=ledger.now + 3600)
    ledger.enqueue("bot-running", job_id="running", sha256="AB" * 32)
    ledger.acquire("running")
    ledger.store.pool.pause("acme", by="anna@host", reason="a new key", until=None)
    ledger.enqueue("bot-paused", job_id="paused", account="acme")
    lease = ledger.acquire("paused")
    ledger.store.acquire_permit(lease, 15, 30)
    while ledger.messages():
        ledger.take_message()
    ledger.enqueue("bot-newer", "media:old.png", job_id="older")
    ledger.enqueue("bot-newer", "media:new.png", job_id="newer", fit="pad", batch="spring")
    ledger.enqueue("bot-queued", job_id="queued", idempotency_key="k", priority="low")


def dump(redis: Any) -> dict[str, dict[str, Any]]:
    """Every key: its type, its value, and the seconds it has left."""
    found: dict[str, dict[str, Any]] = {}
    for key in sorted(redis.scan_iter()):
        kind = redis.type(key)
        if kind == "zset":
            value: Any = dict(redis.zrange(key, 0, -1, withscores=True))
        elif kind == "stream":
            value = redis.xrange(key)
        elif kind == "list":
            value = redis.lrange(key, 0, -1)
        else:
            value = getattr(redis, _READ[kind])(key)
        found[key] = {
            "type": kind,
            "value": sorted(value) if kind == "set" else value,
            "left": redis.ttl(key),
        }
    return found


def restore(redis: Any, keys: dict[str, dict[str, Any]]) -> None:
    """The same keys again."""
    for key, held in keys.items():
        value = held["value"]
        match held["type"]:
            case "hash":
                redis.hset(key, mapping=value)
            case "zset":
                redis.zadd(key, value)
            case "stream":
                for entry, fields in value:
                    redis.xadd(key, fields, id=entry)
            case "set":
                redis.sadd(key, *value)
            case "list":
                redis.rpush(key, *value)
            case _:
                redis.set(key, value)
        if held["left"] > 0:
            redis.expire(key, held["left"])


def _celerys_message(redis_url: str, redis: Any) -> str:
    """`facelift.enqueue` as Celery itself sends it."""
    with Celery("producer", broker=redis_url, set_as_current=False) as app:
        app.send_task(
            ENQUEUE_TASK, queue="by-celery", task_id="enqueued", kwargs=ENQUEUED, ignore_result=True
        )
    message = json.loads(redis.rpop("by-celery"))
    redis.delete(*redis.keys("_kombu*"))
    message["headers"]["origin"] = "gen1@producer"  # whoever records it is nobody's affair
    return json.dumps(message)


def main() -> None:
    """Write what this release records."""
    with (
        RedisServer() as server,
        Redis.from_url(server.url, decode_responses=True) as redis,
    ):
        ledger = Ledger(redis)
        fill(ledger)
        message = _celerys_message(server.url, redis)
        ids = [key.rpartition(":")[2] for key in redis.scan_iter(ledger.store.keys.job("*"))]
        recorded = {
            "release": version("facelift-client"),
            "at": ledger.now,
            "keys": dump(redis),
            "records": {job: ledger.get(job).as_dict() for job in sorted(ids)},
            "enqueue_message": message,
        }
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{recorded['release']}.json"
    path.write_text(
        json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main()
