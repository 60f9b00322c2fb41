"""The advice for each outcome and wait reason; docs/outcomes.md has the same sentences."""

from facelift.codes import OutcomeCode, WaitReason

_NOTHING = "nothing"
_RETRIED = "nothing; if it lasts, check the endpoint"
_KEY = (
    "check the account's API key and plan; "
    "a changed key or `facelift resume ACCOUNT` ends the pause; then replay the job"
)
_SETTINGS = "check the workers' settings with `facelift doctor`"
_ENDPOINT_URL = "check `FACELIFT_ENDPOINT_URL`"
_CHATBOT = "check the chatbot id"
_MESSAGE = "read the message"
_PAUSED = "`facelift status` says who paused it and why; `facelift resume` ends it"
_ACCOUNT_PAUSED = (
    "if the endpoint refused its API key, give the workers one that works: the jobs then go on by "
    "themselves; `facelift status` says who paused it and why, `facelift resume ACCOUNT` ends it"
)

OUTCOMES: dict[OutcomeCode, str] = {
    OutcomeCode.DELIVERED: _NOTHING,
    OutcomeCode.REMOVED: _NOTHING,
    OutcomeCode.BAD_REQUEST: _CHATBOT,
    OutcomeCode.UNAUTHORIZED: _KEY,
    OutcomeCode.FORBIDDEN: _KEY,
    OutcomeCode.CHATBOT_NOT_FOUND: _CHATBOT,
    OutcomeCode.ENDPOINT_GONE: _ENDPOINT_URL,
    OutcomeCode.IMAGE_REFUSED: "check the image; the endpoint is stricter than its documentation",
    OutcomeCode.UNEXPECTED_REDIRECT: _ENDPOINT_URL,
    OutcomeCode.REJECTED: _MESSAGE,
    OutcomeCode.IMAGE_NOT_FOUND: "check the path",
    OutcomeCode.IMAGE_UNREADABLE: "check the file, see stores",
    OutcomeCode.IMAGE_OUTSIDE_STORE: "name a path inside, without `..`",
    OutcomeCode.IMAGE_CHANGED: "enqueue again, with the SHA-256 of the present image",
    OutcomeCode.IMAGE_EMPTY: "store it again",
    OutcomeCode.IMAGE_NOT_AN_IMAGE: "store a PNG or JPEG",
    OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED: (
        "store a PNG or JPEG, enqueue a WebP, GIF, AVIF or HEIC with a `fit`, "
        "or see `FACELIFT_IMAGE_FORMATS`"
    ),
    OutcomeCode.IMAGE_NOT_SQUARE: "crop it, or enqueue it with `fit` `crop` or `pad`",
    OutcomeCode.IMAGE_TOO_LARGE: "compress it, or enqueue it with a `fit`",
    OutcomeCode.IMAGE_TOO_MANY_PIXELS: "make it smaller",
    OutcomeCode.IMAGE_TRUNCATED: "store it again",
    OutcomeCode.IMAGE_ANIMATED: (
        "store a still, or enqueue it with a `fit`, which takes the first frame"
    ),
    OutcomeCode.IMAGE_TOO_COSTLY: "store it anew, as a plain PNG or JPEG of fewer pixels",
    OutcomeCode.UNKNOWN_ACCOUNT: _SETTINGS,
    OutcomeCode.UNKNOWN_STORE: _SETTINGS,
    OutcomeCode.INVALID_JOB: _MESSAGE,
    OutcomeCode.RETRIES_EXHAUSTED: "check the endpoint",
    OutcomeCode.CRASH_LOOP: "check the image and the workers' logs",
    OutcomeCode.EXPIRED: "its attempts say what delayed it",
    OutcomeCode.SUPERSEDED: _NOTHING,
    OutcomeCode.CANCELLED: _NOTHING,
    OutcomeCode.SERVER_ERROR: _RETRIED,
    OutcomeCode.TIMEOUT: _RETRIED,
    OutcomeCode.TOO_EARLY: _NOTHING,
    OutcomeCode.CONNECTION_FAILED: "if it lasts, run `facelift doctor` where the workers run",
    OutcomeCode.DNS_FAILED: "if it lasts, run `facelift doctor` where the workers run",
    OutcomeCode.TLS_FAILED: "if it lasts, run `facelift doctor` where the workers run",
    OutcomeCode.CONNECTION_LOST: _RETRIED,
    OutcomeCode.MALFORMED_RESPONSE: _RETRIED,
    OutcomeCode.IMAGE_STORE_UNAVAILABLE: "check the store; `facelift doctor` tries it",
    OutcomeCode.WORKER_BUSY: "nothing; if it lasts, start more workers",
    OutcomeCode.INTERNAL_ERROR: "read the worker's log, and report it",
    OutcomeCode.RATE_LIMITED: _NOTHING,
    OutcomeCode.WORKER_LOST: "nothing; if it repeats, read the workers' logs",
}
"""For the outcome of a job or of an attempt."""

WAITS: dict[WaitReason, str] = {
    WaitReason.SCHEDULED: _NOTHING,
    WaitReason.RETRY: _NOTHING,
    WaitReason.BACKLOG: "nothing, or have the vendor raise the limit",
    WaitReason.RATE_LIMITED: _NOTHING,
    WaitReason.ACCOUNT_PAUSED: _ACCOUNT_PAUSED,
    WaitReason.ALL_PAUSED: _PAUSED,
    WaitReason.ENDPOINT_DOWN: "check the endpoint; the jobs go on by themselves once it is back",
    WaitReason.ACCOUNT_FAILING: (
        "check the account at Chatbase; its jobs go on by themselves once an upload succeeds, "
        "and delay no other account"
    ),
    WaitReason.CHATBOT_FAILING: (
        "check the chatbot at Chatbase; its jobs are retried, and delay no other chatbot"
    ),
    WaitReason.UNKNOWN_ACCOUNT: (
        "give the workers the account's API key, or enqueue the job again under the right name"
    ),
    WaitReason.UNKNOWN_STORE: (
        "name the store in FACELIFT_IMAGE_STORES of a worker, or enqueue the job again under the "
        "right name"
    ),
    WaitReason.STORE_UNAVAILABLE: (
        "check the image store, by facelift doctor where a worker runs; the jobs go on by "
        "themselves once it is back"
    ),
    WaitReason.CHATBOT_BUSY: _NOTHING,
    WaitReason.NEWER_UPLOAD: _NOTHING,
    WaitReason.QUARANTINED: "nothing; if workers are lost again and again, read their logs",
    WaitReason.UNSETTLED: _NOTHING,
}
"""For what a job waits for."""
