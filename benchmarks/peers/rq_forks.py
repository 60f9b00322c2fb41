"""rq, by a worker script that has loaded what the job needs, as its guide advises.

`python -m benchmarks.peers.rq_forks N` runs N workers, each one job at a time, in a fork of it.
"""

from __future__ import annotations

import sys

from PIL import Image
from redis import Redis
from rq import Queue, Worker
from rq.worker_pool import WorkerPool

from benchmarks import job

redis = Redis.from_url(job.REDIS)
queue = Queue("bench", connection=redis)


def enqueue(bot: str, image: str) -> None:
    """One job."""
    queue.enqueue(job.deliver, bot, image)


def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    queue.enqueue_many([Queue.prepare_data(job.deliver, args=each) for each in jobs])


if __name__ == "__main__":
    Image.preinit()  # or every fork would load Pillow's formats again
    workers = int(sys.argv[1])
    if workers == 1:
        Worker([queue], connection=redis).work()
    else:
        WorkerPool([queue], connection=redis, num_workers=workers).start()
