"""Each check of a chaos run finds what breaks it."""

from __future__ import annotations

from dataclasses import replace

from facelift.codes import JobState
from sandbox.endpoint.request_log import Arrival
from tests.chaos.judgement import Job, judge
from tests.chaos.proxy import Exchange
from tests.chaos.world import Freeze

OLD = Job("old", "bot", "sha-old", 1, JobState.SUPERSEDED, 0)
NEW = Job("new", "bot", "sha-new", 2, JobState.SUCCEEDED, 50)
DONE = replace(OLD, state=JobState.SUCCEEDED, finished_at=5)


def landing(job: Job, began: float, whole: float | None) -> Arrival:
    """Unix time and monotonic time are the same here."""
    return Arrival(
        number=int(began * 1000),
        method="POST",
        path="/",
        key=None,
        arrived=began,
        headers_at=began,
        chatbot_id=job.chatbot_id,
        sha256=job.sha256,
        stored=whole is not None,
        body_at=whole,
    )


def problems(jobs: list[Job], *arrivals: Arrival) -> list[str]:
    return judge(jobs, arrivals, [], [])


def test_newer_image_after_an_older_one_is_fine() -> None:
    assert problems([DONE, NEW], landing(DONE, 1, 2), landing(NEW, 3, 4)) == []


def test_job_that_never_ends_is_found() -> None:
    (problem,) = problems([replace(OLD, state=JobState.WAITING)])
    assert "old has not ended: waiting" in problem


def test_older_image_that_lands_last_is_found() -> None:
    backwards, at_the_end = problems([OLD, NEW], landing(NEW, 1, 2), landing(OLD, 3, 4))
    assert "went backwards: old landed 2.000 s after the newer new" in backwards
    assert "has the image of old, not of new" in at_the_end


def test_older_image_that_landed_in_between_is_found() -> None:
    (problem,) = problems([OLD, NEW], landing(NEW, 1, 2), landing(OLD, 3, 4), landing(NEW, 5, 6))
    assert "went backwards" in problem


def test_older_image_may_land_after_a_newer_one_was_given_up() -> None:
    given_up = replace(NEW, state=JobState.FAILED, finished_at=2.5)
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


def held(sender: str, began: float, ended: float | None) -> Exchange:
    return Exchange(sender, "bot", began, ended)


def test_uploads_that_were_held_open_at_once_are_found() -> None:
    for ended in (3, None):
        (problem,) = judge([], [], [held("a", 1, ended), held("b", 2, 4)], [])
        assert "b began an upload 2.000 while a held one open" in problem
    assert judge([], [], [held("a", 1, 2), held("b", 2, 4)], []) == []
    assert judge([], [], [held("a", 1, 3), Exchange("b", "other", 2, 4)], []) == []


def test_frozen_worker_may_hold_an_upload_open() -> None:
    uploads = [held("a", 1, 9), held("b", 6, 7)]
    assert judge([], [], uploads, [Freeze("a", 2, 8)]) == []
    assert judge([], [], uploads, [Freeze("b", 2, 8)])
    assert judge([], [], uploads, [Freeze("a", 2, 4)])
