"""The demo from start to end."""

from __future__ import annotations

import io
import json
import sys
import time
from typing import TYPE_CHECKING

import click
from rich.console import Console

from sandbox.demo.check import surprises
from sandbox.demo.progress import progress_on
from sandbox.demo.report import print_from_here, print_outcomes, print_summary
from sandbox.demo.stage import Stage
from sandbox.demo.stopping import Stopped, StopSignals
from sandbox.redis_binary import find_redis_server

if TYPE_CHECKING:
    from facelift import JobRecord
    from sandbox.demo.progress import Progress

_INTRODUCTION = """\
Facelift puts new profile pictures onto chatbots. This is all of it, on this
machine alone: a Redis, a worker, and a stand-in for Chatbase. On purpose, the
stand-in fails now and then, and half of the pictures are no good.
"""
_LONGEST_SECONDS = 40.0
_LOOK_SECONDS = 0.05


def run(*, as_json: bool) -> int:
    """Run the demo and say how it went.

    Args:
        as_json: print the records to stdout, and all else to stderr.

    Returns:
        The exit code: 0 if all came as planned, 1 if not, 128 and more if a signal stopped it.

    Raises:
        RedisServerMissing: there is no redis-server on this machine.
        RedisServerFailed: it did not start.
        WorkerFailed: the worker ended before its time.
    """
    find_redis_server()
    console = _console(to_stderr=as_json)
    console.print(_INTRODUCTION)
    try:
        with StopSignals() as signals, progress_on(console) as progress, Stage() as stage:
            try:
                records = _play(stage, progress, signals)
                stats = stage.endpoint.stats()
                unexpected = _surprises(stage, records)
            finally:
                progress.step("Stopping everything")
    except Stopped as stopped:
        console.print("Stopped. Everything that was started is gone.")
        return stopped.exit_code
    if as_json:
        click.echo(json.dumps([each.as_dict() for each in records]))
    else:
        print_outcomes(console, records)
        print_summary(console, records, stats, as_planned=not unexpected)
        print_from_here(console)
    for sentence in unexpected:
        click.echo(f"facelift: {sentence}", err=True)
    return 1 if unexpected else 0


def _surprises(stage: Stage, records: list[JobRecord]) -> list[str]:
    found = surprises(list(stage.jobs.values()), records, stage.endpoint, stage.pictures)
    return [*found, f"the worker may know why; {stage.worker.last_words()}"] if found else []


def _console(*, to_stderr: bool) -> Console:
    stream = sys.stderr if to_stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # not every locale can show every sentence
    return Console(
        file=stream, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False
    )


def _play(stage: Stage, progress: Progress, signals: StopSignals) -> list[JobRecord]:
    """The jobs' records, in the plan's order, once all have ended or the time is up.

    Raises:
        Stopped: a signal came.
        WorkerFailed: the worker ended before its time.
    """
    for step in stage.build():
        signals.check()
        progress.step(step)
    progress.step("Delivering")
    deadline = time.monotonic() + _LONGEST_SECONDS
    records = {job_id: stage.client.status(job_id) for job_id in stage.jobs}
    while True:
        progress.show(list(records.values()))
        pending = [each.id for each in records.values() if not each.state.is_terminal]
        if not pending or time.monotonic() > deadline:
            return list(records.values())
        signals.check()
        stage.worker.check()
        time.sleep(_LOOK_SECONDS)
        records |= {job_id: stage.client.status(job_id) for job_id in pending}
