"""Which outcome the next attempt at a job has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from facelift.testing.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facelift.record import JobRecord
    from facelift.testing.outcome import OutcomeLike

_DELIVERED = Outcome(OutcomeCode.DELIVERED)


@dataclass(frozen=True, slots=True)
class Rule:
    """The outcomes of some jobs.

    Attributes:
        outcomes: of a job's first attempt, its second, and so on; the last is for all others.
        chatbot_id: whose jobs; None for every chatbot's.
        image: of which image; None for any.
        attempts: how many each job has had by this rule.
    """

    outcomes: Sequence[Outcome]
    chatbot_id: str | None = None
    image: str | None = None
    attempts: Counter[str] = field(default_factory=Counter)

    def applies_to(self, record: JobRecord) -> bool:
        """Whether the job is one of them."""
        return self.chatbot_id in {None, record.chatbot_id} and self.image in {None, record.image}


class Script:
    """The rules; of those that apply to a job, the one that was added last counts."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(
        self, outcomes: Sequence[OutcomeLike], chatbot_id: str | None, image: str | None
    ) -> Rule:
        """Add a rule.

        Raises:
            ValueError: there is no outcome, or one that no attempt has.
        """
        if not outcomes:
            raise ValueError("say what the attempts end in, such as 'delivered'")
        rule = Rule([Outcome.of(each) for each in outcomes], chatbot_id, image)
        self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Forget a rule."""
        self._rules = [each for each in self._rules if each is not rule]

    def next(self, record: JobRecord) -> Outcome:
        """The outcome of the job's next attempt: delivered, unless a rule says otherwise."""
        if (rule := self._rule(record)) is None:
            return _DELIVERED
        return rule.outcomes[min(rule.attempts[record.id], len(rule.outcomes) - 1)]

    def has_attempted(self, record: JobRecord) -> None:
        """Count that attempt."""
        if rule := self._rule(record):
            rule.attempts[record.id] += 1

    def _rule(self, record: JobRecord) -> Rule | None:
        return next((rule for rule in reversed(self._rules) if rule.applies_to(record)), None)
