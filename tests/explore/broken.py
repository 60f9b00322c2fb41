"""Scripts that are broken on purpose; an exploration must find what each of them breaks."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from tests.explore.promises import ASKED_AGAIN, NEVER_BACKWARDS, NOTHING_LOST, ONE_OWNER


@dataclass(frozen=True)
class Defect:
    """A change of one file.

    Attributes:
        name: what it does.
        file: in `facelift/ledger/lua/`.
        old: text that the file has once.
        new: what stands there instead.
        scope: in which it is found.
        promises: one of which it breaks.
    """

    name: str
    file: str
    old: str
    new: str
    scope: str
    promises: tuple[str, ...]

    def check(self) -> None:
        """Raises `ValueError` if it applies no more: then find what stands there now."""
        source = (resources.files("facelift.ledger") / "lua" / self.file).read_text("utf-8")
        if source.count(self.old) != 1:
            raise ValueError(f"{self.file} has {source.count(self.old)} times: {self.old}")

    def edit(self, source: str) -> str:
        """A script with all that it includes; unchanged if it has nothing of this."""
        return source.replace(self.old, self.new)


DEFECTS = (
    Defect(
        "a running job is given to a second worker",
        "jobs/acquire.lua",
        "if job.state == 'running' then return { 'leased' } end\n",
        "",
        "messages",
        (ONE_OWNER, NEVER_BACKWARDS),
    ),
    Defect(
        "a chatbot's jobs run side by side",
        "include/chatbot_order.lua",
        "if running and running ~= id then",
        "if false then",
        "small",
        (NEVER_BACKWARDS,),
    ),
    Defect(
        "a delivered image leaves the older jobs pending",
        "include/finish_job.lua",
        "if state == 'succeeded' and job.generation then supersede_older(id, job) end\n",
        "",
        "small",
        (NEVER_BACKWARDS,),
    ),
    Defect(
        "a result is recorded without the lease",
        "include/leases.lua",
        "return job.state == 'running' and job.lease_token == token\n",
        "return job.state == 'running'\n",
        "leases",
        (ONE_OWNER,),
    ),
    Defect(
        "a lost lease is renewed by the schedule",
        "jobs/run_schedule.lua",
        "      recover_lost_lease(id, job)\n",
        "      redis.call('ZADD', schedule, timestamp(now + 15), id)\n",
        "small",
        (NOTHING_LOST,),
    ),
    Defect(
        "a lost message is not sent again",
        "jobs/run_schedule.lua",
        "    send_to_worker(id, job)\n",
        "    redis.call('ZADD', schedule, timestamp(now + 10), id)\n",
        "messages",
        (NOTHING_LOST,),
    ),
    Defect(
        "the newest job is not woken when another of its chatbot ends",
        "include/finish_job.lua",
        "  dispatch_chatbot(chatbot_of(job))\n",
        "",
        "small",
        (NOTHING_LOST,),
    ),
    Defect(
        "a result whose reply was lost is refused when it is recorded again",
        "jobs/complete.lua",
        "if gave_up_lease(job, token) then return 1 end\n",
        "",
        "replies",
        (ASKED_AGAIN,),
    ),
    Defect(
        "an upload without an answer is forgotten",
        "include/release_permit.lua",
        "  mark_unsettled(name, id, job)\n",
        "",
        "late",
        (NEVER_BACKWARDS,),
    ),
    Defect(
        "a removal is not repeated after an upload without an answer",
        "jobs/complete.lua",
        "local is_done = outcome == 'delivered' or outcome == 'removed'\n",
        "local is_done = outcome == 'delivered'\n",
        "removal",
        (NEVER_BACKWARDS,),
    ),
    Defect(
        "an ended job runs again when its message comes twice",
        "jobs/acquire.lua",
        "if not is_pending(job.state) then return { 'ended', job.state } end\n",
        "",
        "messages",
        (NOTHING_LOST, NEVER_BACKWARDS),
    ),
    Defect(
        "a running job is cancelled under its worker",
        "jobs/cancel.lua",
        "if job.state == 'running' then\n",
        "if false then\n",
        "people",
        (NOTHING_LOST, ONE_OWNER),
    ),
    Defect(
        "an acquired job is not on the schedule",
        "jobs/acquire.lua",
        "redis.call('ZADD', '{facelift}:schedule', lease_until, id)\n",
        "redis.call('ZREM', '{facelift}:schedule', id)\n",
        "small",
        (NOTHING_LOST,),
    ),
    Defect(
        "a job that is enqueued again begins anew",
        "jobs/enqueue.lua",
        "if redis.call('EXISTS', '{facelift}:job:' .. id) == 1 then return",
        "if false then return",
        "replies",
        (ASKED_AGAIN, NOTHING_LOST),
    ),
)
