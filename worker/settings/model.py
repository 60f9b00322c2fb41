"""The worker's settings: read once, validated together, passed on as values.

Each field of `Settings` is one environment variable: `backoff_base` is
`FACELIFT_BACKOFF_BASE`. Only what accounts have of their own, their API keys and
rate limits, is in several variables, one an account; and a secret may be in a file.
An empty variable counts as not set. Nothing here opens a store or a connection.

No problem repeats a value: somebody may have put a key into the wrong variable.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from facelift.errors import InvalidSettings
from facelift.job import account_key
from facelift.ledger.connection import DEFAULT_REDIS_URL
from facelift.ledger.keys import DEFAULT_PREFIX
from facelift.operations.settings import DEFAULT_DEADLINE, DEFAULT_WINDOW, DURATION_BOUNDS
from facelift.units import show_duration
from worker.settings.api_keys import (
    API_KEY,
    AccountKeys,
    accounts_with_key,
    is_key_variable,
    read_keys,
)
from worker.settings.docs import OF_ACCOUNTS, OF_SECRETS, bounds, describe
from worker.settings.field_types import (
    AccountRates,
    Duration,
    EndpointUrl,
    FormatName,
    Host,
    ImageFormats,
    ImageStores,
    KeyPrefix,
    LogForm,
    Port,
    RateLimit,
    RedisUrl,
    read_duration,
)
from worker.settings.rates import is_rate_variable, rates_without_key, read_rates
from worker.settings.webhook_secret import WEBHOOK_SECRET, WEBHOOK_SECRET_FILE, read_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from facelift.units import Rate
    from worker.settings.docs import SettingDoc

_PREFIX = "FACELIFT_"
_READ_ELSEWHERE = ("FACELIFT_REDIS_SERVER", "FACELIFT_METRICS_PLACE")
_READ_APART = ("api_keys", "account_rates", "webhook_secrets")
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
        api_keys: the secret keys of each account, by its normalised name.
        account_rates: the rate limits that differ from `rate_limit`, in the same way.
        webhook_secrets: what signs webhooks; two while it is being changed, the new one first.

    The other fields are described in place; `catalogue` lists them.
    """

    api_keys: dict[str, AccountKeys]
    account_rates: AccountRates = {}
    webhook_secrets: tuple[SecretStr, ...] = ()
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
    store_timeout: Duration = _setting(
        "10s",
        "time for reading an image from a store on the network",
        low="1s",
        high="1min",
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
    image_fit_byte_limit: int = _setting(
        "20000000",
        "bytes that an image must stay under if its job allows to fit it",
        low=1,
        high=100_000_000,
    )
    image_fit_formats: ImageFormats = _setting(
        "png,jpeg,webp,gif",
        "formats that an image may have besides if its job allows to fit it",
    )
    backoff_base: Duration = _setting(
        "1s", "longest wait after a first failure", low="1ms", high="1h"
    )
    backoff_factor: float = _setting(
        "2", "growth of the longest wait from failure to failure", low=1, high=10
    )
    backoff_cap: Duration = _setting("5min", "the longest wait ever", low="1ms", high="1d")
    max_attempts: int = _setting("8", "attempts a job has", low=1, high=100)
    rate_limit: RateLimit = _setting(
        "100/10s",
        "requests that each account may make in any such time, all workers together; or off",
    )
    pause_cap: Duration = _setting(
        "1h", "the longest pause that a 429 may ask for", low="1s", high="1d"
    )
    breaker_failures: int = _setting(
        "10", "failures in a row that open the circuit breaker", low=1, high=10_000
    )
    breaker_share: float = _setting(
        "0.5", "share of failures over FACELIFT_BREAKER_WINDOW that opens it too", low=0.01, high=1
    )
    breaker_window: Duration = _setting(
        "30s", "time over which the share of failures is taken", low="1s", high="1h"
    )
    breaker_pause: Duration = _setting(
        "5s", "time between two probes while the circuit breaker is open", low="100ms", high="1h"
    )
    key_grace: Duration = _setting(
        "10min", "time after a change in which the key before is a fallback", low="0s", high="30d"
    )
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
    webhook_url: SecretStr = _setting(
        "", "receiver of a webhook for each job that ended, such as https://hooks.example.com/jobs"
    )
    webhook_timeout: Duration = _setting(
        "10s", "time for telling the receiver of one job", low="100ms", high="1min"
    )
    log_format: LogForm = _setting(
        "text", "how the log is written: text, for a person, or json, one object a line"
    )
    metrics_port: Port = _setting(
        "off", "port of /metrics, /livez and /readyz, from 1 to 65535; or off"
    )
    metrics_host: Host = _setting(
        "127.0.0.1", "address that this port is bound to; 0.0.0.0 for all of the machine's"
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

    def rate_for(self, account: str) -> Rate | None:
        """The rate limit of `account`; None if it is off."""
        return self.account_rates.get(account_key(account), self.rate_limit)


def load(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`, and in the secret files that it names.

    Raises:
        InvalidSettings: with every problem there is.
    """
    api_keys, problems = read_keys(environ)
    account_rates, of_rates = read_rates(environ)
    secrets, of_secrets = read_secrets(environ)
    given = {
        "api_keys": api_keys,
        "account_rates": account_rates,
        "webhook_secrets": secrets,
        **_given(environ),
    }
    if "webhook_url" in given and not secrets and not of_secrets:
        of_secrets = [f"{WEBHOOK_SECRET} is missing: webhooks are signed with it"]
    return _validated(given, problems + of_rates + of_secrets)


def load_for_images(environ: Mapping[str, str]) -> Settings:
    """Of the settings in `environ` those that say what an image may be.

    The others are not looked at and have their defaults; there are no keys and no stores.

    Raises:
        InvalidSettings: with every problem there is.
    """
    given = {name: value for name, value in _given(environ).items() if name.startswith("image_")}
    return _validated({**given, "api_keys": {}, "image_stores": {}}, [])


def _given(environ: Mapping[str, str]) -> dict[str, object]:
    values = ((name, environ.get(variable, "").strip()) for variable, name in _fields().items())
    return {name: value for name, value in values if value}


def _validated(given: dict[str, object], problems: list[str]) -> Settings:
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems.extend(_sentences(error))
    if problems:  # outside of the handler, for pydantic's error knows the values
        raise InvalidSettings(problems)
    return settings


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A warning for each FACELIFT_ variable that nobody reads, or that limits nobody."""
    known = [*_fields(), API_KEY, WEBHOOK_SECRET, WEBHOOK_SECRET_FILE, *_READ_ELSEWHERE]
    warnings = []
    for name in sorted(environ):
        if (
            name.startswith(_PREFIX)
            and name not in known
            and not is_key_variable(name)
            and not is_rate_variable(name)
            and not _INJECTED_BY_KUBERNETES.fullmatch(name)
        ):
            meant = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            hint = f"; did you mean {meant[0]}?" if meant else ""
            warnings.append(f"{name} is not a setting{hint}")
    return warnings + rates_without_key(environ, accounts_with_key(environ))


def catalogue() -> list[SettingDoc]:
    """Every setting there is."""
    fields = Settings.model_fields
    return [
        *OF_ACCOUNTS,
        *(describe(variable, fields[name]) for variable, name in _fields().items()),
        *OF_SECRETS,
    ]


def _variable(field: str) -> str:
    return _PREFIX + field.upper()


def _fields() -> dict[str, str]:
    """Field by variable."""
    return {_variable(name): name for name in Settings.model_fields if name not in _READ_APART}


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        name = str(problem["loc"][0])
        field = Settings.model_fields[name]
        if problem["type"] == "missing":
            yield f"{_variable(name)} is missing: {field.description}"
        elif problem["type"] == "value_error":
            yield from (f"{_variable(name)} {why}" for why in problem["ctx"]["error"].args)
        else:
            yield f"{_variable(name)} must be {bounds(field)}"
