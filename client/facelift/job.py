"""The job that a producer asks for, and the rules for its fields. A `check_` raises `InvalidJob`.

The names of the Celery tasks are here too: they are the other half of the contract.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal, NamedTuple, NotRequired, Self, TypedDict

from facelift.asset import (
    Action,
    ActionName,
    Asset,
    AssetName,
    check_action,
    check_asset,
    check_removal,
)
from facelift.checks import (
    Id,
    Moment,
    as_text,
    check_id,
    check_name,
    check_text,
    check_time,
    shown,
)
from facelift.errors import InvalidJob
from facelift.fit import Fit, FitName, Focus, check_fit, check_fit_focus
from facelift.metadata import Metadata, check_metadata

UPLOAD_TASK = "facelift.upload"
"""Celery task that carries out one job; its task id is the job id. Sent by the ledger only."""

ENQUEUE_TASK = "facelift.enqueue"
"""Celery task for producers in any language: an `UploadJob`'s fields as keyword arguments."""

DEFAULT_ACCOUNT = "default"

_STORE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_FAIRNESS_KEY = r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,63}"
_SHA256 = r"[0-9a-f]{64}"
_CHATBOT_ID_LENGTH = 200
_PATH_LENGTH = 1024
_IDEMPOTENCY_KEY_LENGTH = 200


class Priority(StrEnum):
    """How much of its account's rate a flow of jobs gets beside others; see docs/pacing.md."""

    HIGH = "high"
    """Twice as much as `normal`."""
    NORMAL = "normal"
    LOW = "low"
    """Half as much as `normal`."""


PriorityName = Literal["high", "normal", "low"]
"""The text of a `Priority`."""


class ImageRef(NamedTuple):
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
                "image", f"must be <store>:<path>, such as media:bots/42.png, not {shown(text)}"
            )
        if not _STORE.fullmatch(store):
            raise InvalidJob(
                "image",
                f"the store's name (before the colon) must be 1 to 32 of a-z, 0-9, _ and -, "
                f"not {shown(store)}",
            )
        return cls(store, path)

    def __str__(self) -> str:
        return f"{self.store}:{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class UploadJob:
    """The job to set or remove an image of a chatbot. Checked when it is made; immutable.

    Ids may be given as UUIDs, times as a datetime with a time zone or a timedelta from now; a job
    holds their text and Unix seconds.

    Attributes:
        chatbot_id: the chatbot's id at Chatbase.
        image: the stored image, `<store>:<path>`; None for a removal.
        account: which of the workers' API keys to use.
        idempotency_key: enqueueing again with the same key gives the same job.
        sha256: what the image's bytes must hash to, in hexadecimal.
        not_before: Unix seconds; the job is not started earlier.
        expires_at: Unix seconds; a job not delivered by then ends as `expired`.
        fit: `strict` sends the exact bytes or refuses them; `crop` and `pad` first make a
            image that would be refused square, small enough and still; see docs/images.md.
        fit_focus: with `fit="crop"`, the point of the image that is kept as near to the middle
            as can be: fractions of its width and height as a viewer sees it, from the top left.
            By default its centre.
        batch: a name that many jobs share, to follow or cancel them as one.
        priority: `high`, `normal` or `low`: how large a share of its account's rate the job's
            flow gets.
        fairness_key: whose job it is, such as `customer-42`. Jobs of one key and priority are a
            flow; the flows of an account take turns. By default a batch is a flow, and all
            jobs without a batch are one.
        asset: `profile_picture` or `icon`: which of the chatbot's images.
        action: `set` uploads `image`. `remove` takes the present one away, and has no `image`,
            `sha256`, `fit` or `fit_focus`.
        metadata: a small map of text of the producer's own, such as `{"user_id": "42"}`: up to
            16 entries, 2,000 bytes as JSON. It comes back with the record, the entry in the
            stream of outcomes, and the webhook; workers do not look at it.

    Raises:
        InvalidJob: a field has a wrong value; names the field.
    """

    chatbot_id: str
    image: str | None = None
    account: str = DEFAULT_ACCOUNT
    idempotency_key: str | None = None
    sha256: str | None = None
    not_before: float | None = None
    expires_at: float | None = None
    fit: Fit = Fit.STRICT
    fit_focus: Focus | None = None
    batch: str | None = None
    priority: Priority = Priority.NORMAL
    fairness_key: str | None = None
    asset: Asset = Asset.PROFILE_PICTURE
    action: Action = Action.SET
    metadata: Metadata | None = field(default=None, hash=False)

    def __init__(
        self,
        *,
        chatbot_id: Id,
        image: str | None = None,
        account: str = DEFAULT_ACCOUNT,
        idempotency_key: Id | None = None,
        sha256: str | None = None,
        not_before: Moment | None = None,
        expires_at: Moment | None = None,
        fit: Fit | FitName = Fit.STRICT,
        fit_focus: Focus | str | None = None,
        batch: Id | None = None,
        priority: Priority | PriorityName = Priority.NORMAL,
        fairness_key: Id | None = None,
        asset: Asset | AssetName = Asset.PROFILE_PICTURE,
        action: Action | ActionName = Action.SET,
        metadata: Metadata | None = None,
    ) -> None:
        what = check_action(action)
        if what is Action.SET:
            if image is None:
                raise InvalidJob("image", "is missing")
            image = str(ImageRef.parse(image))
        how = check_fit(fit)
        if what is Action.REMOVE:
            asked = None if how is Fit.STRICT else how.value
            check_removal(image=image, sha256=sha256, fit=asked, fit_focus=fit_focus)
        starts, ends = check_time("not_before", not_before), check_time("expires_at", expires_at)
        if starts and ends and ends <= starts:
            raise InvalidJob("expires_at", "must be later than not_before")
        checked = {
            "chatbot_id": check_chatbot_id(chatbot_id),
            "image": image,
            "account": check_account(account),
            "idempotency_key": None
            if idempotency_key is None
            else check_id("idempotency_key", idempotency_key, _IDEMPOTENCY_KEY_LENGTH),
            "sha256": None if sha256 is None else _check_sha256(sha256),
            "not_before": starts,
            "expires_at": ends,
            "fit": how,
            "fit_focus": check_fit_focus(fit_focus, how),
            "batch": None if batch is None else check_batch(batch),
            "priority": check_priority(priority),
            "fairness_key": None if fairness_key is None else check_fairness_key(fairness_key),
            "asset": check_asset(asset),
            "action": what,
            "metadata": check_metadata(metadata),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Self:
        """Make a job from named fields that came over the wire.

        Raises:
            InvalidJob: a field is missing, unknown or wrong.
        """
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise InvalidJob(shown(name), f"is not a field of a job: {', '.join(known)}")
        if "chatbot_id" not in given:
            raise InvalidJob("chatbot_id", "is missing")
        return cls(**given)

    @property
    def image_ref(self) -> ImageRef | None:
        """The image's store and path; None for a removal."""
        return None if self.image is None else ImageRef.parse(self.image)


class JobFields(TypedDict):
    """The fields of an `UploadJob` that sets an image, as a mapping; see there."""

    chatbot_id: Id
    image: str
    account: NotRequired[str]
    idempotency_key: NotRequired[Id | None]
    sha256: NotRequired[str | None]
    not_before: NotRequired[Moment | None]
    expires_at: NotRequired[Moment | None]
    fit: NotRequired[Fit | FitName]
    fit_focus: NotRequired[Focus | str | None]
    batch: NotRequired[Id | None]
    priority: NotRequired[Priority | PriorityName]
    fairness_key: NotRequired[Id | None]
    asset: NotRequired[Asset | AssetName]
    action: NotRequired[Literal[Action.SET, "set"]]
    metadata: NotRequired[Metadata | None]


class RemovalFields(TypedDict):
    """The fields of an `UploadJob` that removes an image, as a mapping; see there."""

    chatbot_id: Id
    action: Literal[Action.REMOVE, "remove"]
    asset: NotRequired[Asset | AssetName]
    account: NotRequired[str]
    idempotency_key: NotRequired[Id | None]
    not_before: NotRequired[Moment | None]
    expires_at: NotRequired[Moment | None]
    batch: NotRequired[Id | None]
    priority: NotRequired[Priority | PriorityName]
    fairness_key: NotRequired[Id | None]
    metadata: NotRequired[Metadata | None]


def check_job_id(job_id: object, field: str = "job_id") -> str:
    """Return `job_id` if it can be one; of a UUID its text."""
    return check_name(field, job_id, "a UUID")


def check_batch(batch: object) -> str:
    """Return `batch` if it can be a batch's name; of a UUID its text."""
    return check_name("batch", batch, "logos-2026")


def check_chatbot_id(chatbot_id: object) -> str:
    """Return `chatbot_id` if it can be one; of a UUID its text."""
    return check_id("chatbot_id", chatbot_id, _CHATBOT_ID_LENGTH)


def check_priority(priority: object) -> Priority:
    """Return the priority that `priority` names."""
    for each in Priority:
        if priority == each:
            return each
    raise InvalidJob("priority", f"must be one of {', '.join(Priority)}, not {shown(priority)}")


def check_fairness_key(key: object) -> str:
    """Return `key` if it can be a fairness key; of a UUID its text."""
    text = as_text(key)
    if isinstance(text, str) and re.fullmatch(_FAIRNESS_KEY, text):
        return text
    raise InvalidJob(
        "fairness_key",
        "must be 1 to 64 of letters, digits, _ - . : @ and /, the first a letter or digit, "
        f"such as customer-42, not {shown(key)}",
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


def _check_sha256(sha256: object) -> str:
    text = check_text("sha256", sha256, 64).lower()
    if not re.fullmatch(_SHA256, text):
        raise InvalidJob("sha256", "must be 64 hexadecimal digits")
    return text
