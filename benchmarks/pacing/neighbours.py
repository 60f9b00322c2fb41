"""Two accounts: A has a backlog of thousands, B a job now and then. Is B delayed?"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.pacing.window import ENDPOINT, WINDOW, paced, wait_for_first
from benchmarks.processes import Workers, environment
from facelift import UploadClient
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

_EVERY = 0.2
_WARM_UP = 10


def quiet_account(media: Path, *, processes: int, backlog: int, seconds: float) -> dict[str, float]:
    """Milliseconds from the enqueue of B's jobs, one every 200 ms, to their requests.

    Args:
        media: the folder of images.
        processes: of Facelift's worker.
        backlog: how many jobs A has.
        seconds: for how long B sends.
    """
    with (
        RedisServer() as redis,
        EndpointProcess(api_keys=("key-a", "key-b"), options=ENDPOINT) as endpoint,
        UploadClient(redis.url) as client,
    ):
        environ = paced(environment(redis.url, endpoint.url, media, 50))
        del environ["FACELIFT_API_KEY"]
        environ |= {"FACELIFT_API_KEY_A": "key-a", "FACELIFT_API_KEY_B": "key-b"}
        for number in range(backlog):
            client.enqueue(f"a-{number}", "media:0.jpg", account="a")
        with Workers([f"facelift worker --processes {processes}"], environ) as workers:
            for number in range(_WARM_UP):
                client.enqueue(f"warm-{number}", "media:0.jpg", account="b")
            wait_for_first(endpoint, workers)
            time.sleep(WINDOW + 1)  # A has used up its window, and B's is free again
            sent: dict[str, float] = {}
            begin = time.monotonic()
            for number in range(int(seconds / _EVERY)):
                time.sleep(max(0.0, begin + number * _EVERY - time.monotonic()))
                sent[f"b-{number}"] = time.monotonic()
                client.enqueue(f"b-{number}", "media:1.jpg", account="b")
            time.sleep(2)
            arrived: dict[str, float] = {}
            for each in endpoint.arrivals():
                arrived.setdefault(each.chatbot_id or "", each.headers_at)
    delays = [1_000 * (arrived[name] - at) for name, at in sent.items() if name in arrived]
    missing = len(sent) - len(delays)
    if len(delays) < 2:  # noqa: PLR2004 - what quantiles need
        return {"missing": missing}
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return {"p50": cuts[49], "p99": cuts[98], "missing": missing}
