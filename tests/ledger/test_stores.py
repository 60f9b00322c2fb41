"""Jobs whose image store is out wait, and go on once a worker can read from it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.codes import Decision, OutcomeCode, WaitReason

if TYPE_CHECKING:
    from facelift.status.pool import PoolStatus
    from tests.ledger.driver import Ledger

PARKED = 300.0


def park(ledger: Ledger, chatbot: str, store: str = "media") -> str:
    job = ledger.enqueue(chatbot, f"{store}:a.png")
    lease = ledger.acquire(job)
    attempt = ledger.attempt(
        OutcomeCode.IMAGE_STORE_UNAVAILABLE, None, Decision.RETRY, counted=False
    )
    until = ledger.now + PARKED
    assert ledger.store.retry_later(
        lease, until, WaitReason.STORE_UNAVAILABLE, "It is out.", attempt, store=store
    )
    ledger.lose_messages()
    return job


def snapshot(ledger: Ledger) -> PoolStatus:
    return ledger.store.pool.snapshot()


def kinds(ledger: Ledger) -> list[str]:
    return [str(event.kind) for event in reversed(snapshot(ledger).events)]


def test_parked_jobs_wait_until_their_store_is_back(ledger: Ledger) -> None:
    jobs = [park(ledger, chatbot) for chatbot in ("ann", "bob")]
    other = park(ledger, "cy", "else")
    ledger.run_once(PARKED / 2)
    assert {ledger.get(job).wait_reason for job in jobs} == {"store_unavailable"}
    assert ledger.store.stores.release(["media"], 100) == 2
    ledger.run_once()
    assert {str(ledger.state(job)) for job in jobs} == {"queued"}
    assert ledger.get(other).wait_reason == "store_unavailable"
    assert ledger.get(jobs[0]).attempts_used == 0


def test_parked_jobs_go_on_by_themselves_if_nobody_calls_them(ledger: Ledger) -> None:
    job = park(ledger, "ann")
    ledger.run_once(PARKED)
    assert ledger.state(job) == "queued"


def test_the_oldest_go_on_first_and_no_more_than_asked_for(ledger: Ledger) -> None:
    jobs = []
    for number in range(5):
        ledger.now += 1
        jobs.append(park(ledger, f"bot-{number}"))
    assert ledger.store.stores.release(["media"], 2) == 2
    ledger.run_once()
    assert [str(ledger.state(job)) for job in jobs] == ["queued"] * 2 + ["waiting"] * 3
    assert ledger.store.stores.release(["media"], 100) == 3
    assert ledger.store.stores.release(["media"], 100) == 0


def test_a_job_that_ended_or_went_on_meanwhile_is_left_alone(ledger: Ledger) -> None:
    cancelled, went_on = park(ledger, "ann"), park(ledger, "bob")
    ledger.store.cancel(cancelled)
    ledger.run_once(PARKED)
    assert ledger.state(went_on) == "queued"
    assert ledger.store.stores.release(["media"], 100) == 0
    assert ledger.state(cancelled) == "cancelled"


def test_a_newer_job_of_the_chatbot_waits_its_own_turn(ledger: Ledger) -> None:
    older = park(ledger, "ann")
    newer = ledger.enqueue("ann", "else:a.png")
    ledger.deliver(ledger.acquire_with_permit(newer))
    assert ledger.state(older) == "superseded"
    assert ledger.store.stores.release(["media"], 100) == 0


def test_an_outage_is_shown_with_its_workers_and_waiting_jobs(ledger: Ledger) -> None:
    stores = ledger.store.stores
    stores.report_outage("host:1", "media", "It is not mounted.")
    began = ledger.now
    park(ledger, "ann")
    ledger.now += 10
    stores.report_outage("host:2", "media", "It is slow.")
    stores.report_outage("host:1", "media", "It is not mounted.")
    (outage,) = snapshot(ledger).stores
    assert (outage.store, outage.workers) == ("media", ("host:1", "host:2"))
    assert (outage.since, outage.reason, outage.waiting) == (began, "It is not mounted.", 1)
    assert snapshot(ledger).waiting == {WaitReason.STORE_UNAVAILABLE: 1}
    stores.report_back("host:1", "media")
    assert snapshot(ledger).stores[0].workers == ("host:2",)
    stores.report_back("host:2", "media")
    assert snapshot(ledger).stores == ()
    assert kinds(ledger) == ["store_out", "store_back"]
    out = snapshot(ledger).events[-1]
    assert (out.store, out.reason) == ("media", "It is not mounted.")


def test_an_outage_that_no_worker_repeats_is_forgotten(ledger: Ledger) -> None:
    ledger.store.stores.report_outage("host:1", "media", "It is out.")
    ledger.now += 61
    assert snapshot(ledger).stores == ()
    ledger.store.stores.report_outage("host:2", "media", "It is out.")
    assert snapshot(ledger).stores[0].workers == ("host:2",)


def test_to_say_that_a_store_is_well_is_no_event(ledger: Ledger) -> None:
    ledger.store.stores.report_back("host:1", "media")
    assert kinds(ledger) == []
