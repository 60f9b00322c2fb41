"""The worker's settings: read once, validated together, passed on as values.

Each field of `Settings` is one environment variable: `backoff_base` is
`FACELIFT_BACKOFF_BASE`. Only the API keys are several variables, one an account.
An empty variable counts as not set. Nothing here opens a store or a connection.

No problem repeats a value: somebody may have put a key into the wrong variable.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from tasks.client import DEFAULT_DEADLINE, DEFAULT_WINDOW, DURATION_BOUNDS
from tasks.connection import DEFAULT_REDIS_URL
from tasks.durations import show_duration
from tasks.errors import InvalidSettings
from tasks.job import DEFAULT_ACCOUNT
from tasks.keys import DEFAULT_PREFIX
from worker.api_keys import API_KEY, is_key_variable, normalise, read_keys
from worker.setting_types import (
    IS_DURATION,
    Duration,
    EndpointUrl,
    FormatName,
    ImageFormats,
    ImageStores,
    KeyPrefix,
    RedisUrl,
    read_duration,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

_PREFIX = "FACELIFT_"
_READ_ELSEWHERE = ("FACELIFT_REDIS_SERVER",)
_INJECTED_BY_KUBERNETES = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT.*|PORT(_.*)?)")


def _setting(
    default: str, meaning: str, *, low: str | float | None = None, high: str | float | None = None
) -> Any:  # noqa: ANN401 - pydantic's Field, which stands in for a value of any type
    """A field whose default is written, and checked, as in the environment."""
    return Field(
        default=default,
        validate_default=True,
        description=meaning,
        ge=read_duration(low),
        le=read_duration(high),
    )


def _keep(default: str, ended: str) -> Any:  # noqa: ANN401 - the same
    return _setting(
        default, f"time for which a job that {ended} stays known", low="1min", high="3650d"
    )


# The field named first must not be below the others; they are declared before it.
_NOT_BELOW = {
    "backoff_cap": ("backoff_base",),
    "deadline": ("backoff_base",),
    "request_timeout": ("connect_timeout", "read_timeout"),
    "keep_failed": ("keep_succeeded", "keep_superseded", "keep_cancelled", "keep_expired"),
}


class Settings(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """All that a worker is told from outside. Durations are seconds.

    Attributes:
        api_keys: the secret key of each account, by its normalised name.

    The other fields are described in place; `catalogue` lists them.
    """

    api_keys: dict[str, SecretStr]
    redis_url: RedisUrl = _setting(
        DEFAULT_REDIS_URL, "the Redis that holds ledger and queue; redis://, rediss:// or unix://"
    )
    key_prefix: KeyPrefix = _setting(
        DEFAULT_PREFIX, "tells ledgers on one Redis apart; producers' must be the same"
    )
    endpoint_url: EndpointUrl = _setting("https://www.chatbase.co", "base URL of the endpoint")
    image_stores: ImageStores = Field(
        repr=False,  # a store's URL may hold a password
        description="where images lie: name=url,name=url, such as media=file:///srv/pictures",
    )
    image_byte_limit: int = _setting(
        "1000000", "bytes that an image must stay under", low=1, high=100_000_000
    )
    image_pixel_limit: int = _setting(
        "40000000", "pixels that an image may have at most", low=1, high=1_000_000_000
    )
    image_formats: ImageFormats = _setting(
        "png,jpeg", f"formats let through, by content; of {','.join(get_args(FormatName))}"
    )
    backoff_base: Duration = _setting(
        "1s", "longest wait after a first failure", low="1ms", high="1h"
    )
    backoff_factor: float = _setting(
        "2", "growth of the longest wait from failure to failure", low=1, high=10
    )
    backoff_cap: Duration = _setting("5min", "the longest wait ever", low="1ms", high="1d")
    max_attempts: int = _setting("8", "attempts a job has", low=1, high=100)
    deadline: Duration = _setting(
        DEFAULT_DEADLINE,
        "life of a job that does not itself say when it expires; producers' should be the same",
        low=min(DURATION_BOUNDS),
        high=max(DURATION_BOUNDS),
    )
    idempotency_window: Duration = _setting(
        DEFAULT_WINDOW,
        "time for which an idempotency key is remembered; producers' should be the same",
        low=min(DURATION_BOUNDS),
        high=max(DURATION_BOUNDS),
    )
    keep_succeeded: Duration = _keep("7d", "was delivered")
    keep_superseded: Duration = _keep("7d", "was superseded")
    keep_cancelled: Duration = _keep("7d", "was cancelled")
    keep_expired: Duration = _keep("30d", "expired")
    keep_failed: Duration = _keep("30d", "failed")
    connect_timeout: Duration = _setting("5s", "time to connect", low="1ms", high="1h")
    read_timeout: Duration = _setting(
        "30s", "time between two reads of a response", low="1ms", high="1h"
    )
    request_timeout: Duration = _setting(
        "30s",
        "time for a whole request, from connecting to the response's end",
        low="1ms",
        high="1h",
    )
    lease: Duration = _setting(
        "15s", "time without a heartbeat after which a job goes to another", low="3s", high="1h"
    )
    concurrency: int = _setting("100", "jobs at once in each process", low=1, high=500)

    @field_validator(*_NOT_BELOW)
    @classmethod
    def _check_order(cls, value: float, info: ValidationInfo) -> float:
        problems = [
            f"must not be below {_variable(other)}: "
            f"{show_duration(value)} is less than {show_duration(info.data[other])}"
            for other in _NOT_BELOW[info.field_name or ""]
            if value < info.data.get(other, 0)  # absent if it is wrong itself
        ]
        if problems:
            raise ValueError(*problems)
        return value

    def account_key(self, account: str) -> SecretStr | None:
        """The secret key of `account`; None if this worker has none."""
        return self.api_keys.get(normalise(account))


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One variable, for a person.

    Attributes:
        name: the variable.
        default: as it would be written; None if there is none.
        meaning: what it sets, and in which bounds.
    """

    name: str
    default: str | None
    meaning: str


_KEY_DOCS = (
    SettingDoc(API_KEY, None, f"secret key of the account {DEFAULT_ACCOUNT}"),
    SettingDoc(f"{API_KEY}_<ACCOUNT>", None, "secret key of another account"),
    SettingDoc(f"{API_KEY}[_<ACCOUNT>]_FILE", None, "instead of a key, the file that holds it"),
)


def load(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`, and in the secret files that it names.

    Raises:
        InvalidSettings: with every problem there is.
    """
    api_keys, problems = read_keys(environ)
    given: dict[str, object] = {"api_keys": api_keys}
    for variable, field in _fields().items():
        if value := environ.get(variable, "").strip():
            given[field] = value
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems.extend(_sentences(error))
    if problems:  # outside of the handler, for pydantic's error knows the values
        raise InvalidSettings(problems)
    return settings


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A warning for each FACELIFT_ variable that nobody reads."""
    known = [*_fields(), API_KEY, *_READ_ELSEWHERE]
    warnings = []
    for name in sorted(environ):
        if (
            name.startswith(_PREFIX)
            and name not in known
            and not is_key_variable(name)
            and not _INJECTED_BY_KUBERNETES.fullmatch(name)
        ):
            meant = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            hint = f"; did you mean {meant[0]}?" if meant else ""
            warnings.append(f"{name} is not a setting{hint}")
    return warnings


def catalogue() -> list[SettingDoc]:
    """Every setting there is."""
    docs = [
        SettingDoc(
            variable,
            None if field.is_required() else str(field.default),
            "; ".join(filter(None, [field.description, _bounds(field)])),
        )
        for variable, name in _fields().items()
        for field in [Settings.model_fields[name]]
    ]
    return [*_KEY_DOCS, *docs]


def _variable(field: str) -> str:
    return _PREFIX + field.upper()


def _fields() -> dict[str, str]:
    """Field by variable."""
    return {_variable(name): name for name in Settings.model_fields if name != "api_keys"}


def _bounds(field: FieldInfo) -> str:
    """What a number must be, read from its constraints; nothing for other fields."""
    limits = [getattr(c, b) for b in ("ge", "le") for c in field.metadata if hasattr(c, b)]
    if not limits:
        return ""
    if field.annotation is int:
        return "a whole number from {} to {}".format(*limits)
    if IS_DURATION in field.metadata:
        low, high = map(show_duration, limits)
        return f"a duration from {low} to {high}, such as {field.default}"
    return "a number from {} to {}".format(*limits)


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        name = str(problem["loc"][0])
        field = Settings.model_fields[name]
        if problem["type"] == "missing":
            yield f"{_variable(name)} is missing: {field.description}"
        elif problem["type"] == "value_error":
            yield from (f"{_variable(name)} {why}" for why in problem["ctx"]["error"].args)
        else:
            yield f"{_variable(name)} must be {_bounds(field)}"
