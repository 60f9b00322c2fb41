"""Any sequence of events keeps the promises: the scripts against a model, step by step."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from facelift.codes import JobState
from facelift.ledger.replies import Acquired, Ended, Lease, Leased, Permit, Waiting
from tests.conftest import real_by_day
from tests.ledger.driver import LEASE, REQUEST, START, Ledger
from tests.ledger.model import PENDING, Model

if TYPE_CHECKING:
    from redis import Redis

    from facelift.record import JobRecord

REPLIES = {Acquired: "acquired", Ended: "ended", Leased: "leased", Waiting: "waiting"}
PERMIT_REPLIES = {Permit: "permit", Ended: "ended", Leased: "lost", Waiting: "waiting"}

TARGETS = [("ann", "profile_picture"), ("ann", "icon"), ("bob", "profile_picture")]
whose = st.sampled_from(TARGETS)
"""A chatbot and an asset: each has an order of its own."""
actions = st.sampled_from(["set", "remove"])
batches = st.sampled_from([None, "one", "two"])
seconds = st.sampled_from([1, 4, 11, 16, 16, 40])
acts = st.sampled_from(["acquire_permit", "succeed", "fail", "retry_later", "release", "heartbeat"])


class Promises(RuleBasedStateMachine):
    """Producers, workers that live, die and come back, a queue that loses and doubles."""

    redis: Any  # a client; its stubs answer for the asynchronous one too

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.ledger = Ledger(self.redis)
        self.model = Model(START)
        self.leases: list[Lease] = []
        self.ended: dict[str, str] = {}
        self.records: dict[str, JobRecord] = {}
        self.delivered: dict[str, list[int]] = {" ".join(target): [] for target in TARGETS}

    def live(self) -> list[Lease]:
        return [
            Lease(job.id, job.token)
            for job in self.model.jobs.values()
            if job.state == "running" and job.token
        ]

    # Producers.

    @rule(
        whose=whose,
        action=actions,
        lives=st.sampled_from([30, 10_000]),
        starts_in=st.sampled_from([None, None, None, 20]),
        batch=batches,
    )
    def enqueue(
        self,
        whose: tuple[str, str],
        action: str,
        lives: int,
        starts_in: int | None,
        batch: str | None,
    ) -> None:
        chatbot, asset = whose
        expires = self.model.now + lives
        not_before = None if starts_in is None else self.model.now + starts_in
        given: dict[str, Any] = {"expires_at": expires, "not_before": not_before, "batch": batch}
        job = self.ledger.enqueue(chatbot, asset=asset, action=action, **given)
        self.model.enqueue(job, " ".join(whose), expires, not_before, batch)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def enqueue_again(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(list(self.model.jobs)))
        self.ledger.enqueue(self.records[job].chatbot_id, job_id=job, batch="one")

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.cancel_job(data.draw(st.sampled_from(list(self.model.jobs)[-4:])))

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def cancel_what_runs(self, data: st.DataObject) -> None:
        self.cancel_job(data.draw(st.sampled_from(self.live())).job_id)

    def cancel_job(self, job: str) -> None:
        assert self.ledger.store.cancel(job) == self.model.cancel(job)

    # The queue.

    @precondition(lambda self: self.model.queue)
    @rule()
    def deliver_oldest_message(self) -> None:
        message = json.loads(self.ledger.redis.rpop("facelift"))
        _, job = self.model.queue.pop(0)
        assert message["headers"]["id"] == job
        self.acquire(job)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def deliver_a_duplicate(self, data: st.DataObject) -> None:
        self.acquire(data.draw(st.sampled_from(list(self.model.jobs)[-4:])))

    @rule()
    def lose_all_messages(self) -> None:
        self.ledger.lose_messages()
        self.model.queue.clear()

    def acquire(self, job: str) -> None:
        lease = Lease(job, f"t{len(self.leases)}")
        reply = self.ledger.store.acquire(lease, LEASE, f"worker-of-{lease.token}")
        assert REPLIES[type(reply)] == self.model.acquire(job, lease.token)
        self.leases.append(lease)

    # Workers, some of which should be dead.

    @precondition(lambda self: self.live())
    @rule(data=st.data(), act=acts)
    def owner_acts(self, data: st.DataObject, act: str) -> None:
        getattr(self, act)(data.draw(st.sampled_from(self.live())))

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), act=acts)
    def zombie_acts(self, data: st.DataObject, act: str) -> None:
        getattr(self, act)(data.draw(st.sampled_from(self.leases[-6:])))

    @precondition(lambda self: self.model.queue)
    @rule(path=st.lists(acts, max_size=3))
    def worker_takes_the_next(self, path: list[str]) -> None:
        self.deliver_oldest_message()
        for act in path:
            getattr(self, act)(self.leases[-1])

    @precondition(lambda self: self.live())
    @rule(data=st.data(), act=acts)
    def frozen_worker_wakes(self, data: st.DataObject, act: str) -> None:
        lease = data.draw(st.sampled_from(self.live()))
        self.run_once(16)
        getattr(self, act)(lease)

    def acquire_permit(self, lease: Lease) -> None:
        reply = self.ledger.store.acquire_permit(lease, LEASE, REQUEST)
        assert PERMIT_REPLIES[type(reply)] == self.model.acquire_permit(*lease)

    def succeed(self, lease: Lease) -> None:
        job = self.model.jobs[lease.job_id]
        is_first = job.state == "running" and job.token == lease.token
        assert self.ledger.deliver(lease) == self.model.finish(*lease, "succeeded")
        if is_first:
            self.delivered[job.chatbot].append(job.generation or 0)

    def fail(self, lease: Lease) -> None:
        assert self.ledger.fail(lease) == self.model.finish(*lease, "failed")

    def retry_later(self, lease: Lease) -> None:
        assert self.ledger.retry_later(lease, 12) == self.model.retry_later(*lease, 12)

    def release(self, lease: Lease) -> None:
        assert self.ledger.store.release(lease) == self.model.release(*lease)

    def heartbeat(self, lease: Lease) -> None:
        lost = self.ledger.store.renew([lease], LEASE)
        assert (lost == []) == self.model.renew(*lease)

    # Time.

    @rule(passed=seconds)
    def run_once(self, passed: int) -> None:
        self.model.now += passed
        self.ledger.run_once(passed)
        self.model.run_once()

    # What must hold after every step.

    @invariant()
    def ledger_equals_model(self) -> None:
        schedule = self.redis.zscore
        self.records = {job: self.ledger.get(job) for job in self.model.jobs}
        for job in self.model.jobs.values():
            record = self.records[job.id]
            assert (
                record.state,
                record.wait_reason,
                record.attempts_used,
                record.lost_leases,
                record.superseded_by,
                schedule(self.ledger.store.keys.schedule, job.id),
            ) == (
                job.state,
                job.reason,
                job.attempts_used,
                job.lost_leases,
                job.superseded_by,
                job.due,
            ), job.id

    @invariant()
    def terminal_states_never_change(self) -> None:
        for job, record in self.records.items():
            if record.state.is_terminal:
                assert self.ended.setdefault(job, record.state) == record.state
                assert record.outcome is not None

    @invariant()
    def every_job_is_counted_where_it_stands(self) -> None:
        jobs = self.model.jobs.values()
        stand = Counter(
            str(job.reason or job.state) if job.state in PENDING else "ended" for job in jobs
        )
        counted = Counter[str]()
        for what, count in self.redis.hgetall(self.ledger.store.keys.counts).items():
            counted[what.partition(":")[0]] += int(count)
        assert +counted == stand

    @invariant()
    def what_a_batch_counts_is_where_its_jobs_stand(self) -> None:
        store = self.ledger.store
        for batch in ("one", "two"):
            jobs = [job for job in self.model.jobs.values() if job.batch == batch]
            if not jobs:
                assert not self.redis.exists(store.keys.batch(batch))
                continue
            status = store.records.batch(batch)
            pending = {job.id for job in jobs if job.state in PENDING}
            records = [self.records[job.id] for job in jobs]
            codes = Counter(record.outcome for record in records if record.outcome)
            assert status.total == len(jobs)
            assert status.states == Counter(str(job.state) for job in jobs)
            assert status.codes == codes
            assert self.redis.smembers(store.keys.batch_pending(batch)) == pending
            assert (status.finished_at is None) == bool(pending)
            assert self.redis.ttl(store.keys.batch(batch)) > 0

    @invariant()
    def two_requests_of_a_chatbot_and_asset_are_never_in_flight(self) -> None:
        running = [
            (record.chatbot_id, record.asset)
            for record in self.records.values()
            if record.state is JobState.RUNNING
        ]
        assert len(running) == len(set(running))

    @invariant()
    def images_never_go_backwards(self) -> None:
        for generations in self.delivered.values():
            assert generations == sorted(generations)

    def teardown(self) -> None:
        """Nothing is lost: left to itself, everything comes to its end."""
        for _ in range(400):
            if not any(job.state in PENDING for job in self.model.jobs.values()):
                break
            self.run_once(16)
            while self.model.queue:
                self.deliver_oldest_message()
                lease = self.leases[-1]
                if self.model.acquire_permit(*lease) == "permit":
                    self.ledger.store.acquire_permit(lease, LEASE, REQUEST)
                    assert self.ledger.deliver(lease)
                    self.model.finish(*lease, "succeeded")
                else:
                    self.ledger.store.acquire_permit(lease, LEASE, REQUEST)
        self.run_once(16)  # what is left in the schedule
        self.ledger_equals_model()
        self.each_job_is_listed_once_and_its_outcome_told_once()
        assert all(self.ledger.state(job).is_terminal for job in self.model.jobs)
        # A removal in flight whose lease is lost leaves a mark, which expires.
        marks = self.ledger.store.keys.unsettled("")
        assert [key for key in self.ledger.leftovers() if not key.startswith(marks)] == []

    def each_job_is_listed_once_and_its_outcome_told_once(self) -> None:
        keys = self.ledger.store.keys
        listed = [fields["job"] for _, fields in self.redis.xrange(keys.jobs)]
        announced = [
            (fields["job"], fields["state"]) for _, fields in self.redis.xrange(keys.outcomes)
        ]
        assert listed == list(self.model.jobs)
        assert sorted(announced) == sorted(
            (job.id, str(job.state)) for job in self.model.jobs.values()
        )


EXAMPLES = int(os.environ.get("PROMISE_EXAMPLES", "24"))


@real_by_day
@pytest.mark.no_cover  # it takes twice as long otherwise; each script has tests of its own
def test_any_sequence_of_events_keeps_the_promises(redis_client: Redis) -> None:
    is_fake = isinstance(redis_client, FakeRedis)  # whose scripts take ten times as long
    machine: Any = type("OnThisRedis", (Promises,), {"redis": redis_client})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8 if is_fake else EXAMPLES,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
