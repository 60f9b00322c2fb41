"""Each check of a history finds what breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.history.checker import judge
from tests.history.events import (
    Call,
    Event,
    Frozen,
    History,
    Observed,
    Recorded,
    Request,
    Upload,
)

if TYPE_CHECKING:
    from typing import Literal

OLD = Recorded("old", "bot", "superseded", "superseded", 1, 0)
NEW = Recorded("new", "bot", "succeeded", "delivered", 2, 50)
DONE = replace(OLD, state="succeeded", outcome="delivered", finished_at=5)


def call(
    job: Recorded,
    began: float,
    answer: str = "accepted",
    operation: Literal["enqueue", "cancel"] = "enqueue",
) -> Call:
    sha256 = f"sha-{job.job}"
    return Call(operation, job.job, began, began + 0.1, answer, job.chatbot, sha256)


def landing(job: Recorded, began: float, whole: float | None) -> Request:
    """Unix time and the run's time are the same here."""
    return Request(
        number=int(began * 1000),
        chatbot=job.chatbot,
        sha256=f"sha-{job.job}",
        status=None,
        began=began,
        unix=began,
        whole=whole,
        answered=None,
        stored=whole is not None,
        overlapped=False,
    )


def problems(jobs: list[Recorded], *events: Event) -> list[str]:
    enqueued = [call(job, 0.1 * job.generation) for job in jobs]
    return judge(History.of([*enqueued, *events, *jobs]))


def test_newer_image_after_an_older_one_is_fine() -> None:
    assert problems([DONE, NEW], landing(DONE, 1, 2), landing(NEW, 3, 4)) == []


def test_job_without_a_record_is_found() -> None:
    (problem,) = judge(History.of([call(OLD, 0)]))
    assert problem == "old was accepted, but has no record"
    assert judge(History.of([call(OLD, 0, "unavailable")])) == []


def test_job_that_never_ends_is_found() -> None:
    (problem,) = problems([replace(OLD, state="waiting")])
    assert "old has not ended: waiting" in problem


def test_outcome_that_changes_is_found() -> None:
    before = Observed(1, "new", "failed", "rejected", "1.0")
    after = Observed(2, "new", "succeeded", "delivered", "50.0")
    twice, at_the_end = problems([NEW], landing(NEW, 1, 2), before, after)
    assert twice.startswith("new ended as failed (rejected) at 1.0, and then as succeeded")
    assert "ended as failed (rejected), and is succeeded (delivered) at the end" in at_the_end
    assert problems([NEW], landing(NEW, 1, 2), after, after) == []


def test_later_job_with_an_earlier_number_is_found() -> None:
    events: list[Event] = [landing(DONE, 1, 2), landing(NEW, 3, 4), DONE, NEW]
    (problem,) = judge(History.of([call(NEW, 0), call(DONE, 0.5), *events]))
    assert problem == "old was accepted after new, and is numbered before it"
    at_once = [call(NEW, 0), call(DONE, 0.05)]
    assert judge(History.of([*at_once, *events])) == []
    repeated = [call(DONE, 0, "unavailable"), call(NEW, 0.2), call(DONE, 0.5)]
    assert judge(History.of([*repeated, *events])) == []


def test_request_after_its_cancellation_is_found() -> None:
    cancelled = replace(OLD, state="cancelled", outcome="cancelled")
    cancellation = call(cancelled, 1, "cancelled", "cancel")
    late = landing(cancelled, 3, None)
    (problem,) = problems([cancelled], cancellation, late)
    assert problem == "old was sent 1.900 s after its cancellation"
    on_the_way = Upload("a", "bot", 0.9, 3.5)
    assert problems([cancelled], cancellation, late, on_the_way) == []
    requested = call(cancelled, 1, "requested", "cancel")
    assert problems([cancelled], requested, late) == []


def test_older_image_that_lands_last_is_found() -> None:
    backwards, at_the_end = problems([OLD, NEW], landing(NEW, 1, 2), landing(OLD, 3, 4))
    assert "went backwards: old landed 2.000 s after the newer new" in backwards
    assert "has the image of old, not of new" in at_the_end


def test_older_image_that_landed_in_between_is_found() -> None:
    (problem,) = problems([OLD, NEW], landing(NEW, 1, 2), landing(OLD, 3, 4), landing(NEW, 5, 6))
    assert "went backwards" in problem


def test_older_image_may_land_after_a_newer_one_was_given_up() -> None:
    given_up = replace(NEW, state="failed", finished_at=2.5)
    assert problems([DONE, given_up], landing(given_up, 1, 2), landing(DONE, 3, 4)) == []
    too_early = replace(given_up, finished_at=5)
    assert problems([DONE, too_early], landing(too_early, 1, 2), landing(DONE, 3, 4))


def test_success_without_its_image_is_found() -> None:
    (problem,) = problems([DONE, NEW], landing(DONE, 1, 2))
    assert "bot has the image of old, not of new" in problem


def test_image_that_nobody_enqueued_is_found() -> None:
    (problem,) = problems([], landing(OLD, 1, 2))
    assert "nobody enqueued" in problem


def test_uploads_that_overlap_are_found() -> None:
    (problem,) = problems([DONE, NEW], landing(DONE, 1, 3), landing(NEW, 2, 4))
    assert "began 1.000 s before" in problem


def test_upload_that_never_became_whole_cannot_overlap() -> None:
    assert problems([OLD, NEW], landing(OLD, 1, None), landing(NEW, 2, 4)) == []


def test_uploads_that_were_held_open_at_once_are_found() -> None:
    for ended in (3, None):
        (problem,) = problems([], Upload("a", "bot", 1, ended), Upload("b", "bot", 2, 4))
        assert "b began an upload 2.000 while a held one open" in problem
    assert problems([], Upload("a", "bot", 1, 2), Upload("b", "bot", 2, 4)) == []
    assert problems([], Upload("a", "bot", 1, 3), Upload("b", "other", 2, 4)) == []


def test_frozen_worker_may_hold_an_upload_open() -> None:
    uploads = [Upload("a", "bot", 1, 9), Upload("b", "bot", 6, 7)]
    assert problems([], *uploads, Frozen("a", 2, 8)) == []
    assert problems([], *uploads, Frozen("b", 2, 8))
    assert problems([], *uploads, Frozen("a", 2, 4))
