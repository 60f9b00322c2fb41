"""The job that a producer asks for, and the rules for its fields. A `check_` raises `InvalidJob`.

The names of the Celery tasks are here too: they are the other half of the contract.
"""

import re
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from facelift.errors import InvalidJob
from facelift.text import is_blank, is_hidden

UPLOAD_TASK = "facelift.upload"
"""Celery task that carries out one job; its task id is the job id. Sent by the ledger only."""

ENQUEUE_TASK = "facelift.enqueue"
"""Celery task for producers in any language: an `UploadJob`'s fields as keyword arguments."""

DEFAULT_ACCOUNT = "default"

_STORE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FAIRNESS_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHATBOT_ID_LENGTH = 200
_PATH_LENGTH = 1024
_IDEMPOTENCY_KEY_LENGTH = 200
_LATEST_SECONDS = 1e11  # the year 5138; a larger number is milliseconds by mistake


class Fit(StrEnum):
    """What a worker may do to an image that would be refused."""

    STRICT = "strict"
    """Nothing: the exact bytes are sent, or refused."""
    CROP = "crop"
    """Cut its longer sides, keep the centre, and re-encode it."""
    PAD = "pad"
    """Put it onto a square background, white or transparent, and re-encode it."""


class Priority(StrEnum):
    """How much of its account's rate a flow of jobs gets beside others; see docs/pacing.md."""

    HIGH = "high"
    """Twice as much as `normal`."""
    NORMAL = "normal"
    LOW = "low"
    """Half as much as `normal`."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A stored image: `<store>:<path>`, e.g. `media:bots/42.png`.

    Attributes:
        store: a name from the workers' settings.
        path: within that store.
    """

    store: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<store>:<path>`.

        Raises:
            InvalidJob: `text` has another form.
        """
        check_text("image", text, _PATH_LENGTH)
        store, colon, path = text.partition(":")
        if not colon or not path or path.startswith("//"):
            raise InvalidJob(
                "image", f"must be <store>:<path>, such as media:bots/42.png, not {_show(text)}"
            )
        if not _STORE.fullmatch(store):
            raise InvalidJob(
                "image",
                f"the store's name (before the colon) must be 1 to 32 of a-z, 0-9, _ and -, "
                f"not {_show(store)}",
            )
        return cls(store, path)

    def __str__(self) -> str:
        return f"{self.store}:{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadJob:
    """The job to upload an image to a chatbot. Checked when it is made; immutable.

    Attributes:
        chatbot_id: the chatbot's id at Chatbase.
        image: the stored image, `<store>:<path>`.
        account: which of the workers' API keys to use.
        idempotency_key: enqueueing again with the same key gives the same job.
        sha256: what the image's bytes must hash to, in hexadecimal.
        not_before: Unix seconds; the job is not started earlier.
        expires_at: Unix seconds; a job not delivered by then ends as `expired`.
        fit: `strict` sends the exact bytes or refuses them; `crop` and `pad` first make a
            image that would be refused square, small enough and still; see docs/images.md.
        batch: a name that many jobs share, to follow or cancel them as one.
        priority: `high`, `normal` or `low`: how large a share of its account's rate the job's
            flow gets.
        fairness_key: whose job it is, such as `customer-42`. Jobs of one key and priority are a
            flow; the flows of an account take turns. By default a batch is a flow, and all
            jobs without a batch are one.

    Raises:
        InvalidJob: a field has a wrong value; names the field.
    """

    chatbot_id: str
    image: str
    account: str = DEFAULT_ACCOUNT
    idempotency_key: str | None = None
    sha256: str | None = None
    not_before: float | None = None
    expires_at: float | None = None
    fit: str = Fit.STRICT.value
    batch: str | None = None
    priority: str = Priority.NORMAL.value
    fairness_key: str | None = None

    def __post_init__(self) -> None:
        check_id("chatbot_id", self.chatbot_id, _CHATBOT_ID_LENGTH)
        ImageRef.parse(self.image)
        check_account(self.account)
        if self.idempotency_key is not None:
            check_id("idempotency_key", self.idempotency_key, _IDEMPOTENCY_KEY_LENGTH)
        if self.sha256 is not None:
            check_text("sha256", self.sha256, 64)
            object.__setattr__(self, "sha256", self.sha256.lower())
            if not _SHA256.fullmatch(self.sha256):
                raise InvalidJob("sha256", "must be 64 hexadecimal digits")
        for name in ("not_before", "expires_at"):
            object.__setattr__(self, name, check_time(name, getattr(self, name)))
        if self.not_before and self.expires_at and self.expires_at <= self.not_before:
            raise InvalidJob("expires_at", "must be later than not_before")
        if self.fit not in tuple(Fit):
            raise InvalidJob("fit", f"must be one of {', '.join(Fit)}, not {_show(self.fit)}")
        if self.batch is not None:
            check_batch(self.batch)
        check_priority(self.priority)
        if self.fairness_key is not None:
            check_fairness_key(self.fairness_key)

    @classmethod
    def from_fields(cls, given: dict[str, Any]) -> Self:
        """Make a job from named fields that came over the wire.

        Raises:
            InvalidJob: a field is missing, unknown or wrong.
        """
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise InvalidJob(_show(name), f"is not a field of a job: {', '.join(known)}")
        for name in ("chatbot_id", "image"):
            if name not in given:
                raise InvalidJob(name, "is missing")
        return cls(**given)

    @property
    def image_ref(self) -> ImageRef:
        """The image's store and path."""
        return ImageRef.parse(self.image)


def check_job_id(job_id: object) -> str:
    """Return `job_id` if it can be one."""
    return _check_name("job_id", job_id, "a UUID")


def check_batch(batch: object) -> str:
    """Return `batch` if it can be a batch's name."""
    return _check_name("batch", batch, "logos-2026")


def check_priority(priority: object) -> Priority:
    """Return the priority that `priority` names."""
    for each in Priority:
        if priority == each:
            return each
    raise InvalidJob("priority", f"must be one of {', '.join(Priority)}, not {_show(priority)}")


def check_fairness_key(key: object) -> str:
    """Return `key` if it can be a fairness key."""
    if isinstance(key, str) and _FAIRNESS_KEY.fullmatch(key):
        return key
    raise InvalidJob(
        "fairness_key",
        "must be 1 to 64 of letters, digits, _ - . : @ and /, the first a letter or digit, "
        f"such as customer-42, not {_show(key)}",
    )


def check_account(account: object) -> str:
    """Return `account` if it can be an account's name."""
    name = check_text("account", account, 40)
    if not _ACCOUNT.fullmatch(name):
        raise InvalidJob("account", "must be 1 to 40 of a-z, 0-9, _ and -, in lower case")
    return name


def account_key(account: str) -> str:
    """An account's name as Redis keys and environment variables have it: `-` becomes `_`."""
    return account.lower().replace("-", "_")


def check_limit(field: str, limit: int, most: int) -> int:
    """Return `limit` if it is from 1 to `most`."""
    if not 1 <= limit <= most:
        raise InvalidJob(field, f"must be a whole number from 1 to {most}")
    return limit


def check_text(field: str, value: object, longest: int) -> str:
    """Return `value` if it is a non-blank line of text, of up to `longest` characters."""
    if not isinstance(value, str):
        raise InvalidJob(field, f"must be text, not {type(value).__name__}")
    if all(map(is_blank, value)):
        raise InvalidJob(field, "must not be blank")
    if len(value) > longest:
        raise InvalidJob(field, f"is {len(value)} characters long; at most {longest} are allowed")
    if not value.isprintable() and any(map(is_hidden, value)):
        raise InvalidJob(
            field,
            f"must hold no control characters, and none that are not seen or turn the direction "
            f"of writing: {_show(value)}",
        )
    return value


def check_id(field: str, value: object, longest: int) -> str:
    """Return `value` if it is such text, with no blank of any kind at its beginning or end."""
    text = check_text(field, value, longest)
    if is_blank(text[0]) or is_blank(text[-1]):
        raise InvalidJob(field, f"must not begin or end with a blank: {_show(text)}")
    return text


def check_time(field: str, value: object) -> float | None:
    """Return a time as Unix seconds: a number, a datetime with its zone, or None."""
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidJob(field, "needs a time zone, such as datetime.now(timezone.utc)")
        value = value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidJob(field, f"must be Unix seconds, not {type(value).__name__}")
    if not 0 < value < _LATEST_SECONDS:
        raise InvalidJob(field, "must be Unix seconds (not milliseconds), from 1970 to 5138")
    return round(float(value), 3)  # as precise as the record holds it


def _check_name(field: str, value: object, example: str) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise InvalidJob(
        field,
        f"must be 1 to 64 of letters, digits, _ and -, such as {example}, not {_show(value)}",
    )


def _show(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - a line's width
