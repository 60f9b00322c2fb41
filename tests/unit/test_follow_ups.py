"""Follow-ups as Celery's own canvas writes them, made into messages that Celery reads."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from celery import Celery, chain, chord, group

from tasks.follow_ups import MOST, Entry, FollowUps

APP = Celery("producer", broker="memory://", set_as_current=False)
NEXT = APP.signature("shop.next", args=(1,), kwargs={"a": 2}, queue="shop")
LAST = APP.signature("shop.last", immutable=True)


def as_sent(signature: object) -> Any:
    """As it comes over the wire."""
    return json.loads(json.dumps(signature))


def read(entry: Entry) -> tuple[str, str, list[Any], dict[str, Any], dict[str, Any]]:
    """The list, the task and its arguments."""
    message = json.loads(entry.text)
    args, kwargs, embedded = json.loads(base64.b64decode(message["body"]))
    return entry.key, message["headers"]["task"], args, kwargs, embedded


def test_link_runs_with_the_result_before_its_arguments() -> None:
    (entry,) = FollowUps(link=[as_sent(NEXT)]).after_success("t", "job-1")
    key, task, args, kwargs, embedded = read(entry)
    assert (key, task, args, kwargs) == ("shop", "shop.next", ["job-1", 1], {"a": 2})
    assert embedded == {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    assert json.loads(entry.text)["headers"]["parent_id"] == "t"


def test_immutable_signature_gets_no_result_and_goes_to_celerys_default_queue() -> None:
    (entry,) = FollowUps(link=as_sent(LAST)).after_success("t", "job-1")
    assert read(entry)[:3] == ("celery", "shop.last", [])


def test_link_error_gets_the_tasks_id() -> None:
    follow_ups = FollowUps(link=[as_sent(LAST)], link_error=[as_sent(NEXT)])
    (entry,) = follow_ups.after_failure("t")
    assert read(entry)[:3] == ("shop", "shop.next", ["t", 1])


def test_next_step_of_a_chain_carries_the_rest() -> None:
    steps = chain(APP.signature("facelift.enqueue"), NEXT, LAST, NEXT)
    rest = [as_sent(each) for each in reversed(steps.tasks[1:])]
    (entry,) = FollowUps(chain=rest).after_success("t", "job-1")
    key, task, _, _, embedded = read(entry)
    assert (key, task) == ("shop", "shop.next")
    assert [each["task"] for each in embedded["chain"]] == ["shop.next", "shop.last"]


def test_chain_as_link_starts_with_its_first_step() -> None:
    (entry,) = FollowUps(link=[as_sent(chain(NEXT, LAST))]).after_success("t", "job-1")
    _, task, args, _, embedded = read(entry)
    assert (task, args) == ("shop.next", ["job-1", 1])
    assert [each["task"] for each in embedded["chain"]] == ["shop.last"]


def test_each_task_of_a_group_is_sent() -> None:
    follow_ups = FollowUps(link=[as_sent(group(NEXT, LAST))])
    entries = follow_ups.after_success("t", "job-1")
    assert [read(each)[1] for each in entries] == ["shop.next", "shop.last"]


@pytest.mark.parametrize(
    ("priority", "key"), [(0, "shop"), (4, "shop\x06\x163"), (9, "shop\x06\x169")]
)
def test_priority_chooses_the_list_that_kombu_reads(priority: int, key: str) -> None:
    (entry,) = FollowUps(link=[as_sent(NEXT.set(priority=priority))]).after_success("t", "r")
    assert entry.key == key


def test_ten_follow_ups_are_sent_and_eleven_are_refused_whole() -> None:
    assert len(FollowUps(link=[as_sent(NEXT)] * MOST).after_success("t", "r")) == MOST
    with pytest.raises(ValueError, match="more than 10 follow-ups"):
        FollowUps(link=[as_sent(NEXT)] * MOST, chain=[as_sent(LAST)]).after_success("t", "r")


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        (7, "link must be a list of signatures"),
        ([7], "a follow-up must be an object"),
        ([{}], "a follow-up's task has no valid name"),
        ([{"task": "a\nb"}], "a follow-up's task has no valid name"),
        ([{"task": "t", "options": {"queue": "{facelift}:job:1"}}], "a follow-up's queue has no"),
        ([{"task": "t", "options": [1]}], "options must be an object"),
        ([{"task": "t", "args": "x"}], "a follow-up's args must be a list"),
        ([{"task": "t", "options": {"countdown": 1e300}}], "countdown or expires is out of bounds"),
        ([as_sent(chord([NEXT], LAST))], "a chord needs a result backend"),
        ([{"task": "celery.chord"}], "a chord needs a result backend"),
        ([as_sent(group([NEXT] * 11))], "more than 10 follow-ups"),
    ],
)
def test_other_follow_ups_are_refused_with_the_reason(link: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        FollowUps(link=link).after_success("t", "r")


def test_member_of_a_chord_has_no_follow_ups_carried_out() -> None:
    with pytest.raises(ValueError, match="a chord needs a result backend"):
        FollowUps(link=[as_sent(NEXT)], chord=as_sent(LAST)).after_success("t", "r")
