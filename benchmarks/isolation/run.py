"""`python -m benchmarks.isolation.run NAME MEDIA SECONDS KEEP`: play one scenario.

It prints a line when everything has started, begins when it reads one, and prints its result.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import time
from contextlib import ExitStack, suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.isolation.endpoint import REQUESTS, WINDOW, Endpoint
from benchmarks.isolation.plain import PlainBackoff
from benchmarks.isolation.queues import (
    WORKERS,
    FaceliftQueue,
    commands,
    open_queue,
    settings,
)
from benchmarks.isolation.rows import scenario_named
from benchmarks.isolation.store import DrippingStore
from benchmarks.processes import Workers, environment
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection

    from benchmarks.isolation.endpoint import Upload
    from benchmarks.isolation.queues import Queue
    from benchmarks.isolation.scenario import Load, Scenario

_OK, _TOO_MANY = 200, 429
_READY = "ready:"
_START = 90.0
_AFTER_OUTAGE = 10.0
_RECOVERY = 30.0
_NICE = 10
_WARM_UP = 10.0


class Run:
    """One scenario with servers and workers of its own.

    Args:
        scenario: what is played.
        media: the folder of images.
        keep: where the workers' log and the endpoint's record go.
    """

    def __init__(self, scenario: Scenario, media: Path, keep: Path | None) -> None:
        self._scenario = scenario
        self._media = media
        self._keep = keep
        self._enqueued: dict[str, float] = {}
        self._ids: list[str] = []

    def play(self) -> dict[str, Any]:
        """Start all, wait for a line on standard input, play; returns the result."""
        scenario = self._scenario
        is_facelift = scenario.queue == "facelift"
        with (
            # The others cannot keep to a limit over two workers, so the endpoint has none for them.
            Endpoint(scenario.rules, limited=is_facelift and scenario.rate != "off") as endpoint,
            DrippingStore() as store,
        ):
            if scenario.queue == "plain":
                _wait_for_go()
                began = endpoint.begin()
                image = (self._media / "0.jpg").read_bytes()
                asyncio.run(PlainBackoff(scenario, endpoint.url, image).run())
                return self._result(began, endpoint.uploads(), "")
            with RedisServer() as redis, ExitStack() as stack:
                environ = environment(redis.url, endpoint.url, self._media, scenario.slots)
                environ |= settings(scenario)
                environ["FACELIFT_IMAGE_STORES"] += f",drip={store.url}"
                os.environ.update(environ)
                queue = open_queue(scenario.queue, environ)
                senders = [
                    stack.enter_context(_Sender(scenario.queue, load))
                    for load in scenario.loads
                    if not load.every
                ]
                workers = stack.enter_context(Workers(commands(scenario), environ))
                self._wait_for_workers(workers)
                _wait_for_go()
                began = endpoint.begin()
                self._enqueue(queue, senders, began, endpoint)
                uploads = endpoint.uploads()
                result = self._result(began, uploads, workers.log())
                if scenario.outage and isinstance(queue, FaceliftQueue):
                    for sender in senders:
                        self._ids += sender.ids()
                    result["outage"] = self._outage(queue, began, uploads)
                self._save(workers.log(), began, uploads)
                return result

    def _wait_for_workers(self, workers: Workers) -> None:
        """Until all of Facelift's are ready; the others get some seconds."""
        if self._scenario.queue != "facelift":
            time.sleep(8)
            return
        give_up_at = time.monotonic() + _START
        while workers.log().count(_READY) < WORKERS:
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"the workers do not start\n{workers.log()}")
            time.sleep(0.2)

    def _enqueue(
        self, queue: Queue, senders: list[_Sender], began: float, endpoint: Endpoint
    ) -> None:
        """Enqueue all loads in time, and wait for the run's end."""
        scenario = self._scenario
        for at, step in sorted(self._steps(senders), key=lambda each: each[0]):
            time.sleep(max(0.0, began + at - time.monotonic()))
            if isinstance(step, _Sender):
                step.go()
            else:
                load, number = step
                self._enqueued[f"{load.name}-{number}"] = time.monotonic()
                self._ids.append(queue.enqueue(load, number))
        last = next((each.jobs for each in scenario.loads if each.name == scenario.until), inf)
        until = began + scenario.seconds
        while time.monotonic() < until:
            if endpoint.delivered(scenario.until) >= last:
                break
            time.sleep(max(0.0, min(1.0, until - time.monotonic())))

    def _steps(
        self, senders: Iterable[_Sender]
    ) -> Iterator[tuple[float, _Sender | tuple[Load, int]]]:
        for sender in senders:
            yield sender.load.at, sender
        for load in self._scenario.loads:
            if load.every:
                for number in range(load.jobs):
                    yield load.at + number * load.every, (load, number)

    def _result(self, began: float, uploads: list[Upload], log: str) -> dict[str, Any]:
        loads = self._scenario.loads
        first: dict[str, float] = {}
        for each in uploads:
            if each.status == _OK:
                first.setdefault(each.chatbot, each.answered)
        by_load: dict[str, list[float]] = {load.name: [] for load in loads}
        for bot, at in first.items():
            by_load[bot.rpartition("-")[0]].append(at - began)
        measured = [load for load in loads if load.every]
        steady = self._scenario.seconds - _WARM_UP
        return {
            "scenario": self._scenario.name,
            "seconds": time.monotonic() - began,
            "jobs": {load.name: load.jobs for load in loads},
            "delivered": {name: len(times) for name, times in by_load.items()},
            "last": {name: max(times, default=None) for name, times in by_load.items()},
            "per_second": {
                name: sum(at >= _WARM_UP for at in times) / steady
                for name, times in by_load.items()
            },
            "delays": {
                load.name: [
                    round(first[bot] - self._enqueued[bot], 4) if bot in first else None
                    for bot in (f"{load.name}-{number}" for number in range(load.jobs))
                ]
                for load in measured
                if self._enqueued
            },
            "requests": len(uploads),
            "refused": sum(each.status == _TOO_MANY for each in uploads),
            "opened": log.count("breaker_opened"),
        }

    def _outage(
        self, queue: FaceliftQueue, began: float, uploads: list[Upload]
    ) -> dict[str, float | int | None]:
        begin, end = (began + at for at in self._scenario.outage or (0, 0))
        healthy = [each.answered for each in uploads if each.status == _OK]
        back = min((at for at in healthy if at >= end), default=None)
        records = [queue.client.status(job_id) for job_id in self._ids]
        since = end if back is None else back
        return {
            "requests": sum(begin <= each.began < end for each in uploads),
            "requests_later": sum(begin + _AFTER_OUTAGE <= each.began < end for each in uploads),
            "attempts": sum(
                each.counted and each.http_status != _OK
                for record in records
                for each in record.attempts
            ),
            "first": None if back is None else back - end,
            "rate": sum(since <= at < since + _RECOVERY for at in healthy)
            / (_RECOVERY * REQUESTS / WINDOW),
        }

    def _save(self, log: str, began: float, uploads: list[Upload]) -> None:
        if self._keep:
            self._keep.mkdir(parents=True, exist_ok=True)
            (self._keep / f"{self._scenario.name}.log").write_text(log)
            rows = [
                (each.chatbot, each.began - began, each.status, each.answered - began)
                for each in uploads
            ]
            (self._keep / f"{self._scenario.name}.json").write_text(
                "\n".join(map(json.dumps, rows)) + "\n"
            )


class _Sender:
    """A process that enqueues all jobs of a load at once, so that measuring is not held up."""

    def __init__(self, queue: str, load: Load) -> None:
        self.load = load
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_send, args=(other, queue, load), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def go(self) -> None:
        """Enqueue them."""
        self._pipe.send(None)

    def ids(self) -> list[str]:
        """Of the jobs."""
        return list(self._pipe.recv())


def _send(pipe: Connection, name: str, load: Load) -> None:
    os.nice(_NICE)
    queue = open_queue(name, os.environ)
    pipe.send(None)
    with suppress(EOFError, KeyboardInterrupt):
        pipe.recv()
        pipe.send(queue.enqueue_all(load))


def _wait_for_go() -> None:
    print("started", flush=True)
    sys.stdin.readline()


def main(name: str, media: str, seconds: str, keep: str) -> None:
    """Play the scenario, in less time if `seconds` says so."""
    scenario = scenario_named(name)
    if seconds:
        scenario = scenario.shortened(float(seconds))
    run = Run(scenario, Path(media), Path(keep) if keep else None)
    print(json.dumps(run.play()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
