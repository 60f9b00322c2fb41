"""The scripts keep their promises in every state of small scopes; broken ones are found."""

from __future__ import annotations

import pytest

from tests.explore.broken import DEFECTS, Defect
from tests.explore.scope import SCOPES
from tests.explore.search import explore
from tests.explore.story import tell

CLOSING = ["replies", "messages", "leases", "late", "stops", "people", "deadlines", "rate"]
CLOSING += ["removal", "set-again", "icon"]


def check(name: str, seconds: float) -> None:
    """The scope holds no state in which a promise is broken."""
    explored = explore(SCOPES[name], seconds=seconds)
    assert not explored.finding, tell(SCOPES[name], explored.finding)
    assert explored.is_closed, str(explored)


@pytest.mark.no_cover
@pytest.mark.timeout(600)
def test_small_scope_holds_no_state_that_breaks_a_promise() -> None:
    check("small", 500)  # 20 s where nothing else runs


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CLOSING)
def test_scope_of_one_kind_of_fault_holds_no_such_state(name: str) -> None:
    check(name, 800)


def _some_in_every_run(defect: Defect) -> object:
    marks = () if defect in DEFECTS[:2] else (pytest.mark.nightly,)
    return pytest.param(defect, id=defect.name, marks=marks)


def find(defect: Defect) -> str:
    """The story of a broken script."""
    scope = SCOPES[defect.scope]
    explored = explore(scope, edit=defect.edit, seconds=60)
    assert explored.finding, str(explored)
    assert explored.finding.broken.promise in defect.promises
    return tell(scope, explored.finding, defect.edit)


@pytest.mark.parametrize("defect", [_some_in_every_run(each) for each in DEFECTS])
def test_broken_script_is_found_within_a_minute(defect: Defect) -> None:
    defect.check()
    story = find(defect).splitlines()
    assert story[0].startswith("  1. A producer enqueues job A for the chatbot anna")
    *steps, empty, promise, how = story
    assert all(step.endswith(".") for step in steps)
    assert [int(step.partition(".")[0]) for step in steps] == [*range(1, len(steps) + 1)]
    assert (empty, promise[:8], how[:8]) == ("", "Broken: ", " " * 8)


def test_counterexample_reads_as_a_story() -> None:
    (defect,) = [each for each in DEFECTS if each.name.startswith("an ended job runs again")]
    assert find(defect).splitlines() == [
        "  1. A producer enqueues job A for the chatbot anna: job A is queued.",
        "  2. Worker 1 takes the message of job A and acquires its lease.",
        "  3. Worker 1 asks for a permit for job A, gets it, and sends its request.",
        "  4. Worker 1's request for job A is answered with 200.",
        "  5. Worker 1 records what came of job A: job A is succeeded (delivered).",
        "  6. Worker 1 gets a duplicate message of job A and acquires its lease.",
        "",
        "Broken: Nothing accepted is lost.",
        "        Job A had ended as succeeded, and is running now.",
    ]


def test_patch_that_no_longer_applies_is_an_error() -> None:
    stale = Defect("stale", "jobs/cancel.lua", "no such line", "", "small", ())
    with pytest.raises(ValueError, match="has 0 times: no such line"):
        stale.check()
