"""Why a step of a job failed.

Failure                   code, sentence, HTTP status and quota if there was a response
├── PermanentFailure      a retry would change nothing: the job fails with this code
│   ├── ImageRejected     the image or its path, before any request
│   └── DeliveryRefused   the endpoint refused the upload
└── RetryableFailure      a retry may succeed: the job waits in Redis
    ├── StoreUnavailable  the image store did not answer
    │   ├── StoreOut      it is out: its jobs wait until it is back; uses up no attempt
    │   └── StoreBusy     too many of its reads are slow; uses up no attempt
    ├── ImageNotReady     the image may be on its way into the store; uses up no attempt
    ├── WorkerBusy        too many images are decoded here; uses up no attempt
    ├── KeyRefused        the endpoint refused the account's API key; uses up no attempt
    ├── DeliveryFailed    the request got no valid response, or a server error
    └── RateLimited       the endpoint asked for a pause; uses up no attempt

LeaseLost                 another worker runs the job; nothing may be recorded
Interrupted               the job has to be given back: it is cancelled, or this worker stops

A dependency's error or a response is mapped to one of these once, where it occurs: in `images/`,
`stores/` and `endpoint/`.
"""

from facelift.codes import OutcomeCode
from facelift.ledger.replies import KeyVerdict, Quota


class Failure(Exception):  # noqa: N818 - a failure is an outcome here, not a defect
    """A step failed.

    Attributes:
        code: from the stable list of outcomes.
        sentence: the same for a person; never holds a secret.
        http_status: of the response, if there was one.
        quota: what the response said about the rate limit, if anything.
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
    """A retry would change nothing."""


class ImageRejected(PermanentFailure):
    """The image, or its path, cannot be used. No request was made."""


class DeliveryRefused(PermanentFailure):
    """The endpoint refused the upload for good."""


class RetryableFailure(Failure):
    """A retry may succeed."""

    consumes_attempt = True


class StoreUnavailable(RetryableFailure):
    """The image store did not answer; the image may be fine."""


class StoreOut(StoreUnavailable):
    """The image store's circuit breaker is open: the job waits until the store is back."""

    consumes_attempt = False


class StoreBusy(StoreUnavailable):
    """Too many reads of the image store are slow here; the job waits in Redis meanwhile."""

    consumes_attempt = False


class ImageNotReady(RetryableFailure):
    """The image is missing, or is being written; the job waits in Redis for a while.

    Its code is the one with which the job fails if that does not change.
    """

    consumes_attempt = False


class WorkerBusy(RetryableFailure):
    """This worker decodes as many images as it may; the job waits in Redis meanwhile."""

    consumes_attempt = False

    def __init__(self, sentence: str) -> None:
        super().__init__(OutcomeCode.WORKER_BUSY, sentence)


class NotRegistered(RetryableFailure):
    """This worker knows no such store or account, and the ledger does not know that yet."""

    consumes_attempt = False


class KeyRefused(RetryableFailure):
    """The endpoint refused the account's API key (401).

    Attributes:
        verdict: what that means, as the ledger knows.
    """

    def __init__(self, refusal: DeliveryRefused, verdict: KeyVerdict) -> None:
        super().__init__(
            refusal.code,
            refusal.sentence,
            http_status=refusal.http_status,
            quota=refusal.quota,
        )
        self.verdict = verdict
        self.consumes_attempt = verdict is KeyVerdict.CHATBOT


class DeliveryFailed(RetryableFailure):
    """The request got no valid response, or a server error.

    After a timeout or a cut connection the endpoint may have accepted the image; sending the same
    bytes again is harmless.

    Attributes:
        may_arrive: whether the endpoint may apply the upload later.
    """

    def __init__(
        self,
        code: OutcomeCode,
        sentence: str,
        *,
        may_arrive: bool,
        http_status: int | None = None,
        quota: Quota | None = None,
    ) -> None:
        super().__init__(code, sentence, http_status=http_status, quota=quota)
        self.may_arrive = may_arrive


class RateLimited(RetryableFailure):
    """The endpoint asked for a pause (429).

    Attributes:
        retry_after: the pause in seconds; None if the endpoint named none.
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


class Interrupted(Exception):  # noqa: N818 - an outcome, not a defect
    """The job has to be given back before its request: it ends, or this worker does."""


class LeaseLost(Exception):  # noqa: N818 - an outcome, not a defect
    """Another worker runs the job; nothing may be recorded."""
