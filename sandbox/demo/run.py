"""`facelift demo` from start to end: a folder, a Redis, the sandbox endpoint, a worker, jobs."""

import io
import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from facelift import FaceliftError, JobRecord, UploadClient, WaitReason
from facelift.cli.draw.console import SafeConsole, print_json, say
from sandbox.child import ChildProcess
from sandbox.demo.plan import REFUSED, RULES, UNKNOWN_CHATBOT, deviations, plan
from sandbox.demo.screen import Progress, print_outcomes, print_summary
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_binary import find_redis_server
from sandbox.redis_server import RedisServer
from sandbox.samples import write_samples

_INTRODUCTION = """\
Facelift puts new profile pictures and icons onto chatbots. This is all of it, on this
machine alone: a Redis, a worker, and a sandbox of Chatbase's endpoint, with
faults on purpose; and half of the images are bad.
"""
_LONGEST_SECONDS = 40.0
_POLL_SECONDS = 0.05
_STOP_SECONDS = 2.0
_PAUSED_SECONDS = 3.0
_KEYS = {"default": "demo-key", REFUSED: "demo-key-of-the-gym"}
_LOG_LINES = 15


class WorkerFailed(FaceliftError):  # noqa: N818 - says what happened, as RedisServerFailed does
    """The worker ended too early; the message holds the end of its log."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the jobs' records as a JSON array.")
def demo(*, as_json: bool) -> None:
    """See Facelift work, with nothing to configure.

    Starts a Redis, a worker and a sandbox of Chatbase's endpoint with some faults;
    enqueues good and bad images for made-up chatbots; shows each job until it has
    ended, and its outcome. Takes about 10 seconds; Ctrl-C stops it. Nothing leaves
    this machine, and no process or file remains.

    It needs a redis-server, and says how to get one. The exit code is 0 if every
    job ended as it should, else 1. With --json, stdout has the records alone:

    \b
        facelift demo --json | jq -r '.[] | [.image, .outcome, .message] | @tsv'
    """  # noqa: D301 - click wants the escape, not the backslash
    find_redis_server()
    stream = sys.stderr if as_json else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # not every locale has every character
    console = SafeConsole(
        file=stream, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False
    )
    console.print(_INTRODUCTION)
    try:
        with noted_signals() as check, Progress(console) as progress, ExitStack() as stack:
            try:
                records, stats, found = _play(stack, progress, check)
            finally:
                progress.step("Stopping everything")
    except SystemExit:
        console.print("Stopped; no process or file remains.")
        raise
    if as_json:
        print_json([each.as_dict() for each in records])
    else:
        print_outcomes(console, records)
        print_summary(console, records, stats, as_planned=not found)
    for sentence in found:
        say(f"facelift: {sentence}", err=True)
    sys.exit(1 if found else 0)


def _play(
    stack: ExitStack, progress: Progress, check: Callable[[], None]
) -> tuple[list[JobRecord], dict[str, Any], list[str]]:
    """Start everything and deliver the jobs of the plan; `stack` stops and removes it all.

    Returns:
        The jobs' records, the endpoint's counts, and what did not come as planned.

    Raises:
        SystemExit: a signal asked the demo to stop.
        WorkerFailed: the worker ended too early.
    """

    def step(sentence: str) -> None:
        check()
        progress.step(sentence)

    step("Drawing images")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="facelift-demo-")))
    images = folder / "images"
    images.mkdir()
    jobs = plan(write_samples(images))
    step("Starting a Redis")
    redis = stack.enter_context(RedisServer(folder / "redis"))
    client = stack.enter_context(UploadClient(redis.url))
    step("Starting a sandbox of Chatbase's endpoint")
    known = {each.chatbot_id for each in jobs} - {UNKNOWN_CHATBOT}
    options = ["--latency=400ms", *(f"--known-chatbot={each}" for each in sorted(known))]
    options += [f"--fault={rule}" for rule in RULES]
    endpoint = stack.enter_context(EndpointProcess(api_keys=list(_KEYS.values()), options=options))
    step(f"Enqueueing {len(jobs)} jobs, and starting a worker")
    # In this order, so that which image is the newest does not depend on timing.
    ids = [each.record.id for each in client.enqueue_many(each.job for each in jobs)]
    log = folder / "worker.log"
    worker = _start_worker(redis, endpoint, images, log)
    # Asked a second time, the worker gives up the uploads in flight.
    stack.callback(worker.stop, _STOP_SECONDS, requests=2)
    step("Delivering")
    resume = _Resumption(client)
    for records in _watch(client, ids):
        progress.show(records)
        check()
        resume(records)
        if (code := worker.poll()) is not None:
            raise WorkerFailed(f"the worker ended with exit code {code}; {_end_of(log)}")
    found = list(deviations(jobs, records, endpoint, images))
    if found:
        found.append(f"the worker may know why; {_end_of(log)}")
    return records, endpoint.stats(), found


class _Resumption:
    """Resumes the account whose API key was refused, as an operator does, after some seconds."""

    def __init__(self, client: UploadClient) -> None:
        self._client = client
        self._resume_at: float | None = None

    def __call__(self, records: Sequence[JobRecord]) -> None:
        now = time.monotonic()
        if self._resume_at is None:
            if any(each.wait_reason is WaitReason.ACCOUNT_PAUSED for each in records):
                self._resume_at = now + _PAUSED_SECONDS
        elif now >= self._resume_at:
            self._resume_at = math.inf
            self._client.resume(REFUSED)


def _watch(client: UploadClient, ids: Sequence[str]) -> Iterator[list[JobRecord]]:
    """The jobs' records again and again, until all have ended or the time is up."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    records = {each: client.status(each) for each in ids}
    while True:
        yield list(records.values())
        pending = [each.id for each in records.values() if not each.state.is_terminal]
        if not pending or time.monotonic() > deadline:
            return
        time.sleep(_POLL_SECONDS)
        records |= {each: client.status(each) for each in pending}


def _start_worker(
    redis: RedisServer, endpoint: EndpointProcess, images: Path, log: Path
) -> ChildProcess:
    # Without this machine's own settings of Facelift, which may name a real API key.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FACELIFT_")
    } | {
        "FACELIFT_REDIS_URL": redis.url,
        "FACELIFT_ENDPOINT_URL": endpoint.url,
        "FACELIFT_API_KEY": _KEYS["default"],
        f"FACELIFT_API_KEY_{REFUSED.upper()}": _KEYS[REFUSED],
        "FACELIFT_IMAGE_STORES": f"media={images.as_uri()}",
        "FACELIFT_BACKOFF_BASE": "1s",
        "FACELIFT_BACKOFF_CAP": "2s",
        "FACELIFT_CONCURRENCY": "3",
        # A proxy of this machine leads to other machines.
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    command = [sys.executable, "-P", "-m", "facelift.cli", "worker"]
    with log.open("wb") as output:
        return ChildProcess(command, env=environment, stdout=output, stderr=output)


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    return "\n  ".join(["the end of its log:", *(lines or ["(empty)"])])


@contextmanager
def noted_signals() -> Iterator[Callable[[], None]]:
    """Note SIGINT, SIGTERM and SIGHUP, for the yielded function to raise `SystemExit`.

    So no signal interrupts the start or stop of a process, which would be left behind.
    An error after a signal counts as its consequence: Ctrl-C may also reach a process
    that is being started, until it is in its own session.
    """
    received: list[int] = []

    def check() -> None:
        if received:
            raise SystemExit(128 + received[0])  # as a shell reports it

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
