"""The rules that are left, and in which order they apply.

An upload uses up the first rule left for its chatbot, or else the first left
for "*"; in both cases one for its key comes before one for every key. With none
left, the stand-in behaves. Uploads with a wrong key, over the rate limit or
without a chatbot use up no rule.
"""

from __future__ import annotations

from collections import deque
from itertools import product
from typing import TYPE_CHECKING, Any

from sandbox.endpoint.rules import EVERY, InvalidRules

if TYPE_CHECKING:
    from sandbox.endpoint.rules import Rule

_Scope = tuple[str, int | None]  # a chatbot and the number of a key


class RuleBook:
    """The rules that are left."""

    def __init__(self) -> None:
        self._left: dict[_Scope, deque[tuple[Rule, int | None]]] = {}

    def add(self, rules: list[Rule]) -> None:
        """Queue rules, each behind those of the same chatbot and key; all of them or none.

        Raises:
            InvalidRules: a rule would never apply, as one before it applies for ever.
        """
        endless = {scope for scope, left in self._left.items() if left[-1][1] is None}
        problems = []
        for index, rule in enumerate(rules):
            scope = rule.chatbot_id, rule.key
            if scope in endless:
                problems.append(
                    f"rules[{index}]: would never apply, as a rule of {rule.chatbot_id!r} "
                    f"before it has no `times`"
                )
            elif rule.times is None:
                endless.add(scope)
        if problems:
            raise InvalidRules(problems)
        for rule in rules:
            self._left.setdefault((rule.chatbot_id, rule.key), deque()).append((rule, rule.times))

    def take(self, chatbot_id: str, key: int | None = None) -> Rule | None:
        """The rule for an upload of this chatbot with this key, which uses it up once."""
        for scope in product((chatbot_id, EVERY), dict.fromkeys((key, None))):
            if left := self._left.get(scope):
                rule, times = left.popleft()
                if times is None or times > 1:
                    left.appendleft((rule, times and times - 1))
                elif not left:
                    del self._left[scope]
                return rule
        return None

    def clear(self, chatbot_id: str | None = None) -> None:
        """Forget the rules of one chatbot, or all of them."""
        for scope in list(self._left):
            if chatbot_id in {None, scope[0]}:
                del self._left[scope]

    def left(self) -> list[dict[str, Any]]:
        """The rules that are left, ready for JSON, with the times that are left."""
        return [
            rule.model_dump(exclude_unset=True) | {"times": times, "chatbot_id": rule.chatbot_id}
            for left in self._left.values()
            for rule, times in left
        ]
