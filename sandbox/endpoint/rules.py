"""Rules: which requests meet which fault, in which order and how often.

A rule names a chatbot ("*" for every one), a fault, the fault's options, and to how many
requests it applies (without `times`: to all of them):

    {"chatbot_id": "bot-42", "fault": "status", "status": 500, "times": 2}

`asset` and `action` limit it to some of the operations. `exchange` and `responses` carry
rules out.
"""

import reprlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from sandbox.endpoint.operations import OPERATIONS, Action, Asset, Operation

_EVERY_CHATBOT = "*"

_Seconds = Annotated[float, Field(ge=0, le=86_400)]
_Status = Annotated[int, Field(ge=200, le=599)]
_HeaderValue = Annotated[str, Field(pattern=r"^[ -~]*$")]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class BaseRule(BaseModel):
    """What every rule has; docs/endpoint.md says what each field means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chatbot_id: str = Field(_EVERY_CHATBOT, min_length=1)
    key: NonNegativeInt | None = None
    asset: Asset | None = None
    action: Action | None = None
    times: PositiveInt | None = None

    def applies_to(self, operation: Operation) -> bool:
        """Whether requests for this operation may meet it."""
        return self.asset in {None, operation.asset} and self.action in {None, operation.action}


class ResponseRule(BaseRule):
    """A rule that ends in a response: the usual one, changed by these options."""

    status: _Status | None = None
    envelope: Literal["v1", "v2"] = "v1"
    body: str | dict[str, Any] | list[Any] | None = None
    content_type: _HeaderValue | None = None
    headers: dict[_HeaderName, _HeaderValue] = {}
    retry_after: Annotated[int, Field(ge=0)] | None = None
    retry_after_date: _Seconds | None = None
    ratelimit_reset: _Seconds | None = None
    ratelimit_reset_unit: Literal["s", "ms"] = "s"


class Status(ResponseRule):
    """Responds with status=N."""

    fault: Literal["status"]
    status: _Status


class Html(ResponseRule):
    """Responds with an HTML page and 502, as a proxy does."""

    fault: Literal["html"]
    status: _Status = 502
    content_type: _HeaderValue = "text/html"
    body: str = "<!doctype html>\n<title>Oops</title>\n<h1>Something went wrong</h1>\n"


class InvalidJson(ResponseRule):
    """Responds with 200 and broken JSON."""

    fault: Literal["invalid_json"]
    status: _Status = 200
    body: str = '{"message": "Chatbot Profile Pict'


class Delay(ResponseRule):
    """Applies the request, responds seconds=N later."""

    fault: Literal["delay"]
    seconds: _Seconds


class Trickle(ResponseRule):
    """Sends a byte each seconds=N, of part=body or headers."""

    fault: Literal["trickle"]
    seconds: _Seconds = 1.0
    part: Literal["headers", "body"] = "body"


class TruncatedBody(ResponseRule):
    """Closes after half of the response's body."""

    fault: Literal["truncated_body"]


class HugeBody(ResponseRule):
    """Sends a body of size=N bytes, or one without end."""

    fault: Literal["huge_body"]
    size: PositiveInt | None = None


class Reset(BaseRule):
    """Resets the connection in the middle of the image, applies nothing."""

    fault: Literal["reset"]


class CloseBeforeRead(BaseRule):
    """Closes the connection before it reads the image, applies nothing."""

    fault: Literal["close_before_read"]


class CloseAfterAccept(BaseRule):
    """Applies the request, closes without a response."""

    fault: Literal["close_after_accept"]


class ApplyLate(ResponseRule):
    """Applies the request seconds=N later, meanwhile=wait, close or respond."""

    fault: Literal["apply_late"]
    seconds: _Seconds
    meanwhile: Literal["wait", "close", "respond"] = "wait"


Rule = (
    Status
    | Html
    | InvalidJson
    | Delay
    | Trickle
    | TruncatedBody
    | HugeBody
    | Reset
    | CloseBeforeRead
    | CloseAfterAccept
    | ApplyLate
)


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[Annotated[Rule, Field(discriminator="fault")]]


class InvalidRules(ValueError):  # noqa: N818 - says what is wrong
    """Rules that are not valid; `args` has a sentence for each problem."""

    def __str__(self) -> str:
        return "; ".join(self.args)


def parse_rules(document: str | bytes) -> list[Rule]:
    """The rules in the JSON document `{"rules": [...]}`.

    Raises:
        InvalidRules: it is not JSON, or not valid.
    """
    try:
        return _Rules.model_validate_json(document).rules
    except ValidationError as error:
        raise InvalidRules(*problems_of(error)) from error


def problems_of(error: ValidationError) -> list[str]:
    """One sentence for each problem: `rules.0.status.seconds: Field required (got ...)`."""
    return [
        f"{'.'.join(map(str, each['loc'])) or 'document'}: {each['msg']} "
        f"(got {reprlib.repr(each['input'])})"
        for each in error.errors()
    ]


class RuleQueue:
    """The rules that still apply, each with the times that are left.

    A request uses the first rule for its chatbot and operation, or else the first for "*";
    in both cases one for its key comes before one for every key.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules: list[Rule] = []
        self.add(rules)

    def add(self, rules: Sequence[Rule]) -> None:
        """Queue rules behind the present ones: all of them, or none.

        Raises:
            InvalidRules: a rule would never apply, as one before it applies without end.
        """
        endless: defaultdict[tuple[str, int | None], set[Operation]] = defaultdict(set)
        problems = []
        for index, rule in enumerate([*self._rules, *rules], start=-len(self._rules)):
            covered = endless[rule.chatbot_id, rule.key]
            operations = set(filter(rule.applies_to, OPERATIONS))
            if index >= 0 and operations <= covered:
                problems.append(
                    f"rules.{index}: would never apply, as a rule of {rule.chatbot_id!r} "
                    f"before it has no `times`"
                )
            elif rule.times is None:
                covered |= operations
        if problems:
            raise InvalidRules(*problems)
        self._rules += rules

    def take(self, chatbot_id: str, operation: Operation, key: int | None = None) -> Rule | None:
        """The rule for this chatbot's request with this key; uses it up once."""
        for scope in product((chatbot_id, _EVERY_CHATBOT), dict.fromkeys((key, None))):
            for index, rule in enumerate(self._rules):
                if (rule.chatbot_id, rule.key) == scope and rule.applies_to(operation):
                    if rule.times == 1:
                        del self._rules[index]
                    elif rule.times:
                        self._rules[index] = rule.model_copy(update={"times": rule.times - 1})
                    return rule
        return None

    def clear(self, chatbot_id: str | None = None) -> None:
        """Forget the rules of one chatbot, or all of them."""
        self._rules = [each for each in self._rules if chatbot_id not in {None, each.chatbot_id}]

    def left(self) -> list[dict[str, Any]]:
        """The rules that still apply, ready for JSON."""
        return [
            each.model_dump(exclude_unset=True)
            | {"times": each.times, "chatbot_id": each.chatbot_id}
            for each in self._rules
        ]
