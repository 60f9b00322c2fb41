"""Why a step of a job did not succeed.

Failure                   code, sentence, HTTP status and quota if there was an answer
├── PermanentFailure      trying again would change nothing: the job fails with this code
│   ├── ImageRejected     the picture or its path, before any request
│   └── DeliveryRefused   the endpoint said no
└── RetryableFailure      trying again may help: the job waits in Redis and comes back
    ├── StoreUnavailable  the image store is down
    ├── DeliveryFailed    the request did not get through, or the endpoint broke
    └── RateLimited       the endpoint asked for a pause; consumes no attempt

LeaseLost                 the job is somebody else's now; nothing may be written

Whether a failure may be retried is decided where a dependency's error or a
response is translated (`image_store/`, `image.py`, `endpoint.py`), once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facelift.codes import OutcomeCode
    from facelift.ledger.replies import Quota


class Failure(Exception):  # noqa: N818 - a failure is an outcome here, not a defect
    """A step did not succeed.

    Attributes:
        code: what it was, from the stable list.
        sentence: the same for a person; never holds a secret.
        http_status: the response's status, if there was a response.
        quota: what the response said of the rate limit, if it did.
    """

    def __init__(
        self,
        code: OutcomeCode,
        sentence: str,
        *,
        http_status: int | None = None,
        quota: Quota | None = None,
    ) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.http_status = http_status
        self.quota = quota


class PermanentFailure(Failure):
    """Trying again would change nothing."""


class ImageRejected(PermanentFailure):
    """The picture, or the path to it, cannot be used. No request was made."""


class DeliveryRefused(PermanentFailure):
    """The endpoint answered, and the answer is final."""


class RetryableFailure(Failure):
    """Trying again may help."""

    consumes_attempt = True


class StoreUnavailable(RetryableFailure):
    """The image store did not answer; the image may be fine."""


class DeliveryFailed(RetryableFailure):
    """The request did not get through, or the endpoint broke.

    After a timeout or a cut connection the endpoint may have taken the picture;
    sending the same bytes again is harmless (last write wins).
    """


class RateLimited(RetryableFailure):
    """The endpoint asked for a pause (429).

    Attributes:
        retry_after: seconds until it may be asked again; None if it did not say.
    """

    consumes_attempt = False

    def __init__(
        self,
        code: OutcomeCode,
        sentence: str,
        *,
        retry_after: float | None,
        quota: Quota | None = None,
    ) -> None:
        super().__init__(code, sentence, http_status=429, quota=quota)
        self.retry_after = retry_after


class LeaseLost(Exception):  # noqa: N818
    """The job is somebody else's now; nothing may be written."""
