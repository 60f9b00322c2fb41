"""No queue: threads that take the next number and do the job, as the baseline of all queues.

`python -m benchmarks.peers.bare decode|facelift THREADS JOBS`
"""

from __future__ import annotations

import sys
import threading
from itertools import count

from benchmarks import job
from worker.images.validate import ImageLimits, validate

_LIMITS = ImageLimits()


def _decode(image: str) -> bytes:
    return job.read(image)


def _validate(image: str) -> bytes:
    return validate((job.MEDIA / image).read_bytes(), _LIMITS).data


def main(way: str, threads: int, jobs: int) -> None:
    """Do `jobs` jobs."""
    prove = {"decode": _decode, "facelift": _validate}[way]
    images = sorted(each.name for each in job.MEDIA.iterdir())
    numbers = count()

    def work() -> None:
        while (number := next(numbers)) < jobs:
            image = images[number % len(images)]
            answer = job.post(f"bot-{number}", image, prove(image))
            answer.raise_for_status()
            answer.json()

    for _ in range(threads):
        threading.Thread(target=work).start()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
