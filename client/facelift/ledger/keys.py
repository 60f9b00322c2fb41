"""Every Redis key of the ledger, by function.

All share one prefix and one hash tag. `lua/_ledger.lua` names the same keys for
the scripts; a test holds the two against each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_PREFIX = "facelift"

_PREFIX = re.compile(r"[a-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one ledger.

    Attributes:
        prefix: tells ledgers on one Redis apart; also the Celery queue's name.

    Raises:
        ValueError: the prefix has other characters than these names can have.
    """

    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError("must be 1 to 32 of a-z, 0-9, _ and -")

    @property
    def base(self) -> str:
        """What every key of the ledger begins with."""
        return "{" + self.prefix + "}:"

    @property
    def queue(self) -> str:
        """List: the Celery queue, newest message first. Named by Celery, hence no hash tag."""
        return self.prefix

    @property
    def schedule(self) -> str:
        """Sorted set: job id, or `account:<name>`, by the Unix time of the next look at it."""
        return self.base + "schedule"

    @property
    def generation(self) -> str:
        """Counter: the order in which jobs became eligible, over all chatbots."""
        return self.base + "generation"

    @property
    def probe(self) -> str:
        """String, gone at once: whether Redis takes writes."""
        return self.base + "probe"

    @property
    def accounts(self) -> str:
        """Set: the names of all accounts that were heard of."""
        return self.base + "accounts"

    @property
    def endpoint(self) -> str:
        """Hash: the breaker, and a pause of everything."""
        return self.base + "endpoint"

    @property
    def config(self) -> str:
        """Hash: the settings that workers registered: retention, breaker, webhooks."""
        return self.base + "config"

    @property
    def breaker_results(self) -> str:
        """Hash: the endpoint's answers and failures by time, for the breaker."""
        return self.base + "breaker_results"

    @property
    def events(self) -> str:
        """List: changes of breaker and pauses, newest first."""
        return self.base + "events"

    @property
    def unlogged_events(self) -> str:
        """List: those among the events that no worker has logged yet."""
        return self.base + "unlogged_events"

    @property
    def workers(self) -> str:
        """Sorted set: the workers that are there, by the Unix time at which they are forgotten."""
        return self.base + "workers"

    @property
    def counts(self) -> str:
        """Hash: jobs by state, those that wait by their reason; all that ever ended, by outcome."""
        return self.base + "counts"

    @property
    def jobs(self) -> str:
        """Stream: the ids of all jobs, in the order in which they were enqueued."""
        return self.base + "jobs"

    @property
    def outcomes(self) -> str:
        """Stream: what became of the last jobs that ended."""
        return self.base + "outcomes"

    @property
    def webhooks(self) -> str:
        """Sorted set: ended jobs still to be told by HTTP, by the Unix time of the next try."""
        return self.base + "webhooks"

    def worker(self, name: str) -> str:
        """Hash: what a worker last told of itself; expires soon after."""
        return f"{self.base}worker:{name}"

    @property
    def batches(self) -> str:
        """Sorted set: the names of all batches, by the Unix time at which they began."""
        return self.base + "batches"

    def batch(self, name: str) -> str:
        """Hash: how many jobs of a batch are where; expires as their records do."""
        return f"{self.base}batch:{name}"

    def batch_pending(self, name: str) -> str:
        """Set: the ids of a batch's jobs that have not ended; gone when empty."""
        return f"{self.base}batch_pending:{name}"

    def batch_changes(self, name: str) -> str:
        """Channel, not a key: told the state in which a job of the batch ended."""
        return f"{self.base}batch_changes:{name}"

    def account(self, name: str) -> str:
        """Hash: an account's rate, and what paused it."""
        return f"{self.base}account:{name}"

    def account_queue(self, account: str) -> str:
        """Sorted set: the jobs that wait for the turn of an account, by place."""
        return f"{self.base}account_queue:{account}"

    def rate_window(self, account: str) -> str:
        """Sorted set: what an account uses of queue and rate; expires when idle."""
        return f"{self.base}rate_window:{account}"

    def job(self, job_id: str) -> str:
        """Hash: the record of one job."""
        return f"{self.base}job:{job_id}"

    def chatbot_queue(self, chatbot_id: str) -> str:
        """Sorted set: the pending jobs of one chatbot by generation; gone when empty."""
        return f"{self.base}chatbot_queue:{chatbot_id}"

    def chatbot_lock(self, chatbot_id: str) -> str:
        """String: the one running job of a chatbot; gone when there is none."""
        return f"{self.base}chatbot_lock:{chatbot_id}"

    def changes(self, job_id: str) -> str:
        """Channel, not a key: told the state that the job came into, at each change."""
        return f"{self.base}changes:{job_id}"

    def idempotency(self, key: str) -> str:
        """String: what was enqueued under an idempotency key; expires with its window."""
        return f"{self.base}idempotency:{key}"
