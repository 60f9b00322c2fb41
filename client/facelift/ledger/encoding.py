"""Job records as the ledger's hashes hold them."""

from collections.abc import Mapping
from typing import Any

from facelift.asset import Action, Asset
from facelift.errors import LedgerRefused
from facelift.fit import Fit, focus_text
from facelift.job import DEFAULT_ACCOUNT, Priority, UploadJob
from facelift.metadata import metadata_text
from facelift.record import SCHEMA_VERSION, JobRecord


def encode_job(job: UploadJob) -> dict[str, str]:
    """The fields of a new record; defaults are left out."""
    fields = {
        "version": str(SCHEMA_VERSION),
        "chatbot_id": job.chatbot_id,
        "image": job.image,
        "account": None if job.account == DEFAULT_ACCOUNT else job.account,
        "fit": None if job.fit == Fit.STRICT else job.fit,
        "fit_focus": job.fit_focus and focus_text(job.fit_focus),
        "batch": job.batch,
        "priority": None if job.priority == Priority.NORMAL else job.priority,
        "fairness_key": job.fairness_key,
        "asset": None if job.asset == Asset.PROFILE_PICTURE else job.asset,
        "action": None if job.action == Action.SET else job.action,
        "metadata": metadata_text(job.metadata) if job.metadata else None,
        "idempotency_key": job.idempotency_key,
        "sha256": job.sha256,
        "not_before": _timestamp(job.not_before),
        "expires_at": _timestamp(job.expires_at),
    }
    return {name: value for name, value in fields.items() if value is not None}


def encode_refused(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of the record of a job that cannot be carried out, as far as they are known."""
    unknown = dict.fromkeys(("chatbot_id", "image", "account", "fit", "priority"), "")
    return {"version": str(SCHEMA_VERSION), **unknown, **fields}


def decode_record(job_id: str, fields: Mapping[str, str]) -> JobRecord:
    """Read a record.

    Raises:
        LedgerRefused: this release does not know its schema version, or it is malformed.
    """
    if not is_known_schema(fields):
        raise unknown_schema(job_id, fields["version"])
    try:
        return JobRecord.decode(job_id, fields)
    except (KeyError, ValueError) as error:
        raise LedgerRefused(f"the record of job {job_id} cannot be read: {error!r}") from error


def is_known_schema(fields: Mapping[str, str]) -> bool:
    """Whether this release knows a record's schema version."""
    return fields.get("version") in {None, str(SCHEMA_VERSION)}


def unknown_schema(job_id: str, version: str) -> LedgerRefused:
    """The error for a record that only another release can read."""
    return LedgerRefused(
        f"the record of job {job_id} has schema version {version or 'none'}; this release knows "
        f"{SCHEMA_VERSION} only, a newer one is needed"
    )


def pairs(flat: list[str]) -> dict[str, str]:
    """A hash from a script's reply: field, value, field, value, ..."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def flat(fields: Mapping[str, Any]) -> list[Any]:
    """A mapping as a script's arguments: field, value, field, value, ..."""
    return [part for pair in fields.items() for part in pair]


def _timestamp(time: float | None) -> str | None:
    return None if time is None else f"{time:.3f}"
