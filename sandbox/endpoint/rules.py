"""How the stand-in misbehaves: rules and their options.

A rule names a chatbot ("*" for every one), perhaps the number of an API key, a
fault, its options, and how many times it applies (for ever without `times`):

    {"chatbot_id": "bot-42", "fault": "status", "status": 500, "times": 2}

In which order they apply is told in `rulebook`. What each fault does stands
in its class; those that inherit from `Answering` take the options of the answer
as well. How it is done on the wire is told in `wire`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)

EVERY = "*"
"""In place of a chatbot's id: whichever it is."""

_Seconds = Annotated[float, Field(ge=0, le=86_400)]
_Status = Annotated[int, Field(ge=200, le=599)]
_HeaderValue = Annotated[str, Field(pattern=r"^[ -~]*$")]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class Behaviour(BaseModel):
    """What every rule has.

    Attributes:
        chatbot_id: whose uploads it applies to; "*" for every chatbot's.
        key: the number, from 0, of the API key whose uploads it applies to, in the order
            in which the stand-in was given its keys; None for every key's.
        times: to how many uploads it applies; None for ever.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    chatbot_id: str = Field(EVERY, min_length=1)
    key: NonNegativeInt | None = None
    times: PositiveInt | None = None


class Answering(Behaviour):
    """A rule that ends in an answer: the usual one, changed by these options.

    Attributes:
        status: instead of the usual one. The picture is taken if it is 2xx.
        envelope: whose error body: v1's documented one, or v2's. 429 is always v2's.
        body: instead of the documented one; what is no text is sent as JSON.
        content_type: instead of `application/json`.
        headers: further ones, or others. A 3xx without `Location` leads to the same path.
        retry_after: `Retry-After` in seconds.
        retry_after_date: `Retry-After` as the HTTP date so many seconds from now.
        ratelimit_reset: `X-RateLimit-*` headers, with a reset so many seconds from now.
        ratelimit_reset_unit: whether that reset is Unix seconds or milliseconds.
    """

    status: _Status | None = None
    envelope: Literal["v1", "v2"] = "v1"
    body: str | dict[str, Any] | list[Any] | None = None
    content_type: _HeaderValue | None = None
    headers: dict[_HeaderName, _HeaderValue] = {}
    retry_after: Annotated[int, Field(ge=0)] | None = None
    retry_after_date: _Seconds | None = None
    ratelimit_reset: _Seconds | None = None
    ratelimit_reset_unit: Literal["s", "ms"] = "s"


class Status(Answering):
    """Answers with a status."""

    fault: Literal["status"]
    status: _Status


class Html(Answering):
    """Answers with an HTML page, as a proxy in front of a broken server does."""

    fault: Literal["html"]
    status: _Status = 502
    content_type: _HeaderValue = "text/html"
    body: str = "<!doctype html>\n<title>Oops</title>\n<h1>Something went wrong</h1>\n"


class InvalidJson(Answering):
    """Answers 200 with a body that says it is JSON and is not."""

    fault: Literal["invalid_json"]
    status: _Status = 200
    body: str = '{"message": "Chatbot Profile Pict'


class Delay(Answering):
    """Takes the picture at once and answers `seconds` later."""

    fault: Literal["delay"]
    seconds: _Seconds


class Drip(Answering):
    """Sends the answer a byte every `seconds`, from its headers or from its body on."""

    fault: Literal["trickle"]
    seconds: _Seconds = 1.0
    part: Literal["headers", "body"] = "body"


class CutResponse(Answering):
    """Sends half of the body that `Content-Length` announces, and closes."""

    fault: Literal["truncated_body"]


class HugeBody(Answering):
    """Sends a body of `size` bytes, or one that never ends."""

    fault: Literal["huge_body"]
    size: PositiveInt | None = None


class Reset(Behaviour):
    """Resets the connection (RST) in the middle of the picture."""

    fault: Literal["reset"]


class CloseBeforeRead(Behaviour):
    """Closes the connection when it knows the chatbot, before it reads the picture."""

    fault: Literal["close_before_read"]


class CloseAfterAccept(Behaviour):
    """Takes the picture and closes the connection without an answer."""

    fault: Literal["close_after_accept"]


Rule = (
    Status
    | Html
    | InvalidJson
    | Delay
    | Drip
    | CutResponse
    | HugeBody
    | Reset
    | CloseBeforeRead
    | CloseAfterAccept
)


class Script(BaseModel):
    """A script file, and what the control API takes: `{"rules": [...]}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[Annotated[Rule, Field(discriminator="fault")]]


class InvalidRules(ValueError):  # noqa: N818 - names what is wrong, as the project's errors do
    """Rules that cannot be.

    Attributes:
        problems: one sentence a problem, each beginning with the rule's index and field.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


_SCRIPT = TypeAdapter(Script)


def parse_script(script: bytes | str | dict[str, Any]) -> list[Rule]:
    """The rules of a script: JSON, or what JSON stands for.

    Raises:
        InvalidRules: it is no JSON, or a rule is not what it must be.
    """
    try:
        if isinstance(script, dict):
            return _SCRIPT.validate_python(script).rules
        return _SCRIPT.validate_json(script).rules
    except ValidationError as error:
        raise InvalidRules([_sentence(dict(each)) for each in error.errors()]) from error


def _sentence(error: dict[str, Any]) -> str:
    location = list(error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "json_invalid":
        return f"not JSON: {context['error']}"
    if kind == "union_tag_invalid":
        message = f"{context['tag']!r} is none of {context['expected_tags']}"
    elif kind == "extra_forbidden":
        message = "there is no such field"
    elif kind == "missing":
        message = "is required"
    else:
        message = f"{error['msg']}, not {error['input']!r}"
    if kind.startswith("union_tag"):
        location.append("fault")
    elif len(location) > len(("rules", 0, "fault")) - 1:
        del location[2]  # pydantic names the fault between the index and the field
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return f"{field.lstrip('.') or 'script'}: {message}"
