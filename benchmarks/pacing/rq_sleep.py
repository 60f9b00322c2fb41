"""rq has no rate limit: the job sleeps for as long as a refusal says, and retries.

`python -m benchmarks.pacing.rq_sleep N` runs N workers.
"""

from __future__ import annotations

import sys
import time

from redis import Redis
from rq import Queue
from rq.worker_pool import WorkerPool

from benchmarks import job

redis = Redis.from_url(job.REDIS)
queue = Queue("bench", connection=redis)


def upload(bot: str, image: str) -> None:
    """The job."""
    data = job.read(image)
    while (answer := job.post(bot, image, data)).status_code == job.TOO_MANY:
        time.sleep(float(answer.headers["Retry-After"]))
    answer.raise_for_status()


def enqueue(bot: str, image: str) -> None:
    """One job."""
    queue.enqueue("benchmarks.pacing.rq_sleep.upload", bot, image)


if __name__ == "__main__":
    WorkerPool([queue], connection=redis, num_workers=int(sys.argv[1])).start()
