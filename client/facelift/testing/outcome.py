"""The outcomes that a test scripts, by code or by HTTP status, and which attempts have them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from facelift.asset import Action
from facelift.codes import OutcomeCode
from facelift.record import JobRecord

OutcomeLike: TypeAlias = "Outcome | OutcomeCode | str | int"
"""An outcome; or its code, such as `"image_not_square"`; or an HTTP status, such as 503."""

_STATUS = {
    OutcomeCode.of_status(status): status
    for status in (200, 302, 400, 401, 403, 404, 409, 410, 422, 425, 429, 500)
}
_WITHOUT_RESPONSE = {
    OutcomeCode.TIMEOUT,
    OutcomeCode.CONNECTION_FAILED,
    OutcomeCode.CONNECTION_LOST,
    OutcomeCode.DNS_FAILED,
    OutcomeCode.TLS_FAILED,
    OutcomeCode.MALFORMED_RESPONSE,
}
# No single attempt has these outcomes, but the same failure again and again leads to them.
_RESULT_OF = {
    OutcomeCode.RETRIES_EXHAUSTED: OutcomeCode.SERVER_ERROR,
    OutcomeCode.CRASH_LOOP: OutcomeCode.WORKER_LOST,
}
_NOT_OF_AN_ATTEMPT = {
    OutcomeCode.EXPIRED: "let the time pass with advance()",
    OutcomeCode.SUPERSEDED: "enqueue a newer image of the chatbot, and run that",
    OutcomeCode.CANCELLED: "cancel the job with the client",
    OutcomeCode.INVALID_JOB: "it is for messages that are no job; enqueue() raises InvalidJob",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one attempt.

    Attributes:
        code: from the stable list; `delivered` and `removed` are both success.
        http_status: of the endpoint's response, if there is one.
        retry_after: seconds for which the endpoint asks to pause; with `rate_limited` only.

    Raises:
        ValueError: no attempt has this outcome; the message says what would be right.
    """

    code: OutcomeCode
    http_status: int | None = None
    retry_after: float | None = None

    def __post_init__(self) -> None:
        code = _code(self.code)
        if code is OutcomeCode.REMOVED:  # what a job's success is called depends on the job
            code = OutcomeCode.DELIVERED
        if code in _NOT_OF_AN_ATTEMPT:
            raise ValueError(f"{code} is not what an attempt ends in: {_NOT_OF_AN_ATTEMPT[code]}")
        code = _RESULT_OF.get(code, code)
        object.__setattr__(self, "code", code)
        if self.http_status is None:
            object.__setattr__(self, "http_status", _STATUS.get(code))
        elif OutcomeCode.of_status(self.http_status) is not code:
            raise ValueError(f"the endpoint's answer {self.http_status} does not mean {code}")
        if self.retry_after is not None and code is not OutcomeCode.RATE_LIMITED:
            raise ValueError("retry_after goes with rate_limited only")

    @classmethod
    def of(cls, like: OutcomeLike) -> "Outcome":
        """Make an outcome of a code or an HTTP status.

        Raises:
            ValueError: it is neither.
        """
        if isinstance(like, Outcome):
            return like
        if isinstance(like, int):
            if like not in frozenset(HTTPStatus):
                raise ValueError(f"{like} is no HTTP status")
            return cls(OutcomeCode.of_status(like), http_status=like)
        return cls(_code(like))

    @property
    def needs_request(self) -> bool:
        """Whether a request is sent to the endpoint."""
        return self.http_status is not None or self.code in _WITHOUT_RESPONSE

    @property
    def is_answer(self) -> bool:
        """Whether the endpoint answers as a working one does, even if it refuses."""
        is_failure = self.code.is_retryable and self.code is not OutcomeCode.RATE_LIMITED
        return self.http_status is not None and not is_failure

    def code_for(self, record: JobRecord) -> OutcomeCode:
        """The code that it has for a job: the success of a removal is `removed`."""
        is_removal = record.action == Action.REMOVE
        return OutcomeCode.REMOVED if self.code.is_success and is_removal else self.code

    def sentence_for(self, record: JobRecord) -> str:
        """The outcome for a person, as records have it."""
        if self.code.is_success:
            return f"{self.code_for(record).capitalize()}, as the test has it."
        if self.http_status is None:
            return f"As the test has it: {self.code}."
        return f"The endpoint answered {self.http_status}: {HTTPStatus(self.http_status).phrase}."


@dataclass(frozen=True, slots=True)
class Rule:
    """The outcomes of some jobs, as `FaceliftJobs.script` takes them.

    Attributes:
        attempts: how many each job has had by this rule.
    """

    outcomes: Sequence[Outcome]
    chatbot_id: str | None = None
    image: str | None = None
    asset: str | None = None
    action: str | None = None
    attempts: Counter[str] = field(default_factory=Counter)

    def applies_to(self, record: JobRecord) -> bool:
        """Whether the job is one of them."""
        names = ("chatbot_id", "image", "asset", "action")
        return all(getattr(self, name) in {None, getattr(record, name)} for name in names)


class Script:
    """The rules; of those that apply to a job, the one that was added last counts."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(
        self,
        outcomes: Sequence[OutcomeLike],
        *,
        chatbot_id: str | None = None,
        image: str | None = None,
        asset: str | None = None,
        action: str | None = None,
    ) -> Rule:
        """Add a rule for the jobs with these fields; None for any.

        Raises:
            ValueError: there is no outcome, or one that no attempt has.
        """
        if not outcomes:
            raise ValueError("say what the attempts end in, such as 'delivered'")
        made = [Outcome.of(each) for each in outcomes]
        rule = Rule(made, chatbot_id, image, asset, action)
        self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Forget a rule."""
        self._rules = [each for each in self._rules if each is not rule]

    def next(self, record: JobRecord) -> Outcome:
        """The outcome of the job's next attempt: success, unless a rule says otherwise."""
        if (rule := self._rule(record)) is None:
            return Outcome(OutcomeCode.DELIVERED)
        return rule.outcomes[min(rule.attempts[record.id], len(rule.outcomes) - 1)]

    def has_attempted(self, record: JobRecord) -> None:
        """Count that attempt."""
        if rule := self._rule(record):
            rule.attempts[record.id] += 1

    def _rule(self, record: JobRecord) -> Rule | None:
        return next((rule for rule in reversed(self._rules) if rule.applies_to(record)), None)


def _code(name: str) -> OutcomeCode:
    try:
        return OutcomeCode(name)
    except ValueError:
        scriptable = ", ".join(code for code in OutcomeCode if code not in _NOT_OF_AN_ATTEMPT)
        raise ValueError(f"{name!r} is no outcome; there are: {scriptable}") from None
