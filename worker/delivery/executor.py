"""The pipeline of a job: acquire, read, validate, acquire a permit, deliver, record.

A removal has no image, so nothing is read and validated for it.

Each step gives the next one what it needs or raises a `Failure`. `facelift.retry` decides what
the failure means for the job, `recorder.py` records it.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from facelift.asset import Asset
from facelift.codes import OutcomeCode
from facelift.errors import FaceliftError
from facelift.fit import CENTRE, Fit
from facelift.job import ImageRef
from facelift.ledger.replies import Acquired, Ended, Feedback, Leased, Quota, Waiting
from facelift.ledger.store import JobStore
from tasks.report import Report, Verdict, ended_before, waits
from worker.delivery.grace import ImageGrace
from worker.delivery.permit import NotPermitted, Permits, RequestPermit
from worker.delivery.recorder import Recorder
from worker.delivery.run import Run, Watch
from worker.endpoint import EndpointClient, Receipt
from worker.errors import (
    DeliveryFailed,
    DeliveryRefused,
    Failure,
    ImageRejected,
    Interrupted,
    KeyRefused,
    LeaseLost,
    NotRegistered,
    RetryableFailure,
)
from worker.images.judge import ImageJudge
from worker.images.validate import ValidImage
from worker.monitoring.logs import fields
from worker.runtime.accounts import Accounts
from worker.runtime.accounts_left import AccountsLeft
from worker.runtime.lease import LeaseKeeper
from worker.stores import ImageStore

log = logging.getLogger(__name__)

_REQUESTS = 2  # under one lease: with the newest API key and with the previous one
_NO_GRACE = ImageGrace(0.0)
_KEY_REFUSED = (OutcomeCode.UNAUTHORIZED, OutcomeCode.FORBIDDEN)


@dataclass(frozen=True, kw_only=True)
class Executor:
    """Runs jobs; all threads of a worker share one.

    Attributes:
        store: the ledger.
        leases: renews the leases of running jobs.
        image_stores: by name.
        accounts: the API keys of each.
        left: the accounts of which other workers have the key that works.
        images: judges an image, and fits it.
        endpoint: where images are uploaded.
        recorder: records the results.
        permits: for its requests.
        is_stopping: whether this worker stops, and should begin no request.
        worker: this worker's name.
        grace: lets a job wait for an image that is not ready.
        monotonic: seconds that never go back.
    """

    store: JobStore
    leases: LeaseKeeper
    image_stores: Mapping[str, ImageStore]
    accounts: Accounts
    left: AccountsLeft
    images: ImageJudge
    endpoint: EndpointClient
    recorder: Recorder
    permits: Permits
    is_stopping: Callable[[], bool]
    worker: str
    grace: ImageGrace = _NO_GRACE
    monotonic: Callable[[], float] = time.monotonic

    def run(self, job_id: str) -> Report:
        """Run the job as far as it can go now.

        Raises:
            LedgerUnavailable, LedgerRefused: the job stays where it was; its message is sent again.
        """
        with self.leases.hold(job_id) as held:
            match self.store.acquire(held.lease, self.leases.seconds, self.worker):
                case Acquired(record):
                    return self._run(Run(record, held, self.monotonic))
                case Waiting() as waiting:
                    return self._wait(waiting)
                case Ended(state):
                    return ended_before(state)
                case Leased():
                    return Report(Verdict.DROPPED, "Another worker runs the job.")
                case _:
                    return Report(Verdict.WITHDRAWN, "The job does not exist.")

    def _run(self, run: Run) -> Report:
        try:
            self._keys(run)
            image = self._read_image(run, run.image_ref) if run.image_ref else None
            result = self._request(run, image)
        except Failure as failure:
            return self.recorder.failure(run, failure)
        except LeaseLost:
            return self.recorder.lost(run)
        except NotPermitted as refusal:
            return self._not_permitted(run, refusal.reply)
        except Interrupted:
            self.store.release(run.lease)  # the ledger ends it, or sends its message again
            return Report(Verdict.DROPPED, "The job was given back before its request.")
        except FaceliftError:  # Redis failed
            raise
        except Exception as error:
            log.exception(
                "unexpected error; a defect, or this machine", extra=fields(job=run.record.id)
            )
            sentence = f"The worker failed with {type(error).__name__}; its log says more."
            defect = RetryableFailure(OutcomeCode.INTERNAL_ERROR, sentence)
            return self.recorder.failure(run, defect)
        fitted = image and image.fitted
        sentence = f"{result.message} ({fitted})" if fitted else result.message
        return self.recorder.success(run, sentence, result.http_status)

    def _keys(self, run: Run) -> dict[str, str]:
        """The API keys of the job's account by their fingerprints, the newest first."""
        account = run.record.account
        if keys := self.accounts.keys(account):
            return keys
        raise NotRegistered(
            OutcomeCode.UNKNOWN_ACCOUNT, f"This worker has no API key of the account {account!r}."
        )

    def _read_image(self, run: Run, ref: ImageRef) -> ValidImage:
        record = run.record
        store = self.image_stores.get(ref.store)
        if store is None:
            raise NotRegistered(
                OutcomeCode.UNKNOWN_STORE, f"This worker knows no image store {ref.store!r}."
            )
        how, asset = Fit(record.fit), Asset(record.asset)
        expected = record.sha256 or record.image_sha256
        watch = Watch(run, self.leases, self.store.records, self.is_stopping, self.monotonic)
        with self.images.room(how, watch), self.grace.given(run, store, ref.path):
            data = store.read(ref.path, self.images.read_limit(how, asset))
            if expected and hashlib.sha256(data).hexdigest() != expected:
                since = "enqueued" if record.sha256 else "first read"
                raise ImageRejected(
                    OutcomeCode.IMAGE_CHANGED,
                    f"The stored image is not the one that was {since}: its SHA-256 differs.",
                )
            image = self.images.judge(
                data,
                how,
                watch,
                focus=record.fit_focus or CENTRE,
                account=record.account,
                asset=asset,
            )
            run.has_read(data, image)
        return image

    def _request(self, run: Run, image: ValidImage | None) -> Receipt:
        """Deliver; if the endpoint refuses the API key, once more with another one.

        The other one is what the secret file holds by now, or the previous key, if the endpoint
        does not know the newest (401). Which key a request is made with, the ledger says.
        """
        keys, tried = self._keys(run), set[str]()
        for number in range(1, _REQUESTS + 1):
            left = {each: key for each, key in keys.items() if each not in tried}
            permit = self.permits.acquire(run, number, tuple(left))
            used = permit.fingerprint
            try:
                return self._deliver(run, image, left[used], permit)
            except DeliveryRefused as refusal:
                if refusal.code not in _KEY_REFUSED:
                    raise
                tried.add(used)
                self.accounts.refresh(run.record.account)
                keys, failure = self._keys(run), self._judge(run, refusal, used)
                if refusal.code is OutcomeCode.FORBIDDEN:
                    keys = dict(list(keys.items())[:1])
                if number == _REQUESTS or tried.issuperset(keys):
                    raise failure from None
        raise AssertionError  # the last request returns or raises

    def _judge(self, run: Run, refusal: DeliveryRefused, fingerprint: str) -> Failure:
        """What it means for the job that an API key was refused (401, 403)."""
        if refusal.code is OutcomeCode.FORBIDDEN:
            return refusal
        keys = self._keys(run)
        verdict = self.store.pool.report_refusal(run.lease, fingerprint, tuple(keys))
        return KeyRefused(refusal, verdict)

    def _not_permitted(self, run: Run, reply: Waiting | Ended) -> Report:
        if isinstance(reply, Ended):
            return ended_before(reply.state)
        self.recorder.record_image(run)
        return self._wait(reply)

    def _wait(self, reply: Waiting) -> Report:
        if reply.left:
            self.left.add(reply.left)
        return waits(reply.reason, reply.message, reply.until)

    def _deliver(
        self, run: Run, image: ValidImage | None, api_key: str, permit: RequestPermit
    ) -> Receipt:
        try:
            receipt = self.endpoint.deliver(
                image,
                chatbot_id=run.record.chatbot_id,
                asset=Asset(run.record.asset),
                api_key=api_key,
                seconds=permit.granted.seconds,
                may_send=lambda: self.leases.is_ours(run.held),
                before_sending=permit.use,
            )
        except Failure as failure:
            run.feedback = self._feedback(run, permit, failure)
            raise
        run.feedback = self._feedback(run, permit, receipt)
        return receipt

    def _feedback(self, run: Run, permit: RequestPermit, result: Receipt | Failure) -> Feedback:
        quota = result.quota or Quota()
        cap = self.recorder.policy.pause_cap
        if quota.reset_after is not None and quota.reset_after > cap:
            quota = quota._replace(reset_after=cap)
        is_over = not isinstance(result, DeliveryFailed) or not result.may_arrive
        return Feedback(
            permit=permit.granted,
            answered=not isinstance(result, DeliveryFailed) and result.http_status is not None,
            fingerprint=permit.fingerprint,
            quota=quota,
            settled=run.is_settled and is_over,
        )
