"""Judge the promises from a run's history alone.

For the jobs of a run:

- Each one that was accepted ends in one outcome, and no outcome ever changes.
- Jobs of a chatbot are numbered in the order in which they were accepted.
- No request of a job begins after its cancellation was recorded.

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
reported as problems.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.history.events import (
        Call,
        Frozen,
        History,
        Observed,
        Recorded,
        Request,
        Upload,
    )

_ROUNDING = 0.002  # seconds; the ledger's times are rounded to thousandths
_SAME_MOMENT = 0.05  # seconds in which the proxies' thread may process events in either order
_WAKING = 1.0  # seconds within which a thawed worker aborts uploads whose lease it lost


@dataclass(frozen=True, slots=True)
class _Landing:
    """An image that the endpoint took."""

    job: Recorded
    began: float
    landed: float
    landed_unix: float


def judge(history: History) -> list[str]:
    """The broken promises, a sentence each."""
    return [
        *_lost(history.calls, history.recorded),
        *_without_end(history.recorded),
        *_changed(history.observed, history.recorded),
        *_out_of_order(history.calls, history.recorded),
        *_after_cancellation(history),
        *_landings(history),
        *_overlapping(history.requests),
        *_held_at_once(history.uploads, history.frozen),
    ]


def _accepted(calls: Iterable[Call]) -> dict[str, Call]:
    return {
        call.job: call
        for call in calls
        if call.operation == "enqueue" and call.answer == "accepted"
    }


def _lost(calls: Iterable[Call], recorded: Iterable[Recorded]) -> Iterator[str]:
    known = {job.job for job in recorded}
    for job in _accepted(calls):
        if job not in known:
            yield f"{job} was accepted, but has no record"


def _without_end(jobs: Iterable[Recorded]) -> Iterator[str]:
    for job in jobs:
        if not job.has_ended:
            yield f"{job.job} has not ended: {job.state}"


def _changed(observed: Iterable[Observed], recorded: Iterable[Recorded]) -> Iterator[str]:
    first: dict[str, Observed] = {}
    for seen in observed:
        before = first.setdefault(seen.job, seen)
        if (before.state, before.outcome, before.finished_at) != (
            seen.state,
            seen.outcome,
            seen.finished_at,
        ):
            yield (
                f"{seen.job} ended as {before.state} ({before.outcome}) at {before.finished_at}, "
                f"and then as {seen.state} ({seen.outcome}) at {seen.finished_at}"
            )
    for job in recorded:
        if job.job in first and (first[job.job].state, first[job.job].outcome) != (
            job.state,
            job.outcome,
        ):
            yield (
                f"{job.job} ended as {first[job.job].state} ({first[job.job].outcome}), "
                f"and is {job.state} ({job.outcome}) at the end"
            )


def _out_of_order(calls: Iterable[Call], recorded: Iterable[Recorded]) -> Iterator[str]:
    """Jobs numbered against the order of calls of which one ended before the other began.

    A call that is repeated may have been recorded by any of its invocations, so only jobs that
    were accepted at once are compared.
    """
    invoked: dict[str, int] = defaultdict(int)
    for call in calls:
        if call.operation == "enqueue":
            invoked[call.job] += 1
    accepted = _accepted(calls)
    generations = {job.job: job.generation for job in recorded}
    by_chatbot: dict[str | None, list[Call]] = defaultdict(list)
    for job, call in accepted.items():
        if invoked[job] == 1 and job in generations:
            by_chatbot[call.chatbot].append(call)
    for of_chatbot in by_chatbot.values():
        for earlier, later in pairwise(sorted(of_chatbot, key=lambda call: call.began)):
            is_before = earlier.ended is not None and earlier.ended < later.began
            if is_before and generations[earlier.job] >= generations[later.job]:
                yield f"{later.job} was accepted after {earlier.job}, and is numbered before it"


def _after_cancellation(history: History) -> Iterator[str]:
    """Requests of a job that began after it was cancelled.

    One that its sender began before may reach the endpoint late.
    """
    cancelled = {
        call.job: call
        for call in history.calls
        if call.operation == "cancel" and call.answer == "cancelled"
    }
    of_image = {call.sha256: cancelled.get(job) for job, call in _accepted(history.calls).items()}
    for request in history.requests:
        call = of_image.get(request.sha256) if request.sha256 else None
        if call is None or call.ended is None or request.began <= call.ended + _SAME_MOMENT:
            continue
        at = call.ended
        is_late = any(
            each.chatbot == request.chatbot
            and each.began <= at + _SAME_MOMENT
            and (each.ended is None or each.ended >= at)
            for each in history.uploads
        )
        if not is_late:
            yield f"{call.job} was sent {request.began - at:.3f} s after its cancellation"


def _landings(history: History) -> Iterator[str]:
    records = {job.job: job for job in history.recorded}
    by_image = {
        call.sha256: records[job]
        for job, call in _accepted(history.calls).items()
        if call.sha256 and job in records
    }
    landed: dict[str, list[_Landing]] = defaultdict(list)
    for request in history.requests:
        if request.stored and request.whole is not None and request.chatbot:
            job = by_image.get(request.sha256 or "")
            if job is None:
                yield f"an image arrived for {request.chatbot} that nobody enqueued"
                continue
            unix = request.unix + request.whole - request.began
            landed[request.chatbot].append(_Landing(job, request.began, request.whole, unix))
    for of_chatbot in landed.values():
        of_chatbot.sort(key=lambda each: each.landed)
        yield from _backwards(of_chatbot)
    yield from _wrong_at_the_end(history.recorded, landed)


def _backwards(landings: Sequence[_Landing]) -> Iterator[str]:
    for number, later in enumerate(landings):
        for earlier in landings[:number]:
            newer = earlier.job
            given_up = (
                newer.state not in {"succeeded", "superseded"}
                and newer.finished_at <= later.landed_unix + _ROUNDING
            )
            if newer.generation > later.job.generation and not given_up:
                yield (
                    f"{newer.chatbot} went backwards: {later.job.job} landed "
                    f"{later.landed - earlier.landed:.3f} s after the newer {newer.job} "
                    f"({newer.state})"
                )


def _wrong_at_the_end(
    jobs: Sequence[Recorded], landed: Mapping[str, Sequence[_Landing]]
) -> Iterator[str]:
    newest: dict[str, Recorded] = {}
    for job in jobs:
        if job.state == "succeeded":
            rival = newest.get(job.chatbot)
            if rival is None or job.generation > rival.generation:
                newest[job.chatbot] = job
    for chatbot, job in newest.items():
        last = landed[chatbot][-1].job if landed.get(chatbot) else None
        # A newer one whose answer was lost before it was given up may have landed.
        unconfirmed = last and last.generation > job.generation
        if last is not job and not unconfirmed:
            yield f"{chatbot} has the image of {last and last.job}, not of {job.job}"


def _overlapping(requests: Iterable[Request]) -> Iterator[str]:
    whole: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for request in requests:
        if request.chatbot and request.whole is not None:
            whole[request.chatbot].append((request.began, request.whole, request.number))
    for chatbot, uploads in whole.items():
        for (_, complete, first), (began, _, second) in pairwise(sorted(uploads)):
            if began < complete:
                yield (
                    f"{chatbot}: request {second} began {complete - began:.3f} s before "
                    f"request {first} was whole"
                )


def _held_at_once(uploads: Iterable[Upload], frozen: Sequence[Frozen]) -> Iterator[str]:
    by_chatbot: dict[str, list[Upload]] = defaultdict(list)
    for upload in uploads:
        by_chatbot[upload.chatbot].append(upload)
    for chatbot, of_chatbot in by_chatbot.items():
        of_chatbot.sort(key=lambda each: each.began)
        for number, later in enumerate(of_chatbot):
            for earlier in of_chatbot[:number]:
                still = earlier.ended is None or earlier.ended > later.began + _SAME_MOMENT
                if still and not _is_frozen(earlier.worker, later.began, frozen):
                    yield (
                        f"{chatbot}: {later.worker} began an upload {later.began:.3f} while "
                        f"{earlier.worker} held one open {earlier.began:.3f}-{earlier.ended}"
                    )


def _is_frozen(worker: str, at: float, frozen: Sequence[Frozen]) -> bool:
    return any(
        each.worker == worker and each.began <= at <= each.ended + _WAKING for each in frozen
    )


def count_overlaps(requests: Iterable[Request]) -> dict[str, int]:
    """The uploads that overlapped at the endpoint, by their result."""
    counts = {"aborted": 0, "taken, answer cut off": 0, "taken, answered": 0}
    for request in requests:
        if request.overlapped:
            kind = (
                "taken, answered"
                if request.answered is not None
                else "taken, answer cut off"
                if request.stored
                else "aborted"
            )
            counts[kind] += 1
    return counts
