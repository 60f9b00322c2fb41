"""Each chatbot's picture and icon have an order of their own; what they share stays shared."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest

from facelift.asset import Action, Asset
from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.ledger.replies import Acquired, Feedback, Lease, Permit, Quota, Waiting
from facelift.units import Rate
from tests.ledger.driver import LEASE, REQUEST, Ledger
from tests.ledger.test_unsettled import LateEndpoint, feedback, repeats, time_out

if TYPE_CHECKING:
    from facelift.record import JobRecord

WINDOW = 120.0
ASSETS = pytest.mark.parametrize("asset", Asset)
PAIRS = pytest.mark.parametrize(("first", "then"), list(itertools.product(Action, Action)))


def request(ledger: Ledger, job_id: str, image: str = "a" * 64) -> Lease:
    """Begin a request, as a worker does: a removal has no hash of an image."""
    lease = ledger.acquire(job_id)
    sha256 = None if ledger.get(job_id).action == "remove" else image
    assert isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST, sha256=sha256), Permit)
    return lease


def done(ledger: Ledger, lease: Lease) -> None:
    record = ledger.get(lease.job_id)
    code = OutcomeCode.REMOVED if record.action == "remove" else OutcomeCode.DELIVERED
    decision = Decision.REPEAT if record.repeats else Decision.SUCCEED
    attempt = ledger.attempt(code, 200, decision)
    assert ledger.store.complete(
        lease, JobState.SUCCEEDED, code, "Done.", attempt, feedback=feedback(settled=True)
    )


def waits(ledger: Ledger, job: str) -> Waiting:
    reply = ledger.store.acquire(Lease(job, "probe"), LEASE, "w")
    assert isinstance(reply, Waiting)
    return reply


@ASSETS
@PAIRS
def test_newer_job_supersedes_an_older_one_whatever_they_do(
    ledger: Ledger, asset: Asset, first: Action, then: Action
) -> None:
    older, newer = (ledger.enqueue(asset=asset, action=action) for action in (first, then))
    assert waits(ledger, older).reason == WaitReason.NEWER_UPLOAD
    done(ledger, request(ledger, newer))
    record = ledger.get(older)
    assert (record.state, record.superseded_by) == (JobState.SUPERSEDED, newer)
    outcome = "removed" if then is Action.REMOVE else "delivered"
    assert (ledger.get(newer).outcome, ledger.leftovers()) == (outcome, set())


@ASSETS
@PAIRS
def test_newer_job_waits_while_an_older_one_is_in_flight(
    ledger: Ledger, asset: Asset, first: Action, then: Action
) -> None:
    lease = request(ledger, ledger.enqueue(asset=asset, action=first))
    newer = ledger.enqueue(asset=asset, action=then)
    assert waits(ledger, newer).reason == WaitReason.CHATBOT_BUSY
    done(ledger, lease)
    assert ledger.state(newer) is JobState.QUEUED


@ASSETS
def test_failed_newest_does_not_lose_the_older_removal(ledger: Ledger, asset: Asset) -> None:
    older = ledger.enqueue(asset=asset, action="remove")
    ledger.fail(request(ledger, ledger.enqueue(asset=asset)))
    done(ledger, request(ledger, older))
    assert ledger.get(older).outcome == "removed"


@PAIRS
def test_picture_and_icon_of_a_chatbot_go_independently(
    ledger: Ledger, first: Action, then: Action
) -> None:
    picture = ledger.enqueue(action=first)
    icon = ledger.enqueue(asset="icon", action=then)
    leases = [request(ledger, picture), request(ledger, icon)]
    for lease in reversed(leases):
        done(ledger, lease)
    assert {ledger.state(picture), ledger.state(icon)} == {JobState.SUCCEEDED}
    assert ledger.leftovers() == set()


@pytest.mark.parametrize(
    ("account", "chatbot", "other_account", "other"),
    [
        ("default", "bot", "default", "/icon:bot"),
        ("default", "bot", "default", "icon:bot"),
        ("default", "bot", "icon", "default:bot"),
        ("default", "x:bot", "default", "bot"),
        ("default", "bot", "default", "default/icon:bot"),
    ],
)
def test_no_chatbot_can_pass_for_the_icon_of_another(
    ledger: Ledger, account: str, chatbot: str, other_account: str, other: str
) -> None:
    icon = ledger.enqueue(chatbot, asset="icon", account=account)
    others = [ledger.enqueue(other, asset=asset, account=other_account) for asset in Asset]
    done(ledger, request(ledger, icon))
    assert ledger.get(icon).outcome == "delivered"
    assert {ledger.state(job) for job in others} == {JobState.QUEUED}


def test_keys_and_record_of_a_picture_are_what_they_were(ledger: Ledger) -> None:
    request(ledger, ledger.enqueue("bot", job_id="picture"))
    request(ledger, ledger.enqueue("bot", job_id="icon", asset="icon", action="remove"))
    keys, redis = ledger.store.keys, ledger.redis
    assert redis.get(keys.chatbot_lock("default:bot")) == "picture"
    assert redis.get(keys.chatbot_lock("default/icon:bot")) == "icon"
    picture, icon = (redis.hgetall(keys.job(job)) for job in ("picture", "icon"))
    assert {"asset", "action"}.isdisjoint(picture)
    assert (icon["asset"], icon["action"], "image" in icon) == ("icon", "remove", False)


def test_stream_names_asset_and_action_where_they_are_not_the_defaults(ledger: Ledger) -> None:
    for given in ({}, {"asset": "icon"}, {"action": "remove"}):
        done(ledger, request(ledger, ledger.enqueue(**given)))
    entries = [fields for _, fields in ledger.redis.xrange(ledger.store.keys.outcomes)]
    assert [(each.get("asset"), each.get("action")) for each in entries] == [
        (None, None),
        ("icon", None),
        (None, "remove"),
    ]


@pytest.mark.parametrize(
    ("asset", "action", "said"),
    [
        ("profile_picture", "set", "A newer image of this chatbot was delivered first."),
        ("icon", "set", "A newer icon of this chatbot was delivered first."),
        (
            "profile_picture",
            "remove",
            "A newer removal of this chatbot's picture was carried out first.",
        ),
        ("icon", "remove", "A newer removal of this chatbot's icon was carried out first."),
    ],
)
def test_superseded_job_says_by_what(ledger: Ledger, asset: str, action: str, said: str) -> None:
    older = ledger.enqueue(asset=asset)
    newer = ledger.enqueue(asset=asset, action=action)
    assert waits(ledger, older).message == said.split(" was ", maxsplit=1)[0] + " goes first."
    done(ledger, request(ledger, newer))
    assert ledger.get(older).message == said


# What is shared.


def fail_in_flight(ledger: Ledger, job: str) -> None:
    """Its request fails; it is tried again in an hour."""
    lease, until = request(ledger, job), ledger.now + 3600
    ledger.store.pool.report_failure(lease, OutcomeCode.SERVER_ERROR, "Broken.")
    attempt = ledger.attempt(OutcomeCode.SERVER_ERROR, 500, Decision.RETRY, next_at=until)
    answered = Feedback(Permit(), answered=False, fingerprint="key-1", quota=Quota(), settled=True)
    ledger.store.retry_later(lease, until, WaitReason.RETRY, "Broken.", attempt, feedback=answered)


def test_chatbot_is_suspect_as_a_whole(ledger: Ledger) -> None:
    fail_in_flight(ledger, ledger.enqueue("sick", asset="icon"))
    keys = ledger.store.keys
    assert ledger.redis.zscore(keys.suspects("default"), "sick") == 1
    picture = ledger.enqueue("sick", action="remove")
    assert ledger.redis.hget(keys.job(picture), "suspect") == "1"
    done(ledger, request(ledger, picture))
    assert ledger.redis.zcard(keys.suspects("default")) == 0


@PAIRS
def test_picture_and_icon_share_the_accounts_rate(
    ledger: Ledger, first: Action, then: Action
) -> None:
    ledger.register(Rate(1, 10))
    done(ledger, request(ledger, ledger.enqueue(action=first)))
    icon = ledger.enqueue(asset="icon", action=then)
    if ledger.state(icon) is JobState.QUEUED:  # its image may be read meanwhile
        assert isinstance(
            ledger.store.acquire_permit(ledger.acquire(icon), LEASE, REQUEST), Waiting
        )
    assert ledger.get(icon).wait_reason == WaitReason.RATE_LIMITED


def test_removal_is_sent_to_no_worker_while_its_account_is_paused(ledger: Ledger) -> None:
    ledger.register(None)
    ledger.store.pool.pause("default", by="me", reason="", until=None)
    image, removal = ledger.enqueue("a"), ledger.enqueue("b", action="remove")
    assert (ledger.state(image), ledger.messages()) == (JobState.QUEUED, 1)
    assert ledger.get(removal).wait_reason == WaitReason.ACCOUNT_PAUSED


def test_worker_needs_no_store_for_a_removal(ledger: Ledger) -> None:
    ledger.register(None, worker="w1", stores=("other",))
    image, removal = ledger.enqueue("a"), ledger.enqueue("b", action="remove")
    assert isinstance(ledger.store.acquire(ledger.lease(removal), LEASE, "w1"), Acquired)
    assert not isinstance(ledger.store.acquire(ledger.lease(image), LEASE, "w1"), Acquired)


# Requests without an answer.


def repeated(ledger: Ledger) -> JobRecord:
    (repeat,) = repeats(ledger)
    return repeat


@ASSETS
def test_removal_is_repeated_after_an_upload_that_may_still_arrive(
    ledger: Ledger, asset: Asset
) -> None:
    time_out(ledger, request(ledger, ledger.enqueue(asset=asset)))
    ledger.now += 10
    job = ledger.enqueue(asset=asset, action="remove")
    done(ledger, request(ledger, job))
    repeat = repeated(ledger)
    assert (repeat.action, repeat.asset, repeat.image) == ("remove", asset, None)
    assert (repeat.sha256, repeat.repeats) == (None, job)
    what = "icon" if asset is Asset.ICON else "picture"
    assert repeat.message == (
        "An earlier upload of this chatbot got no answer, and may still arrive; then the "
        f"{what} is removed once more."
    )
    ledger.lose_messages()
    ledger.run_once(WINDOW)
    assert ledger.take_message() == repeat.id
    done(ledger, request(ledger, repeat.id))
    assert ledger.state(repeat.id) is JobState.SUCCEEDED
    assert [each.code for each in ledger.get(job).attempts] == ["removed", "removed"]
    assert len(repeats(ledger)) == 1


@ASSETS
def test_image_is_repeated_after_a_removal_that_may_still_arrive(
    ledger: Ledger, asset: Asset
) -> None:
    time_out(ledger, request(ledger, ledger.enqueue(asset=asset, action="remove")))
    done(ledger, request(ledger, ledger.enqueue(asset=asset), "b" * 64))
    repeat = repeated(ledger)
    assert (repeat.action, repeat.asset, repeat.sha256) == ("set", asset, "b" * 64)
    assert repeat.message.startswith("An earlier removal of this chatbot got no answer, and may")


@PAIRS
def test_nothing_is_repeated_for_a_request_of_the_other_asset(
    ledger: Ledger, first: Action, then: Action
) -> None:
    time_out(ledger, request(ledger, ledger.enqueue(action=first)))
    done(ledger, request(ledger, ledger.enqueue(asset="icon", action=then), "b" * 64))
    assert repeats(ledger) == []


@ASSETS
def test_removal_is_not_repeated_for_another_removal(ledger: Ledger, asset: Asset) -> None:
    time_out(ledger, request(ledger, ledger.enqueue(asset=asset, action="remove")))
    done(ledger, request(ledger, ledger.enqueue(asset=asset, action="remove")))
    assert repeats(ledger) == []


def test_same_image_is_repeated_for_a_removal_between(ledger: Ledger) -> None:
    time_out(ledger, request(ledger, ledger.enqueue()))
    time_out(ledger, request(ledger, ledger.enqueue(action="remove")))
    done(ledger, request(ledger, ledger.enqueue()))
    assert repeated(ledger).action == "set"


def test_newer_job_takes_over_from_the_repeat_of_a_removal(ledger: Ledger) -> None:
    time_out(ledger, request(ledger, ledger.enqueue()))
    done(ledger, request(ledger, ledger.enqueue(action="remove")))
    ledger.now += 1
    done(ledger, request(ledger, ledger.enqueue(), "b" * 64))
    dropped, kept = repeats(ledger)
    assert (dropped.action, dropped.state) == ("remove", JobState.SUPERSEDED)
    assert (kept.action, kept.sha256) == ("set", "b" * 64)


@pytest.mark.parametrize("seed", range(8))
def test_newest_of_images_and_removals_stands_in_the_end(simulated: Ledger, seed: int) -> None:
    rng, ledger = random.Random(seed), simulated
    endpoints = {asset: LateEndpoint() for asset in Asset}
    newest, last = dict.fromkeys(Asset, ""), dict.fromkeys(Asset, "")
    ledger.register(None)
    for step in range(300):
        ledger.now += rng.uniform(0, 8)
        if step < 60 and rng.random() < 0.4:
            asset = rng.choice(list(Asset))
            removes = rng.random() < 0.5
            newest[asset] = ledger.enqueue(
                image=f"media:{step:064x}.png", asset=asset, action="remove" if removes else "set"
            )
        ledger.run_once()
        while ledger.messages():
            lease = ledger.lease(ledger.take_message())
            reply = ledger.store.acquire(lease, LEASE, "w")
            if not isinstance(reply, Acquired):
                continue
            asset = Asset(reply.record.asset)
            image = (reply.record.image or "")[6:-4]  # none stands after a removal
            permit = ledger.store.acquire_permit(lease, LEASE, REQUEST, sha256=image or None)
            if not isinstance(permit, Permit):
                continue
            endpoint, fate = endpoints[asset], rng.random()
            endpoint.apply(ledger.now)
            if fate < 0.4 and step < 100:
                endpoint.late.append((ledger.now + rng.uniform(0, WINDOW), image))
                if fate < 0.2:
                    time_out(ledger, lease, rng.uniform(0, 20))
                # else its worker was killed
            else:
                endpoint.picture = last[asset] = image
                done(ledger, lease)
    for asset, endpoint in endpoints.items():
        endpoint.apply(ledger.now)
        assert ledger.state(newest[asset]).is_terminal
        assert endpoint.picture == last[asset]
