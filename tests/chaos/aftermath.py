"""Checks after the last fault: every worker delivers, nothing is left over; the run's figures."""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, cast

from facelift import UploadClient, WaitTimeout
from facelift.codes import JobState
from facelift.ledger.keys import Keys
from tests.chaos.load import PROBE
from tests.chaos.world import CONCURRENCY
from tests.history.checker import count_overlaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis import Redis

    from tests.chaos.load import Ending, PlannedJob
    from tests.chaos.world import World
    from tests.history.events import History

ALL_CONSUME_WITHIN = 30.0

_KEYS = Keys()
_KILLED = 137  # what a supervisor exits with whose child was killed
_LOGGED = {
    "recovered from lost workers": r"recovered from lost workers jobs=(\d+)",
    "messages sent again": r"sent again jobs=(\d+)",
    "released": r"jobs released jobs=(\d+)",
    "processes ended as stuck": r"(stuck): Redis",
}


def spent_without_fault(
    endings: Mapping[str, Ending], planned: Mapping[str, PlannedJob]
) -> list[str]:
    """The jobs that failed as what is not wrong with them, a sentence each."""
    return [
        f"{job_id} failed as {ending.outcome}, for no fault of its own"
        for job_id, ending in endings.items()
        if ending.state in {JobState.FAILED, JobState.EXPIRED}
        and ending.outcome != planned[job_id].own_fault
    ]


def idle_workers(world: World) -> list[str]:
    """The workers that deliver nothing within `ALL_CONSUME_WITHIN` s."""
    deadline = time.monotonic() + ALL_CONSUME_WITHIN
    idle = {worker.name: len(worker.endpoint.exchanges) for worker in world.workers}
    probes: list[str] = []
    with UploadClient(world.redis.url) as client:
        while idle and time.monotonic() < deadline:
            # More than one worker can hold, so that each with a free slot gets some.
            for _ in range(CONCURRENCY * len(world.workers)):
                probes.append(client.enqueue(f"probe-{len(probes)}", f"media:{PROBE}").id)
            time.sleep(0.5)
            for worker in world.workers:
                if len(worker.endpoint.exchanges) > idle.get(worker.name, sys.maxsize):
                    del idle[worker.name]
        try:
            for probe in probes:
                client.wait(probe, ALL_CONSUME_WITHIN)
        except WaitTimeout as timeout:
            return [*idle, str(timeout)]
    return list(idle)


def leftovers(redis: Redis) -> list[str]:
    """What is left in Redis after every job has ended; duplicates get 5 s to disappear."""
    deadline = time.monotonic() + 5
    while (left := _left_in(redis)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for job_id in _unacknowledged(redis):
        state = str(redis.hget(_KEYS.job(job_id), "state"))
        if not JobState(state).is_terminal:
            left.append(f"the message of {job_id} ({state}) is unacknowledged")
    return left


def _left_in(redis: Redis) -> list[str]:
    left = []
    if waiting := redis.llen(_KEYS.queue):
        left.append(f"{waiting} messages are left on the queue")
    if due := redis.zcard(_KEYS.schedule):
        left.append(f"{due} jobs are left on the schedule")
    for pattern in (_KEYS.chatbot_queue("*"), _KEYS.chatbot_lock("*")):
        left += [f"{key} is left" for key in map(str, redis.scan_iter(pattern, count=1000))]
    return left


def _unacknowledged(redis: Redis) -> list[str]:
    """Jobs whose worker was killed between receiving their message and acknowledging it.

    Celery redelivers it after the visibility timeout, and a worker drops it as a duplicate.
    """
    entries = cast("dict[str, str]", redis.hgetall(_KEYS.unacked))
    return [json.loads(entry)["headers"]["id"] for entry in entries.values()]


def bad_exits(world: World) -> list[str]:
    """The workers that received SIGTERM and did not exit with 0, unless an image killed them."""
    return [
        f"{worker.name} received SIGTERM and exited with {each.process.process.returncode}"
        for worker in world.workers
        for each in worker.terminated
        if each.process.process.returncode not in {0, _KILLED}
        or "does not end; killed" in each.process.log  # by its supervisor
    ]


def figures(world: World, history: History) -> dict[str, object]:
    """The run's figures by name."""
    logs = "".join(worker.logs for worker in world.workers)
    logged = {name: re.findall(pattern, logs) for name, pattern in _LOGGED.items()}
    kinds = Counter(fault.kind for fault in history.faults)
    return {
        "faults": f"{len(history.faults)}: {counted(kinds)}",
        "workers killed by an image": world.shot,
        "requests": len(history.requests),
        "images taken": sum(request.stored for request in history.requests),
        "overlaps at the endpoint": counted(count_overlaps(history.requests)),
        **{
            name: sum(int(each) if each.isdigit() else 1 for each in found)
            for name, found in logged.items()
        },
        "unacknowledged, harmless": len(_unacknowledged(world.admin)),
        "longest recovery": _longest_recovery(history),
    }


def _longest_recovery(history: History) -> str:
    landed = sorted(each.whole for each in history.requests if each.stored and each.whole)
    longest, kind = 0.0, "none"
    for fault in history.faults:
        after = next((at for at in landed if at > fault.ended), fault.ended)
        if after - fault.ended > longest:
            longest, kind = after - fault.ended, fault.kind
    return f"{longest:.1f} s from a fault's end ({kind}) to the next delivery, among other faults"


def counted(counts: Mapping[str, int]) -> str:
    """The counts as text."""
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
