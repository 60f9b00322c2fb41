"""The worker's settings as one validated, immutable value.

Each field of `Settings` is one environment variable: `backoff_base` is `FACELIFT_BACKOFF_BASE`.
API keys and the settings of accounts have one variable an account; a secret may be in a file.
`load.py` reads them. Nothing here opens a store or a connection.
"""

from typing import Any, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from facelift.asset import Asset
from facelift.job import account_key
from facelift.ledger.connection import DEFAULT_REDIS_URL
from facelift.ledger.keys import DEFAULT_PREFIX
from facelift.operations.settings import DEFAULT_DEADLINE, DEFAULT_WINDOW, DURATION_BOUNDS
from facelift.units import Rate, show_duration
from worker.images.cost import LARGEST_SIDE
from worker.images.decoder import DecoderLimits, Decoders
from worker.images.formats import ImageFormat
from worker.images.judge import ImageJudge
from worker.images.validate import ImageLimits
from worker.settings.api_keys import AccountKeys
from worker.settings.field_types import (
    SMALLEST_SIZE,
    AccountRates,
    Duration,
    EndpointUrl,
    FitFormats,
    FitSize,
    FormatName,
    Host,
    ImageFormats,
    ImageStores,
    KeyPrefix,
    LogForm,
    Port,
    RateLimit,
    RedisUrl,
    Switch,
    read_duration,
)

PREFIX = "FACELIFT_"


def _setting(
    default: str, meaning: str, *, low: str | float | None = None, high: str | float | None = None
) -> Any:  # noqa: ANN401 - a pydantic Field takes the place of a value of any type
    """A field whose default is written as in the environment, and validated like it."""
    return Field(
        default=default,
        validate_default=True,
        description=meaning,
        ge=read_duration(low),
        le=read_duration(high),
    )


def _as_image(meaning: str, high: int | None = None) -> Any:  # noqa: ANN401 - a pydantic Field
    """A field for icons; without a value that of images counts."""
    low = None if high is None else 1
    return Field(default=None, description=f"{meaning}; as images by default", ge=low, le=high)


def _keep(default: str, ended: str) -> Any:  # noqa: ANN401 - a pydantic Field
    return _setting(
        default,
        f"time for which the record of a job that {ended} is kept",
        low="1min",
        high="3650d",
    )


# A field must not be below the others named here, which are declared before it.
_NOT_BELOW = {
    "backoff_cap": ("backoff_base",),
    "deadline": ("backoff_base",),
    "request_timeout": ("connect_timeout", "read_timeout"),
    "keep_failed": ("keep_succeeded", "keep_superseded", "keep_cancelled", "keep_expired"),
}


class Settings(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """All settings of a worker. Durations are in seconds.

    Attributes:
        api_keys: of each account, by its normalised name.
        account_rates: rate limits that differ from `rate_limit`, by normalised account.
        account_strips: what differs from `image_strip_metadata`, by normalised account.
        webhook_secrets: sign webhooks; two during a rotation, the new one first.

    The other fields are described in place; `load.catalogue` lists them.
    """

    api_keys: dict[str, AccountKeys]
    account_rates: AccountRates = {}
    account_strips: dict[str, bool] = {}
    webhook_secrets: tuple[SecretStr, ...] = ()
    redis_url: RedisUrl = _setting(
        DEFAULT_REDIS_URL, "the Redis that holds ledger and queue; redis://, rediss:// or unix://"
    )
    key_prefix: KeyPrefix = _setting(
        DEFAULT_PREFIX,
        "prefix of all keys, to keep several ledgers on one Redis; producers need the same",
    )
    endpoint_url: EndpointUrl = _setting("https://www.chatbase.co", "base URL of the endpoint")
    image_stores: ImageStores = Field(
        repr=False,  # a store's URL may hold a password
        description="the image stores: name=url,name=url, such as media=file:///srv/images",
    )
    store_timeout: Duration = _setting(
        "10s", "time limit for reading an image from a store on the network", low="1s", high="1min"
    )
    image_grace: Duration = _setting(
        "5s",
        "time for which a job waits for an image that is missing or being written",
        low="0s",
        high="1h",
    )
    image_byte_limit: int = _setting(
        "1000000", "size in bytes that an image must stay under", low=1, high=100_000_000
    )
    image_pixel_limit: int = _setting(
        "40000000", "most pixels of an image", low=1, high=1_000_000_000
    )
    image_formats: ImageFormats = _setting(
        "png,jpeg", f"accepted formats, judged by content; of {','.join(get_args(FormatName))}"
    )
    image_fit_byte_limit: int = _setting(
        "20000000",
        "size in bytes that an image must stay under if its job allows fitting",
        low=1,
        high=100_000_000,
    )
    image_fit_formats: FitFormats = _setting(
        "png,jpeg,webp,gif,avif,heic", "formats accepted in addition if the job allows fitting"
    )
    icon_byte_limit: int | None = _as_image(
        "size in bytes that an icon must stay under", 100_000_000
    )
    icon_pixel_limit: int | None = _as_image("most pixels of an icon", 1_000_000_000)
    icon_formats: ImageFormats | None = _as_image("accepted formats of an icon")
    image_fit_size: FitSize = _setting(
        "off",
        "widest that an image may be in pixels if its job allows fitting; a wider one is reduced "
        f"to it; from {SMALLEST_SIZE} to {LARGEST_SIDE}, or off",
    )
    image_strip_metadata: Switch = _setting(
        "false",
        "whether an image that is not fitted loses its metadata, such as the place in a photo; "
        "true or false",
    )
    image_memory_limit: int = _setting(
        "400000000",
        "bytes of memory that decoding an image may take; one that takes more is refused",
        low=100_000_000,
        high=10_000_000_000,
    )
    image_time_limit: Duration = _setting(
        "20s",
        "processor time that decoding an image may take; one that takes more is refused",
        low="1s",
        high="10min",
    )
    backoff_base: Duration = _setting(
        "1s", "longest wait after the first failure", low="1ms", high="1h"
    )
    backoff_factor: float = _setting(
        "2", "factor by which the longest wait grows with each failure", low=1, high=10
    )
    backoff_cap: Duration = _setting(
        "5min", "upper limit of the longest wait", low="1ms", high="1d"
    )
    max_attempts: int = _setting("8", "attempts of a job", low=1, high=100)
    rate_limit: RateLimit = _setting(
        "100/10s", "requests of each account in any such time, all workers together; or off"
    )
    pause_cap: Duration = _setting("1h", "longest pause that a 429 can cause", low="1s", high="1d")
    breaker_after: Duration = _setting(
        "5s",
        "time without a success after which failures open a circuit breaker",
        low="100ms",
        high="1h",
    )
    breaker_failures: int = _setting(
        "10", "failures in that time that open an account's circuit breaker", low=1, high=100
    )
    breaker_chatbots: int = _setting(
        "5", "distinct chatbots among them; fewer are the chatbots' own trouble", low=1, high=100
    )
    breaker_pause: Duration = _setting(
        "1s",
        "shortest time between two probes while a circuit breaker is open",
        low="100ms",
        high="1h",
    )
    unknown_grace: Duration = _setting(
        "5min",
        "time that a job waits for a worker that has its account and image store",
        low="1s",
        high="30d",
    )
    unsettled_for: Duration = _setting(
        "2min",
        "time after a request without an answer in which the endpoint may still apply it; a newer "
        "image delivered meanwhile is uploaded once more then",
        low="0s",
        high="1d",
    )
    key_grace: Duration = _setting(
        "10min",
        "time after a rotation in which the previous API key is a fallback",
        low="0s",
        high="30d",
    )
    deadline: Duration = _setting(
        DEFAULT_DEADLINE,
        "deadline of a job that names none itself; producers should use the same",
        low=min(DURATION_BOUNDS),
        high=max(DURATION_BOUNDS),
    )
    idempotency_window: Duration = _setting(
        DEFAULT_WINDOW,
        "time for which an idempotency key is remembered; producers should use the same",
        low=min(DURATION_BOUNDS),
        high=max(DURATION_BOUNDS),
    )
    keep_succeeded: Duration = _keep("7d", "was delivered")
    keep_superseded: Duration = _keep("7d", "was superseded")
    keep_cancelled: Duration = _keep("7d", "was cancelled")
    keep_expired: Duration = _keep("30d", "expired")
    keep_failed: Duration = _keep("30d", "failed")
    connect_timeout: Duration = _setting("5s", "time limit for connecting", low="1ms", high="1h")
    read_timeout: Duration = _setting(
        "30s", "time limit between two reads of a response", low="1ms", high="1h"
    )
    request_timeout: Duration = _setting(
        "30s",
        "time limit for a whole request, from connecting to the end of the response",
        low="1ms",
        high="1h",
    )
    lease: Duration = _setting(
        "15s",
        "time without a heartbeat after which another worker takes the job",
        low="3s",
        high="1h",
    )
    webhook_url: SecretStr = _setting(
        "", "URL that receives a webhook for each ended job, such as https://hooks.example.com/jobs"
    )
    webhook_timeout: Duration = _setting(
        "10s", "time limit for one webhook request", low="100ms", high="1min"
    )
    log_format: LogForm = _setting(
        "text", "format of the log: text, for a person, or json, one object a line"
    )
    metrics_port: Port = _setting(
        "off", "port of /metrics, /livez and /readyz, from 1 to 65535; or off"
    )
    metrics_host: Host = _setting(
        "127.0.0.1", "IP address that this port is bound to; 0.0.0.0 for all of the machine's"
    )
    concurrency: int = _setting("100", "jobs at once in each process", low=1, high=500)

    @field_validator(*_NOT_BELOW)
    @classmethod
    def _check_order(cls, value: float, info: ValidationInfo) -> float:
        problems = [
            f"must not be below {variable(other)}: "
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

    def strips_metadata_for(self, account: str) -> bool:
        """Whether an image of `account` that is not fitted loses its metadata."""
        return self.account_strips.get(account_key(account), self.image_strip_metadata)

    def image_judge(self) -> ImageJudge:
        """What judges and fits images: the same for workers and for commands.

        A quarter of the slots may wait for a decoder.
        """
        limits = DecoderLimits(self.image_memory_limit, self.image_time_limit)
        longest_line = max(1, self.concurrency // 4)
        decoders = Decoders(limits, longest_line)
        limits_of = {asset: self.image_limits(asset) for asset in Asset}
        return ImageJudge(limits_of, decoders, longest_line, strips=self.strips_metadata_for)

    def image_limits(self, asset: Asset = Asset.PROFILE_PICTURE) -> ImageLimits:
        """What an image may be: the same for workers and for commands."""
        is_icon = asset is Asset.ICON
        formats = (is_icon and self.icon_formats) or self.image_formats
        return ImageLimits(
            byte_limit=(is_icon and self.icon_byte_limit) or self.image_byte_limit,
            pixel_limit=(is_icon and self.icon_pixel_limit) or self.image_pixel_limit,
            formats=frozenset(map(ImageFormat, formats)),
            fit_byte_limit=self.image_fit_byte_limit,
            fit_formats=frozenset(map(ImageFormat, self.image_fit_formats)),
            fit_size=self.image_fit_size,
        )


def variable(field: str) -> str:
    """The environment variable of a field."""
    return PREFIX + field.upper()
