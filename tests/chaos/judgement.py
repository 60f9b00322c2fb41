"""Check the promises at the end of a run, from the ledger, the endpoint and the proxies.

For two uploads of one chatbot:

- No older image arrives after a newer one, unless the newer one's job had
  failed before (its answer was lost, and then it was given up).
- Two uploads that reach the endpoint whole never overlap: the later one begins
  after the endpoint has the image of the earlier one. An upload that never
  becomes whole (its sender was killed, frozen or cut off) takes no effect, and
  may stay half-open.
- No worker begins an upload while another one holds one open, unless that
  other worker is frozen at the time: nobody can close a frozen process's connection.

An upload that arrived whole cannot be recalled. When its sender freezes or its
answer is lost, the endpoint may still be answering while the next upload
arrives. It took the first image before; such overlaps are counted, not
reported as problems. (With an endpoint that takes images only when it answers,
images could go backwards here, and no sender could prevent it.)
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from facelift.codes import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sandbox.endpoint.request_log import Arrival
    from tests.chaos.proxy import Exchange
    from tests.chaos.world import Freeze

_ROUNDING = 0.002  # seconds; the ledger's times are rounded to thousandths
_SAME_MOMENT = 0.05  # seconds in which the proxies' thread may process events in either order
_WAKING = 1.0  # seconds within which a thawed worker aborts uploads whose lease it lost


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted job at the end of a run.

    Attributes:
        job_id: its id.
        chatbot_id: the image's chatbot.
        sha256: of the image; None if there is none.
        generation: its number among its chatbot's jobs.
        state: its last state.
        finished_at: Unix seconds; 0 if it has not ended.
    """

    job_id: str
    chatbot_id: str
    sha256: str | None
    generation: int
    state: JobState
    finished_at: float


@dataclass(frozen=True, slots=True)
class _Landing:
    """An image that the endpoint took."""

    job: Job
    began: float
    landed: float
    landed_unix: float


def judge(
    jobs: Iterable[Job],
    arrivals: Sequence[Arrival],
    exchanges: Iterable[Exchange],
    freezes: Sequence[Freeze],
) -> list[str]:
    """The broken promises, a sentence each."""
    return [
        *_without_end(jobs),
        *_landings(list(jobs), arrivals),
        *_overlapping(arrivals),
        *_held_at_once(exchanges, freezes),
    ]


def _without_end(jobs: Iterable[Job]) -> Iterator[str]:
    for job in jobs:
        if not job.state.is_terminal:
            yield f"{job.job_id} has not ended: {job.state}"


def _landings(jobs: Sequence[Job], arrivals: Sequence[Arrival]) -> Iterator[str]:
    by_image = {job.sha256: job for job in jobs if job.sha256}
    landed: dict[str, list[_Landing]] = defaultdict(list)
    for arrival in arrivals:
        if arrival.stored and arrival.body_at and arrival.chatbot_id:
            job = by_image.get(arrival.sha256 or "")
            if job is None:
                yield f"an image arrived for {arrival.chatbot_id} that nobody enqueued"
                continue
            landed[arrival.chatbot_id].append(
                _Landing(job, arrival.headers_at, arrival.body_at, arrival.unix(arrival.body_at))
            )
    for of_chatbot in landed.values():
        of_chatbot.sort(key=lambda each: each.landed)
        yield from _backwards(of_chatbot)
    yield from _wrong_at_the_end(jobs, landed)


def _backwards(landings: Sequence[_Landing]) -> Iterator[str]:
    for number, later in enumerate(landings):
        for earlier in landings[:number]:
            newer = earlier.job
            given_up = (
                newer.state not in {JobState.SUCCEEDED, JobState.SUPERSEDED}
                and newer.finished_at <= later.landed_unix + _ROUNDING
            )
            if newer.generation > later.job.generation and not given_up:
                yield (
                    f"{newer.chatbot_id} went backwards: {later.job.job_id} landed "
                    f"{later.landed - earlier.landed:.3f} s after the newer {newer.job_id} "
                    f"({newer.state})"
                )


def _wrong_at_the_end(
    jobs: Sequence[Job], landed: Mapping[str, Sequence[_Landing]]
) -> Iterator[str]:
    newest: dict[str, Job] = {}
    for job in jobs:
        if job.state is JobState.SUCCEEDED:
            rival = newest.get(job.chatbot_id)
            if rival is None or job.generation > rival.generation:
                newest[job.chatbot_id] = job
    for chatbot_id, job in newest.items():
        last = landed[chatbot_id][-1].job if landed.get(chatbot_id) else None
        # A newer one whose answer was lost before it was given up may have landed.
        unconfirmed = last and last.generation > job.generation
        if last is not job and not unconfirmed:
            yield f"{chatbot_id} has the image of {last and last.job_id}, not of {job.job_id}"


def _overlapping(arrivals: Sequence[Arrival]) -> Iterator[str]:
    whole: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for arrival in arrivals:
        if arrival.chatbot_id and arrival.body_at:
            whole[arrival.chatbot_id].append((arrival.headers_at, arrival.body_at, arrival.number))
    for chatbot_id, uploads in whole.items():
        for (_, complete, first), (began, _, second) in pairwise(sorted(uploads)):
            if began < complete:
                yield (
                    f"{chatbot_id}: request {second} began {complete - began:.3f} s before "
                    f"request {first} was whole"
                )


def _held_at_once(exchanges: Iterable[Exchange], freezes: Sequence[Freeze]) -> Iterator[str]:
    by_chatbot: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        by_chatbot[exchange.chatbot_id].append(exchange)
    for chatbot_id, uploads in by_chatbot.items():
        uploads.sort(key=lambda each: each.began)
        for number, later in enumerate(uploads):
            for earlier in uploads[:number]:
                still = earlier.ended is None or earlier.ended > later.began + _SAME_MOMENT
                if still and not _is_frozen(earlier.sender, later.began, freezes):
                    yield (
                        f"{chatbot_id}: {later.sender} began an upload {later.began:.3f} while "
                        f"{earlier.sender} held one open {earlier.began:.3f}-{earlier.ended}"
                    )


def _is_frozen(worker: str, at: float, freezes: Sequence[Freeze]) -> bool:
    return any(
        freeze.worker == worker and freeze.began <= at <= freeze.ended + _WAKING
        for freeze in freezes
    )


def count_overlaps(arrivals: Sequence[Arrival]) -> dict[str, int]:
    """The uploads that overlapped at the endpoint, by their result."""
    counts = {"aborted": 0, "taken, answer cut off": 0, "taken, answered": 0}
    for arrival in arrivals:
        if arrival.overlapped:
            kind = (
                "taken, answered"
                if arrival.answered_at
                else "taken, answer cut off"
                if arrival.stored
                else "aborted"
            )
            counts[kind] += 1
    return counts
