"""`python -m benchmarks.plain_celery`: run plain Celery under faults, and report the result.

Every enqueued image ought to arrive once, in order. There is no ledger to ask, so the
report is made of what the sandbox endpoint received.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import click
from celery import Celery
from kombu.exceptions import OperationalError

from benchmarks.plain_celery.app import QUEUE
from tests.chaos.aftermath import counted
from tests.chaos.deploys import start_with_a_stale_key, start_without_the_store
from tests.chaos.faults import duplicate_messages, flush_scripts
from tests.chaos.load import PlannedJob, plan_jobs
from tests.chaos.scene import Scene
from tests.chaos.track import ON_PROCESSES, ON_THE_NETWORK, Track
from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.endpoint.request_log import Arrival

# Restarted when it dies, as a service would be.
SUPERVISE = """
import sys
from worker.runtime.supervisor import Supervisor

celery = (sys.executable, "-m", "celery", "-A", "benchmarks.plain_celery.app", "worker")
options = ("--loglevel=warning", "--without-gossip", "--without-mingle")
sys.exit(Supervisor(celery + options, 1, 60).run())
"""
COMMAND = (sys.executable, "-c", SUPERVISE)
ALL_LAND_WITHIN = 60.0

# Those that make sense without the ledger.
_ON_THE_NETWORK = tuple(fault for fault in ON_THE_NETWORK if fault is not duplicate_messages)
_OF_FACELIFT = {flush_scripts, start_with_a_stale_key, start_without_the_store}
_ON_PROCESSES = tuple(fault for fault in ON_PROCESSES if fault not in _OF_FACELIFT)


@dataclass
class Producer:
    """Sends the tasks over some seconds in its own thread."""

    planned: Sequence[PlannedJob]
    redis_url: str
    seconds: float
    sent_at: dict[str, float] = field(default_factory=dict)
    retries: int = 0

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Stop sending; a half-open connection may block the thread for ever."""
        self._stopping.set()
        self.thread.join(1)

    def _run(self) -> None:
        with Celery("producer", broker=self.redis_url, set_as_current=False) as app:
            for job in self.planned:
                while not self._stopping.is_set():
                    try:
                        image = str(job.image).removeprefix("media:")
                        app.send_task("upload", (job.chatbot_id, image), queue=QUEUE)
                        self.sent_at[job.job_id] = time.monotonic()
                        break
                    except (OperationalError, OSError):
                        self.retries += 1
                        time.sleep(0.1)
                self._stopping.wait(self.seconds / len(self.planned))


@click.command()
@click.option("--seed", type=int, default=1)
@click.option("--jobs", type=click.IntRange(10, 5000), default=300)
@click.option("--seconds", type=click.IntRange(5, 1800), default=60)
def main(seed: int, jobs: int, seconds: int) -> None:
    """Plain Celery under the faults of `make chaos`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process is stopped
    rng = Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="plain-celery-") as folder,
        World(Path(folder), 3, COMMAND) as world,
        ExitStack() as stack,
    ):
        drawn = plan_jobs(world.media, jobs, max(10, jobs // 8), rng, removes=False)
        planned = [job for job in drawn if job.sha256]
        until = time.monotonic() + seconds
        producer = Producer(planned, f"redis://127.0.0.1:{world.producers.port}/0", seconds)
        stack.callback(producer.stop)
        tracks = [
            Track(group, Scene(world, Random(rng.random()), ()), until)
            for group in (_ON_PROCESSES, _ON_THE_NETWORK)
        ]
        for track in tracks:
            track.join()
        world.end_faults()
        recovering_at = time.monotonic()
        producer.thread.join(ALL_LAND_WITHIN / 2)
        wanted = {job.sha256 for job in planned}
        arrivals = world.endpoint.arrivals()
        while time.monotonic() < recovering_at + ALL_LAND_WITHIN:
            arrivals = world.endpoint.arrivals()
            if wanted <= {arrival.sha256 for arrival in arrivals if arrival.applied}:
                break
            time.sleep(1)
        held = int(world.admin.hlen("unacked")) + int(world.admin.llen(QUEUE))
        faults = Counter(fault.kind for track in tracks for fault in track.injected)
        click.echo(f"{'faults':<34} {sum(faults.values())}: {counted(faults)}")
        sent = [job for job in planned if job.job_id in producer.sent_at]
        click.echo(f"{'not even sent, producer stuck':<34} {len(planned) - len(sent)}")
        for name, value in _judge(sent, producer.sent_at, arrivals, held).items():
            click.echo(f"{name:<34} {value}")


def _judge(
    planned: Sequence[PlannedJob], sent_at: dict[str, float], arrivals: Sequence[Arrival], held: int
) -> dict[str, object]:
    order = {job.sha256: number for number, job in enumerate(planned)}
    landed: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in sorted(arrivals, key=lambda each: each.body_at or 0):
        if arrival.applied and arrival.chatbot_id:
            landed[arrival.chatbot_id].append(arrival)
    times = Counter(each.sha256 for uploads in landed.values() for each in uploads)
    missing = sum(not times[job.sha256] for job in planned)
    delays = sorted(
        next(each.body_at or 0 for each in landed[job.chatbot_id] if each.sha256 == job.sha256)
        - sent_at[job.job_id]
        for job in planned
        if times[job.sha256]
    )
    newest = {job.chatbot_id: job for job in planned}
    backwards = sum(
        any(order[earlier.sha256] > order[later.sha256] for earlier in uploads[:number])
        for uploads in landed.values()
        for number, later in enumerate(uploads)
    )
    wrong = sum(
        not landed[chatbot_id] or landed[chatbot_id][-1].sha256 != job.sha256
        for chatbot_id, job in newest.items()
    )
    return {
        "images sent": f"{len(sent_at)} for {len(newest)} chatbots",
        "landed": len(planned) - missing,
        f"not landed {ALL_LAND_WITHIN:.0f} s after the last fault": missing,
        "  of them held by a dead consumer": f"{min(held, missing)} at most; back after an hour",
        "landed more than once": sum(count > 1 for count in times.values()),
        "landed after a newer one": backwards,
        "overlapping uploads of a chatbot": sum(arrival.overlapped for arrival in arrivals),
        "chatbots with a wrong image": wrong,
        "longest from enqueue to landing": f"{delays[-1] if delays else 0:.1f} s",
    }


if __name__ == "__main__":
    main()
