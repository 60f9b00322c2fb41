"""`python -m benchmarks.producer MODULE HOW JOBS [FIRST]`: enqueue in a process of its own.

HOW is `single` (one call a job) or `many` (the peer's way for many): prints the jobs a second. Or
it is a number of seconds: one job after each time of about so long, and what is printed is each
chatbot's number and the monotonic time at which its enqueue began.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import time
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING

from benchmarks import job

if TYPE_CHECKING:
    from types import ModuleType

_BATCH = 100


async def produce(peer: ModuleType, how: str, jobs: list[tuple[str, str]]) -> object:
    """Enqueue `jobs`; returns what to print."""
    if hasattr(peer, "start"):
        await peer.start()
    if how == "single":
        # The first call connects.
        await _call(peer.enqueue, *jobs[0])
        began = time.monotonic()
        for each in jobs[1:]:
            await _call(peer.enqueue, *each)
        return (len(jobs) - 1) / (time.monotonic() - began)
    if how == "many":
        await _call(peer.enqueue_many, jobs[:1])
        began = time.monotonic()
        for at in range(1, len(jobs), _BATCH):
            await _call(peer.enqueue_many, jobs[at : at + _BATCH])
        return (len(jobs) - 1) / (time.monotonic() - began)
    rng, began_at = Random(1), []
    for each in jobs:
        time.sleep(float(how) * rng.uniform(0.67, 1.33))  # noqa: ASYNC251 - nothing else runs
        began_at.append(time.monotonic())
        await _call(peer.enqueue, *each)
    return began_at


async def _call(function: object, *arguments: object) -> None:
    answer = function(*arguments)  # type: ignore[operator]
    if inspect.isawaitable(answer):
        await answer


def main(module: str, how: str, count: int, first: int = 0) -> None:
    """Enqueue `count` jobs, the first for the chatbot number `first`."""
    peer = import_module(module)
    if how == "many" and not hasattr(peer, "enqueue_many"):
        print("null")
        return
    images = sorted(each.name for each in job.MEDIA.iterdir())
    numbers = range(first, first + count)
    jobs = [(f"bot-{number}", images[number % len(images)]) for number in numbers]
    print(json.dumps(asyncio.run(produce(peer, how, jobs))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
