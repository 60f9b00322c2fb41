"""The faults: each function injects one, and returns when it is over."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from facelift.ledger.keys import Keys
from facelift.ledger.message import envelope
from tests.chaos.scene import NotNow
from tests.chaos.world import LEASE, REQUEST_LIMIT, Freeze

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.scene import Scene
    from tests.chaos.world import Worker

KEYS = Keys()
QUEUE = KEYS.queue
_SHARE_OF_BROKEN = 0.7  # of the poisoned chatbots; the others' uploads get no answer in time


def kill_worker_process(scene: Scene) -> None:
    child = scene.worker.child
    if child is None:
        raise NotNow
    child.kill()


def run_short_of_memory(scene: Scene) -> None:
    """Whoever opens a deadly image is killed, some times."""
    scene.world.arm(scene.rng.randint(2, 6))


def kill_supervisor(scene: Scene) -> None:
    scene.worker.kill_supervisor()


def terminate(scene: Scene, *, twice: bool = False) -> None:
    worker = scene.worker
    if not worker.is_ready:
        raise NotNow
    worker.terminate(twice=twice)


def terminate_twice(scene: Scene) -> None:
    """On the second SIGTERM it must exit at once, with requests in flight if there are any."""
    scene.world.endpoint.add_rule("*", "delay", seconds=1, times=4)
    time.sleep(0.3)
    terminate(scene, twice=True)


def freeze_worker(scene: Scene) -> None:
    """Freeze it beyond its lease, with requests in flight if there are any."""
    scene.world.endpoint.add_rule("*", "delay", seconds=1, times=6)
    time.sleep(0.3)
    worker = scene.worker
    with _frozen(scene, worker):
        time.sleep(LEASE + scene.between(1, 2))


def freeze_worker_mid_upload(scene: Scene) -> None:
    """Freeze it beyond its lease while its upload is stuck; the network is fine when it wakes."""
    worker = scene.worker
    with ExitStack() as frozen:
        with worker.endpoint.stall():
            time.sleep(0.7)
            frozen.enter_context(_frozen(scene, worker))
            time.sleep(0.2)
        time.sleep(LEASE + scene.between(1, 2))


@contextmanager
def _frozen(scene: Scene, worker: Worker) -> Iterator[None]:
    child = worker.child
    if child is None:
        raise NotNow
    began = time.monotonic()
    child.suspend()
    try:
        yield
    finally:
        child.resume()
        scene.world.freezes.append(Freeze(worker.name, began, time.monotonic()))


def kill_redis(scene: Scene) -> None:
    redis = scene.world.redis
    redis.kill()
    time.sleep(scene.between(0.1, 1))
    redis.start()


def pause_redis(scene: Scene) -> None:
    redis = scene.world.redis
    redis.pause()
    try:
        time.sleep(scene.between(1, LEASE + 1))
    finally:
        redis.resume()


def demote_redis(scene: Scene) -> None:
    """A failover and back: Redis is a read-only replica of a primary that does not exist."""
    admin = scene.world.admin
    admin.replicaof("127.0.0.1", "1")
    try:
        time.sleep(scene.between(1, 3))
    finally:
        admin.replicaof("NO", "ONE")


def kill_clients(scene: Scene) -> None:
    scene.world.admin.client_kill_filter(_type="normal", skipme=True)


def flush_scripts(scene: Scene) -> None:
    scene.world.admin.script_flush()


def lose_redis(scene: Scene) -> None:
    with scene.worker.redis.black_hole():
        time.sleep(scene.between(1, 6))


def lose_endpoint(scene: Scene) -> None:
    with scene.worker.endpoint.black_hole():
        time.sleep(scene.between(0.5, 3))


def lose_redis_for_producers(scene: Scene) -> None:
    with scene.world.producers.black_hole():
        time.sleep(scene.between(0.5, 2))


def cut_connections(scene: Scene) -> None:
    for _ in range(5):
        worker = scene.worker
        scene.rng.choice([worker.redis, worker.endpoint, scene.world.producers]).cut()
        time.sleep(scene.between(0, 0.2))


def delay_connections(scene: Scene) -> None:
    worker = scene.worker
    proxies = (worker.redis, worker.endpoint)
    for proxy in proxies:
        proxy.delay = scene.between(0.05, 0.3)
    try:
        time.sleep(scene.between(1, 3))
    finally:
        for proxy in proxies:
            proxy.delay = 0


def storm(scene: Scene) -> None:
    scene.world.endpoint.add_rule("*", "status", status=500, times=scene.rng.randint(10, 40))


def poison_chatbots(scene: Scene) -> None:
    """Some chatbots' uploads always fail for a while, those of the others do not."""
    known = sorted(scene.job_ids)
    if not known:
        raise NotNow
    sample = scene.rng.sample(known, min(6, len(known)))
    poisoned = {str(scene.world.admin.hget(KEYS.job(each), "chatbot_id")) for each in sample}
    endpoint = scene.world.endpoint
    for chatbot in sorted(poisoned):
        if scene.rng.random() < _SHARE_OF_BROKEN:
            endpoint.add_rule(chatbot, "status", status=500)
        else:
            endpoint.add_rule(chatbot, "delay", seconds=REQUEST_LIMIT + 1)
    try:
        time.sleep(scene.between(4, 8))
    finally:
        for chatbot in poisoned:
            endpoint.clear_rules(chatbot)


def close_after_accept(scene: Scene) -> None:
    scene.world.endpoint.add_rule("*", "close_after_accept", times=scene.rng.randint(2, 6))


def reset_mid_upload(scene: Scene) -> None:
    scene.world.endpoint.add_rule("*", "reset", times=scene.rng.randint(2, 6))


def slow_answers(scene: Scene) -> None:
    """Some of them exceed a request's time limit."""
    for seconds in (0.5, 1.5, 4):
        scene.world.endpoint.add_rule("*", "delay", seconds=seconds, times=2)


def duplicate_messages(scene: Scene) -> None:
    """Send copies for any jobs: queued, waiting, running and finished ones."""
    known = sorted(scene.job_ids)
    for job_id in scene.rng.sample(known, min(20, len(known))):
        marks = {"ID": job_id, "TAG": f"copy-{scene.rng.random()}", "SENT": str(time.time())}
        message = envelope(QUEUE)
        for mark, value in marks.items():
            message = message.replace(f"@{mark}@", value)
        scene.world.admin.lpush(QUEUE, message)


def lose_messages(scene: Scene) -> None:
    """Delete whatever is on the queue for a second."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        scene.world.admin.delete(QUEUE)
        time.sleep(0.002)
