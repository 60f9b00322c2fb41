"""What must hold in every state, and after every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.ledger.keys import Keys
from tests.explore.database import Database, Hash, SortedSet, Stream

if TYPE_CHECKING:
    from tests.explore.database import Snapshot
    from tests.explore.state import Act

KEYS = Keys()
_JOB = KEYS.job("")
_DONE = {"delivered", "removed"}
_ENDED = {"succeeded", "failed", "superseded", "cancelled", "expired"}


class Broken(Exception):  # noqa: N818 - a finding, not a defect of the program
    """A promise is broken.

    Attributes:
        promise: which.
        sentence: how.
        act: the step that broke it, if one did.
    """

    act: Act | None = None

    def __init__(self, promise: str, sentence: str) -> None:
        super().__init__(f"{promise} {sentence}")
        self.promise = promise
        self.sentence = sentence


NOTHING_LOST = "Nothing accepted is lost."
NEVER_BACKWARDS = "Pictures never go backwards."
ONE_OWNER = "Only the holder of the lease writes the record."
ASKED_AGAIN = "A script that is asked again answers the same and changes nothing."


def records(values: dict[str, object]) -> dict[str, Hash]:
    """The records by job id, repeats included."""
    found = {}
    for key, value in values.items():
        if key.startswith(_JOB) and isinstance(value, Hash):
            found[key[len(_JOB) :]] = value
    return found


def target_of(record: Hash) -> str:
    """The chatbot and asset that a job is about: what has an order of its own."""
    asset = f"/{record['asset']}" if "asset" in record else ""
    return f"{record.get('account', 'default')}{asset}:{record['chatbot_id']}"


def image_of(known: dict[str, Hash], job: str) -> str:
    """What a job uploads, by the job that brought it: a repeat and a replay have an older one's.

    All removals leave the same: nothing.
    """
    record = known.get(job, Hash())
    if "action" in record:
        return ""
    older = record.get("repeats") or record.get("replay_of")
    return image_of(known, older) if older else job


def is_ended(record: Hash) -> bool:
    return record.get("state") in _ENDED


def check_step(before: Snapshot, redis: Database) -> None:
    """What no step may do, whoever takes it."""
    now = records(redis.values)
    for job, record in records(before.values).items():
        if is_ended(record) and now.get(job) is not record:
            after = now.get(job, Hash())
            for name in ("state", "outcome"):
                if after.get(name) != record.get(name):
                    raise Broken(
                        NOTHING_LOST,
                        f"Job {job} had ended as {record.get(name)}, and is {after.get(name)} now.",
                    )
    for job, record in now.items():
        _check_wait(job, record, now)
    announced = [fields[1] for _, fields in redis.read(KEYS.outcomes, Stream)]
    ended = [job for job, record in now.items() if is_ended(record) and "repeats" not in record]
    if sorted(announced) != sorted(ended):
        raise Broken(
            NOTHING_LOST,
            f"Ended are {_list(ended)}; the stream of outcomes has {_list(announced)}.",
        )


def _check_wait(job: str, record: Hash, known: dict[str, Hash]) -> None:
    """Who waits for another job of its chatbot waits for one that there is."""
    reason = record.get("wait_reason")
    if reason not in {"newer_upload", "chatbot_busy"}:
        return
    for other, its in known.items():
        if target_of(its) != target_of(record) or other == job or is_ended(its):
            continue
        if reason == "chatbot_busy":
            is_there = its["state"] == "running"
        else:
            is_there = int(its.get("generation", 0)) > int(record["generation"])
        if is_there:
            return
    raise Broken(NOTHING_LOST, f"Job {job} waits ({reason}) for a job that is not there.")


def check_write(before: Snapshot, redis: Database, job: str, token: str) -> bool:
    """A worker's call for a job under a token wrote nothing unless that held the lease.

    Returns:
        Whether it held the lease.
    """
    record: Hash = before.values.get(_JOB + job, Hash())
    holds = record.get("state") == "running" and record.get("lease_token") == token
    if not holds and redis.values.get(_JOB + job, Hash()) != record:
        raise Broken(ONE_OWNER, f"The record of job {job} was written without its lease.")
    return holds


def check_permit(redis: Database, job: str, in_flight: list[str]) -> None:
    """A request of a job may begin now."""
    known = records(redis.values)
    record = known[job]
    target, generation = target_of(record), int(record["generation"])
    for other in in_flight:
        if target_of(known[other]) == target:
            raise Broken(
                NEVER_BACKWARDS,
                f"An upload of job {job} begins while one of job {other} is in flight.",
            )
    for other, its in known.items():
        is_newer = int(its.get("generation", 0)) > generation
        if target_of(its) == target and its.get("outcome") in _DONE and is_newer:
            raise Broken(
                NEVER_BACKWARDS,
                f"An upload of job {job} begins although the newer job {other} was delivered.",
            )


def _newest_done(known: dict[str, Hash], target: str) -> str:
    found = [
        (int(record["generation"]), job)
        for job, record in known.items()
        if target_of(record) == target
        and record.get("outcome") in _DONE
        and "repeats" not in record
    ]
    return max(found)[1] if found else ""


def check_end(redis: Database, pictures: dict[str, str], *, may_expire: bool) -> None:
    """All is over: each job has its outcome, each chatbot its picture, and nothing is left."""
    known = records(redis.values)
    # Whose repeat the endpoint refuses has no picture that anybody could answer for.
    refused = {its.get("repeats") for its in known.values() if its.get("state") == "failed"}
    generations = {job: int(record.get("generation", 0)) for job, record in known.items()}
    for job, record in known.items():
        if record["state"] == "expired" and not may_expire:
            raise Broken(NOTHING_LOST, f"Job {job} waited until its deadline, for nothing.")
        if job in refused:
            continue
        target = target_of(record)
        if job == _newest_done(known, target):
            shown = pictures.get(target, "")
            is_older = generations.get(shown, 0) < generations[job]
            if is_older and image_of(known, shown) != image_of(known, job):
                raise Broken(
                    NEVER_BACKWARDS,
                    f"Job {job} was delivered, and in the end the chatbot"
                    f" {record['chatbot_id']} shows the image of {shown or 'nobody'}.",
                )
    left = set(redis.read(KEYS.schedule, SortedSet)) & set(known)
    for record in known.values():
        account = record.get("account", "default")
        for key in (KEYS.running(account), KEYS.chatbot_queue(target_of(record))):
            left |= {member for member in redis.read(key, SortedSet) if member in known}
    if left:
        raise Broken(NOTHING_LOST, f"All has ended, and {_list(sorted(left))} is still queued.")


def _list(names: list[str]) -> str:
    return " and ".join(names) or "none"
