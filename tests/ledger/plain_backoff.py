"""What plain backoff would do on the same load: each job by itself, no breaker, no fairness."""

from __future__ import annotations

import heapq
from collections import deque
from random import Random
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from facelift.retry import RetryPolicy

if TYPE_CHECKING:
    from tests.ledger.simulation import Endpoint


def delivered_by_plain_backoff(
    endpoint: Endpoint,
    jobs: int,
    seconds: float,
    *,
    spacing: float = 0.1,
    slots: int = 200,
    longest: float = 30.0,
    seed: int = 1,
) -> list[float]:
    """The seconds at which images arrive: due retries go first, then jobs as they came.

    Args:
        endpoint: what becomes of a request.
        jobs: all there from the beginning, each of a chatbot of its own.
        seconds: when to stop.
        spacing: seconds between two permits.
        slots: requests at once.
        longest: seconds that a request may take.
        seed: of chance.
    """
    chance, policy = Random(seed), RetryPolicy()
    fresh = deque((f"bot-{number}", 1) for number in range(jobs))
    retries: list[tuple[float, str, int]] = []
    flying: list[float] = []
    delivered = []
    now = 0.0
    while now < seconds:
        while flying and flying[0] <= now:
            heapq.heappop(flying)
        if len(flying) >= slots:
            now = flying[0]
            continue
        if retries and retries[0][0] <= now:
            _, chatbot, attempt = heapq.heappop(retries)
        elif fresh:
            chatbot, attempt = fresh.popleft()
        elif retries:
            now = retries[0][0]
            continue
        else:
            break
        answer = endpoint(chatbot, now, chance)
        ends = now + min(answer.seconds, longest)
        heapq.heappush(flying, ends)
        if answer.code is OutcomeCode.DELIVERED and answer.seconds < longest:
            delivered.append(ends)
        else:
            heapq.heappush(retries, (ends + policy.wait(attempt, chance), chatbot, attempt + 1))
        now += spacing
    return [at for at in delivered if at < seconds]
