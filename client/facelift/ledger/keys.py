"""Every Redis key of the ledger, with its Redis type.

All but the Celery queue share one prefix and one hash tag. The scripts in `lua/` name the same
keys; a test compares the two.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_PREFIX = "facelift"

_PREFIX = re.compile(r"[a-z0-9_-]{1,32}")


class SharedKey:
    """A key that a ledger has once; as an attribute of `Keys`, its name.

    Attributes:
        name: what follows the prefix.
        redis_type: as Redis' `TYPE` replies it; empty for none.
    """

    def __init__(self, name: str, redis_type: str) -> None:
        self.name = name
        self.redis_type = redis_type

    def __get__(self, keys: "Keys", owner: object = None) -> str:
        return keys.base + self.name


class MemberKey:
    """A key that there is for each job, account, ...; as an attribute of `Keys`, a function."""

    def __init__(self, name: str, redis_type: str) -> None:
        self.name = name
        self.redis_type = redis_type

    def __get__(self, keys: "Keys", owner: object = None) -> Callable[[str], str]:
        return lambda member: f"{keys.base}{self.name}:{member}"


@dataclass(frozen=True)
class Keys:
    """The keys of one ledger.

    Attributes:
        prefix: tells ledgers on one Redis apart; also the Celery queue's name.

    Raises:
        ValueError: the prefix has other characters than these names can have.
    """

    prefix: str = DEFAULT_PREFIX

    schedule = SharedKey("schedule", "zset")
    """Job ids by the Unix time at which they are due; also `account:<name>`, whose queue is to be
    dispatched, `superseding:<job id>`, `endpoint` for its next probe, `unknown_jobs`,
    `quarantine`, and `clock` after a step of Redis' clock."""
    clock = SharedKey("clock", "hash")
    """How ledger time and wall time differ: `offset`, `confirmed` (wall time), the number of steps
    so far (`epoch`), and the last one."""
    generation = SharedKey("generation", "string")
    """Counter: the order in which jobs became eligible, over all chatbots."""
    counts = SharedKey("counts", "hash")
    """Jobs by state, those that wait by their reason; all that ever ended, by outcome."""
    jobs = SharedKey("jobs", "stream")
    """The ids of all jobs, in the order in which they were enqueued."""
    outcomes = SharedKey("outcomes", "stream")
    """The outcomes of the last jobs that ended."""
    webhooks = SharedKey("webhooks", "zset")
    """Ended jobs whose webhook is still to be sent, by the Unix time of the next attempt."""
    batches = SharedKey("batches", "zset")
    """The names of all batches, by the Unix time at which they began."""
    accounts = SharedKey("accounts", "set")
    """The names of all accounts that a worker registered or an operator named."""
    api_keys = SharedKey("api_keys", "hash")
    """The fingerprints of API keys, and the account that registered each first."""
    unknown_jobs = SharedKey("unknown_jobs", "zset")
    """Waiting jobs that no live worker can run, in order: none has their account or store."""
    quarantined = SharedKey("quarantined", "zset")
    """Pending jobs that may have ended a worker, by the Unix time of its loss."""
    quarantine_queue = SharedKey("quarantine_queue", "zset")
    """Those among them that wait until a worker may run them, by the time from which it may."""
    quarantine_running = SharedKey("quarantine_running", "set")
    """Those among them that a worker runs."""
    config = SharedKey("config", "hash")
    """The settings of the worker that started last: retention, circuit breaker, webhooks."""
    endpoint = SharedKey("endpoint", "hash")
    """The endpoint's circuit breaker, a pause of everything, and the slots of the pool."""
    unanswered = SharedKey("unanswered", "list")
    """Requests without an answer since the last success: time and chatbot, newest first."""
    events = SharedKey("events", "list")
    """Changes of breaker, pauses and limits, newest first."""
    unlogged_events = SharedKey("unlogged_events", "list")
    """Those among the events that no worker has logged yet."""
    workers = SharedKey("workers", "zset")
    """The workers, by the Unix time at which they are forgotten."""
    unacked = SharedKey("unacked", "hash")
    """Messages of producers that a worker has taken and not acknowledged, by delivery tag."""
    unacked_index = SharedKey("unacked_index", "zset")
    """Their tags, by the Unix time at which they were taken."""
    unacked_mutex = SharedKey("unacked_mutex", "string")
    """Lock of the worker that gives overdue ones back; expires."""
    binding_deadlines = SharedKey("binding_deadlines", "zset")
    """When kombu may forget where a worker's remote control listens."""
    refused_messages = SharedKey("refused_messages", "list")
    """The latest messages that workers refused for their form, newest first."""
    stores = SharedKey("stores", "hash")
    """The image stores that a worker cannot read from, by store and worker."""
    probe = SharedKey("probe", "string")
    """Expires at once: whether Redis takes writes."""

    job = MemberKey("job", "hash")
    """The record of a job, by its id."""
    idempotency = MemberKey("idempotency", "string")
    """The job that was enqueued under an idempotency key; expires with its window."""
    chatbot_queue = MemberKey("chatbot_queue", "zset")
    """The pending jobs of a chatbot and asset, by generation. Member: `<account>:<chatbot>`, of its
    icon `<account>/icon:<chatbot>`."""
    chatbot_lock = MemberKey("chatbot_lock", "string")
    """The one running job of a chatbot and asset. Member: as of `chatbot_queue`."""
    unsettled = MemberKey("unsettled", "zset")
    """What requests without an answer sent, by the Unix time until which the endpoint may apply it.
    Member: as of `chatbot_queue`; expires with the last."""
    chatbot_jobs = MemberKey("chatbot_jobs", "zset")
    """An index of all jobs by chatbot: entries of `jobs`, by a hash of the chatbot. Member: the
    remainder of that hash by 16,381."""
    account = MemberKey("account", "hash")
    """An account's rate, what paused it, its circuit breaker, and how its last requests went."""
    account_keys = MemberKey("account_keys", "hash")
    """What became of each API key of an account, by fingerprint (JSON)."""
    account_queue = MemberKey("account_queue", "zset")
    """The flows of an account that have waiting jobs, by start tag."""
    flow_queue = MemberKey("flow_queue", "zset")
    """The waiting jobs of a flow, in order. Member: `<account>:<flow>`."""
    idle_flows = MemberKey("idle_flows", "zset")
    """The flows of an account that were served a moment ago and have no job, by start tag."""
    suspect_queue = MemberKey("suspect_queue", "zset")
    """The waiting jobs of an account's suspects, by the Unix time at which they became due."""
    suspects = MemberKey("suspects", "zset")
    """The chatbots of an account whose last upload failed, by failures in a row."""
    suspect = MemberKey("suspect", "hash")
    """How a suspect's last upload failed. Member: `<account>:<chatbot>`; expires after a day."""
    suspects_running = MemberKey("suspects_running", "set")
    """The jobs of suspects that are on the queue, or with a worker."""
    failures = MemberKey("failures", "list")
    """An account's failures since its last success: time and chatbot, newest first."""
    charged = MemberKey("charged", "list")
    """The attempts that these used up: job id and number; given back if it was an outage."""
    running = MemberKey("running", "zset")
    """The jobs of an account with a worker, by the Unix time at which their request began."""
    rate_window = MemberKey("rate_window", "zset")
    """What uses an account's rate: permits of jobs, and requests."""
    store_queue = MemberKey("store_queue", "zset")
    """The jobs that wait until an image store is back, by the time of their enqueueing."""
    batch = MemberKey("batch", "hash")
    """The jobs of a batch by state and outcome; expires as their records do."""
    batch_pending = MemberKey("batch_pending", "set")
    """The ids of a batch's jobs that have not ended."""
    worker = MemberKey("worker", "hash")
    """A worker's last heartbeat; expires soon after."""
    worker_keys = MemberKey("worker_keys", "hash")
    """The fingerprints of a worker's API keys by account, the newest first; expires soon after."""
    worker_queue = MemberKey("worker_queue", "list")
    """A worker's own queue: messages of jobs that others cannot run; expires."""
    worker_settings = MemberKey("worker_settings", "hash")
    """A worker's image stores, and in which settings it differs; expires soon after."""
    lost_worker = MemberKey("lost_worker", "hash")
    """A worker that was lost, or stops, and what it ran; expires after a day."""
    changes = MemberKey("changes", "")
    """Channel, not a key: the state that a job came into, at each change."""
    batch_changes = MemberKey("batch_changes", "")
    """Channel, not a key: the state in which a job of the batch ended."""

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError("must be 1 to 32 of a-z, 0-9, _ and -")

    @property
    def base(self) -> str:
        """What every key of the ledger begins with."""
        return "{" + self.prefix + "}:"

    @property
    def queue(self) -> str:
        """List: the Celery queue, newest message first. Celery names it, hence no hash tag."""
        return self.prefix
