"""Puts new jobs into the ledger: record, place in line and message, in one step each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facelift.job import DEFAULT_ACCOUNT, Fit
from facelift.ledger.record_reader import RecordReader, decode, pairs
from facelift.record import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from facelift.codes import OutcomeCode
    from facelift.job import UploadJob
    from facelift.record import JobRecord


class RecordMaker(RecordReader):
    """The ledger on one Redis, as far as it takes new jobs; see `RecordReader`."""

    def enqueue(
        self,
        job: UploadJob,
        job_id: str,
        *,
        lifetime: float,
        idempotency_window: int,
        replay_of: str | None = None,
    ) -> tuple[bool, JobRecord]:
        """Record a job and send its message.

        Args:
            job: what to do.
            job_id: the job's name; known already means enqueued already.
            lifetime: seconds until it expires, if the job does not say.
            idempotency_window: seconds for which its idempotency key is remembered.
            replay_of: the ended job that this one repeats.

        Returns:
            Whether it is new, and the record under this id or idempotency key.
        """
        arguments = _new_job(job, job_id, lifetime, idempotency_window, replay_of)
        return _enqueued(self._call("enqueue", *arguments))

    def enqueue_each(
        self,
        jobs: Iterable[tuple[UploadJob, str]],
        *,
        lifetime: float,
        idempotency_window: int,
    ) -> Iterator[tuple[bool, JobRecord]]:
        """The same for some jobs and their ids; one round trip, and a step of its own for each."""
        calls = [_new_job(job, job_id, lifetime, idempotency_window) for job, job_id in jobs]
        return map(_enqueued, self._scripts.call_each("enqueue", calls))

    def refuse(
        self, job_id: str, code: OutcomeCode, message: str, stored: Mapping[str, str]
    ) -> bool:
        """Record a job that cannot be carried out as failed; False if its id was known."""
        form = {
            "version": str(SCHEMA_VERSION),
            "chatbot_id": "",
            "image": "",
            "account": "",
            "fit": "",
        }
        return bool(self._call("refuse", job_id, code, message, *_flat({**form, **stored})))


def _new_job(
    job: UploadJob, job_id: str, lifetime: float, window: int, replay_of: str | None = None
) -> list[str | float]:
    """What `enqueue.lua` is told of a job."""
    stored = _encode(job)
    if replay_of:
        stored["replay_of"] = replay_of
    return [job_id, job.idempotency_key or "", window, lifetime, *_flat(stored)]


def _enqueued(reply: Any) -> tuple[bool, JobRecord]:  # noqa: ANN401 - a script's
    return reply[0] == "created", decode(reply[1], pairs(reply[2]))


def _encode(job: UploadJob) -> dict[str, str]:
    stored = {
        "version": str(SCHEMA_VERSION),
        "chatbot_id": job.chatbot_id,
        "image": job.image,
        "account": None if job.account == DEFAULT_ACCOUNT else job.account,
        "fit": None if job.fit == Fit.STRICT else job.fit,
        "batch": job.batch,
        "idempotency_key": job.idempotency_key,
        "sha256": job.sha256,
        "not_before": _seconds(job.not_before),
        "expires_at": _seconds(job.expires_at),
    }
    return {name: value for name, value in stored.items() if value is not None}


def _seconds(time: float | None) -> str | None:
    return None if time is None else f"{time:.3f}"


def _flat(stored: Mapping[str, str]) -> list[str]:
    return [part for pair in stored.items() for part in pair]
