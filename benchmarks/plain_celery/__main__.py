"""`python -m benchmarks.plain_celery`: run the chaos on plain Celery, and tell what became of it.

Every enqueued picture ought to land once, in order. There is no ledger to ask,
so all is told by what the stand-in of the endpoint saw.
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
from tests.chaos.faults import (
    ON_PROCESSES,
    ON_THE_WAY,
    Scene,
    Track,
    duplicate_messages,
    flush_scripts,
)
from tests.chaos.load import Wish, make_wishes
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
_ON_THE_WAY = tuple(fault for fault in ON_THE_WAY if fault is not duplicate_messages)
_ON_PROCESSES = tuple(fault for fault in ON_PROCESSES if fault is not flush_scripts)


@dataclass
class Producer:
    """Sends the tasks over some seconds in a thread of its own."""

    wishes: Sequence[Wish]
    redis_url: str
    seconds: float
    sent_at: dict[str, float] = field(default_factory=dict)
    retries: int = 0

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Send no more; a half-open connection may hold it up for ever."""
        self._stopping.set()
        self.thread.join(1)

    def _run(self) -> None:
        with Celery("producer", broker=self.redis_url, set_as_current=False) as app:
            for wish in self.wishes:
                while not self._stopping.is_set():
                    try:
                        image = wish.image.removeprefix("media:")
                        app.send_task("upload", (wish.chatbot_id, image), queue=QUEUE)
                        self.sent_at[wish.job_id] = time.monotonic()
                        break
                    except (OperationalError, OSError):
                        self.retries += 1
                        time.sleep(0.1)
                self._stopping.wait(self.seconds / len(self.wishes))


@click.command()
@click.option("--seed", type=int, default=1)
@click.option("--jobs", type=click.IntRange(10, 5000), default=300)
@click.option("--seconds", type=click.IntRange(5, 1800), default=60)
def main(seed: int, jobs: int, seconds: int) -> None:
    """Plain Celery under the faults of `make chaos`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is taken down
    rng = Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="plain-celery-") as folder,
        World(Path(folder), 3, COMMAND) as world,
        ExitStack() as stack,
    ):
        drawn = make_wishes(world.media, jobs, max(10, jobs // 8), rng)
        wishes = [wish for wish in drawn if wish.sha256]
        until = time.monotonic() + seconds
        producer = Producer(wishes, f"redis://127.0.0.1:{world.producers.port}/0", seconds)
        stack.callback(producer.stop)
        tracks = [
            Track(group, Scene(world, Random(rng.random()), ()), until)
            for group in (_ON_PROCESSES, _ON_THE_WAY)
        ]
        for track in tracks:
            track.join()
        world.calm_down()
        calm_at = time.monotonic()
        producer.thread.join(ALL_LAND_WITHIN / 2)
        wanted = {wish.sha256 for wish in wishes}
        arrivals = world.endpoint.arrivals()
        while time.monotonic() < calm_at + ALL_LAND_WITHIN:
            arrivals = world.endpoint.arrivals()
            if wanted <= {arrival.sha256 for arrival in arrivals if arrival.stored}:
                break
            time.sleep(1)
        held = int(world.admin.hlen("unacked")) + int(world.admin.llen(QUEUE))
        faults = Counter(trouble.kind for track in tracks for trouble in track.troubles)
        click.echo(f"{'faults':<34} {sum(faults.values())}: {counted(faults)}")
        sent = [wish for wish in wishes if wish.job_id in producer.sent_at]
        click.echo(f"{'not even sent, producer stuck':<34} {len(wishes) - len(sent)}")
        for name, value in _judge(sent, producer.sent_at, arrivals, held).items():
            click.echo(f"{name:<34} {value}")


def _judge(
    wishes: Sequence[Wish], sent_at: dict[str, float], arrivals: Sequence[Arrival], held: int
) -> dict[str, object]:
    order = {wish.sha256: number for number, wish in enumerate(wishes)}
    landed: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in sorted(arrivals, key=lambda each: each.body_at or 0):
        if arrival.stored and arrival.chatbot_id:
            landed[arrival.chatbot_id].append(arrival)
    times = Counter(each.sha256 for uploads in landed.values() for each in uploads)
    missing = sum(not times[wish.sha256] for wish in wishes)
    delays = sorted(
        next(each.body_at or 0 for each in landed[wish.chatbot_id] if each.sha256 == wish.sha256)
        - sent_at[wish.job_id]
        for wish in wishes
        if times[wish.sha256]
    )
    newest = {wish.chatbot_id: wish for wish in wishes}
    backwards = sum(
        any(order[earlier.sha256] > order[later.sha256] for earlier in uploads[:number])
        for uploads in landed.values()
        for number, later in enumerate(uploads)
    )
    wrong = sum(
        not landed[chatbot_id] or landed[chatbot_id][-1].sha256 != wish.sha256
        for chatbot_id, wish in newest.items()
    )
    return {
        "pictures sent": f"{len(sent_at)} for {len(newest)} chatbots",
        "landed": len(wishes) - missing,
        f"not landed {ALL_LAND_WITHIN:.0f} s after calm": missing,
        "  of them held by a dead consumer": f"{min(held, missing)} at most; back after an hour",
        "landed more than once": sum(count > 1 for count in times.values()),
        "landed after a newer one": backwards,
        "overlapping uploads of a chatbot": sum(arrival.overlapped for arrival in arrivals),
        "chatbots with a wrong picture": wrong,
        "longest from enqueue to landing": f"{delays[-1] if delays else 0:.1f} s",
    }


if __name__ == "__main__":
    main()
