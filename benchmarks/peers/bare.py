"""No queue at all: threads that take the next number and do the job. What work without a queue is.

`python -m benchmarks.peers.bare decode|facelift THREADS JOBS`
"""

from __future__ import annotations

import sys
import threading
from itertools import count

from benchmarks import job
from worker.images.validate import ImageLimits, validate

_LIMITS = ImageLimits()


def _decode(picture: str) -> bytes:
    return job.read(picture)


def _validate(picture: str) -> bytes:
    return validate((job.MEDIA / picture).read_bytes(), _LIMITS).data


def main(way: str, threads: int, jobs: int) -> None:
    """Do `jobs` jobs."""
    prove = {"decode": _decode, "facelift": _validate}[way]
    pictures = sorted(each.name for each in job.MEDIA.iterdir())
    numbers = count()

    def work() -> None:
        while (number := next(numbers)) < jobs:
            picture = pictures[number % len(pictures)]
            answer = job.post(f"bot-{number}", picture, prove(picture))
            answer.raise_for_status()
            answer.json()

    for _ in range(threads):
        threading.Thread(target=work).start()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
