"""What an exploration may do: which jobs, which answers of the endpoint, how many faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from facelift.asset import Action, Asset

ANY = -1


class Job(NamedTuple):
    """A job that a producer enqueues; each has an image of its own.

    Attributes:
        name: its id.
        chatbot: whose image.
        lives: seconds until it expires; None for longer than any exploration.
        asset: which of the chatbot's images.
        action: whether it sets or removes that.
    """

    name: str
    chatbot: str
    lives: float | None = None
    asset: Asset = Asset.PROFILE_PICTURE
    action: Action = Action.SET

    def __str__(self) -> str:
        what = "removal of " if self.action is Action.REMOVE else ""
        whose = f"{self.chatbot}'s icon" if self.asset is Asset.ICON else self.chatbot
        lives = f" (expires after {self.lives:g} s)" if self.lives else ""
        return f"{self.name}, {what}{whose}{lives}" if what else f"{self.name} of {whose}{lives}"


class Faults(NamedTuple):
    """How often each of these may still happen."""

    kills: int = 0
    """A worker process dies; another takes its place."""
    freezes: int = 0
    """A worker stands still and renews no lease, until it goes on or is replaced."""
    lost_replies: int = 0
    """A script has run and its reply is lost: the worker asks again, sooner or later."""
    lost_messages: int = 0
    duplicates: int = 0
    """A worker gets a wake-up message of any job that was not sent, or was sent before."""
    cancels: int = 0
    replays: int = 0
    hand_backs: int = 0
    """A worker stops: it releases its lease, whatever it was doing."""
    not_found: int = 0
    """Answers 404."""
    failed: int = 0
    """Answers 500."""
    unanswered: int = 0
    """Uploads that the worker gives up waiting for; the endpoint may apply them later."""
    slow: int = 2
    """Time passes although a worker is at a job, or could take one; ANY for no bound."""


_WORDS = {
    "kills": "killed workers",
    "freezes": "workers that stand still",
    "lost_replies": "lost replies",
    "lost_messages": "lost messages",
    "duplicates": "duplicate messages",
    "cancels": "cancelled jobs",
    "replays": "replayed jobs",
    "hand_backs": "released leases",
    "not_found": "answers 404",
    "failed": "answers 500",
    "unanswered": "uploads without an answer",
    "slow": "waits of a busy worker",
}


@dataclass(frozen=True)
class Scope:
    """A bounded world.

    Attributes:
        name: as on the command line.
        jobs: in the order in which they are enqueued.
        faults: of the whole run.
        workers: how many, each with one slot.
        rate: requests in ten seconds; None for any number.
    """

    name: str
    jobs: tuple[Job, ...]
    faults: Faults = field(default_factory=Faults)
    workers: int = 2
    rate: int | None = None

    @property
    def may_expire(self) -> bool:
        return any(job.lives for job in self.jobs)

    def __str__(self) -> str:
        faults = [
            f"{_WORDS[name]} {'any number' if count == ANY else count}"
            for name, count in self.faults._asdict().items()
            if count
        ]
        jobs = ", ".join(map(str, self.jobs))
        rate = f"; {self.rate} requests in 10 s" if self.rate else ""
        return f"{self.workers} workers; jobs {jobs}{rate}; faults at most: {', '.join(faults)}"


_A, _B, _C = Job("A", "anna"), Job("B", "anna"), Job("C", "carl")
_ICON = Job("A", "anna", asset=Asset.ICON)
_REMOVAL = Job("B", "anna", action=Action.REMOVE)
_BACK = Job("A", "anna", action=Action.REMOVE)

SCOPES = {
    scope.name: scope
    for scope in (
        Scope("small", (_A, _B), Faults(kills=1, not_found=2)),
        Scope("patient", (_A, _B), Faults(kills=1, not_found=2, slow=ANY)),
        Scope("replies", (_A, _B), Faults(lost_replies=2, failed=1, not_found=1)),
        Scope("messages", (_A, _B), Faults(lost_messages=1, duplicates=2, not_found=1)),
        Scope("leases", (_A, _B), Faults(freezes=1, slow=1)),
        Scope("late", (_A, _B), Faults(unanswered=2, not_found=1)),
        Scope("removal", (_A, _REMOVAL), Faults(kills=1, unanswered=1, slow=1)),
        Scope("set-again", (_BACK, _B), Faults(kills=1, unanswered=1, slow=1)),
        Scope("icon", (_ICON, _REMOVAL), Faults(kills=1, failed=1, slow=1)),
        Scope("stops", (_A, _B), Faults(hand_backs=1, lost_replies=1, slow=1)),
        Scope("people", (_A, _B), Faults(cancels=1, replays=1, slow=1)),
        Scope(
            "deadlines",
            (Job("A", "anna", 20.0), Job("B", "anna", 12.0)),
            Faults(kills=1, failed=1, lost_messages=1, slow=1),
        ),
        Scope("rate", (_A, _C), Faults(failed=1, lost_replies=1), rate=1),
        Scope(
            "full",
            (_A, _B, _C),
            Faults(
                kills=1,
                freezes=1,
                lost_replies=1,
                lost_messages=1,
                duplicates=1,
                cancels=1,
                replays=1,
                hand_backs=1,
                not_found=1,
                failed=1,
                unanswered=1,
            ),
        ),
    )
}
