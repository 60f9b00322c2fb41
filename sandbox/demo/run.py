"""The demo from start to end."""

from __future__ import annotations

import io
import json
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console

from sandbox.demo.plan import deviations
from sandbox.demo.screen import Progress, print_outcomes, print_summary
from sandbox.demo.stage import Stage
from sandbox.redis_binary import find_redis_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift import JobRecord

_INTRODUCTION = """\
Facelift puts new profile pictures onto chatbots. This is all of it, on this
machine alone: a Redis, a worker, and a sandbox of Chatbase's endpoint, with
faults on purpose; and half of the images are bad.
"""
_LONGEST_SECONDS = 40.0
_POLL_SECONDS = 0.05


def run(*, as_json: bool) -> int:
    """Run the demo; with `as_json`, stdout has the records and stderr everything else.

    Returns:
        The exit code: 0 if all came as planned, 1 if not, 128 and more after a signal.

    Raises:
        RedisServerMissing: there is no redis-server on this machine.
        RedisServerFailed: it did not start.
        WorkerFailed: the worker ended too early.
    """
    find_redis_server()
    stream = sys.stderr if as_json else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # not every locale has every character
    console = Console(
        file=stream, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False
    )
    console.print(_INTRODUCTION)
    try:
        with noted_signals() as check, Progress(console) as progress, Stage() as stage:
            try:
                records = _play(stage, progress, check)
                stats = stage.endpoint.stats()
                jobs = list(stage.jobs.values())
                found = list(deviations(jobs, records, stage.endpoint, stage.images))
                if found:
                    found.append(f"the worker may know why; {stage.worker_log()}")
            finally:
                progress.step("Stopping everything")
    except Stopped as stopped:
        console.print("Stopped; no process or file remains.")
        return stopped.exit_code
    if as_json:
        click.echo(json.dumps([each.as_dict() for each in records]))
    else:
        print_outcomes(console, records)
        print_summary(console, records, stats, as_planned=not found)
    for sentence in found:
        click.echo(f"facelift: {sentence}", err=True)
    return 1 if found else 0


def _play(stage: Stage, progress: Progress, check: Callable[[], None]) -> list[JobRecord]:
    """The jobs' records, in the plan's order, once all have ended or the time is up.

    Raises:
        Stopped: a signal asked the demo to stop.
        WorkerFailed: the worker ended too early.
    """
    for step in stage.build():
        check()
        progress.step(step)
    progress.step("Delivering")
    deadline = time.monotonic() + _LONGEST_SECONDS
    records = {job_id: stage.client.status(job_id) for job_id in stage.jobs}
    while True:
        progress.show(list(records.values()))
        pending = [each.id for each in records.values() if not each.state.is_terminal]
        if not pending or time.monotonic() > deadline:
            return list(records.values())
        check()
        stage.check_worker()
        time.sleep(_POLL_SECONDS)
        records |= {job_id: stage.client.status(job_id) for job_id in pending}


class Stopped(Exception):  # noqa: N818 - a request, not an error
    """A signal asked the demo to stop; holds what a shell reports as the exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def noted_signals() -> Iterator[Callable[[], None]]:
    """Note SIGINT, SIGTERM and SIGHUP, for the yielded function to raise `Stopped`.

    So no signal interrupts the start or stop of a process, which would be left behind.
    An error after a signal counts as its consequence: Ctrl-C may also reach a process
    that is being started, until it is in its own session.
    """
    received: list[int] = []

    def check() -> None:
        if received:
            raise Stopped(received[0])

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        numbers.append(signal.SIGHUP)
    handlers = {
        each: signal.signal(each, lambda number, _: received.append(number)) for each in numbers
    }
    try:
        yield check
    except Exception:
        check()
        raise
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
