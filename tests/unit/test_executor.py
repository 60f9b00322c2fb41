"""What a step of a job hands to the next; whole ways are in tests/acceptance."""

from __future__ import annotations

import hashlib
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from fakeredis import FakeRedis
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from facelift.asset import Asset
from facelift.codes import JobState, OutcomeCode, WaitReason
from facelift.retry import RetryPolicy
from tasks.report import Report, Verdict
from tests.images import BASELINE, draw, encode, insert_segment
from tests.ledger.driver import START, Ledger
from worker.delivery.executor import Executor
from worker.delivery.permit import Permits
from worker.delivery.recorder import Recorder
from worker.delivery.run import Run, Watch
from worker.endpoint import Receipt
from worker.errors import DeliveryRefused, Interrupted, LeaseLost, WorkerBusy
from worker.images.decoder import DecoderLimits, Decoders
from worker.images.judge import ImageJudge
from worker.images.metadata import without_metadata
from worker.images.validate import ImageLimits
from worker.monitoring.metrics import Metrics
from worker.runtime.accounts import Accounts
from worker.runtime.accounts_left import AccountsLeft
from worker.runtime.lease import LeaseKeeper
from worker.settings.api_keys import AccountKeys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facelift.fit import Fit
    from facelift.ledger.records import Records
    from facelift.record import JobRecord
    from worker.images.line import Proceed
    from worker.images.validate import ValidImage
    from worker.runtime.lease import Held

WIDE = encode(draw(40, 30), "PNG")
PHOTO = insert_segment(BASELINE, 0xE1, b"a photo's place")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


KEY = Accounts({"default": AccountKeys("", (SecretStr("key"),))}, grace=0)


class Store:
    limits: ClassVar[list[int]] = []

    def read(self, path: str, limit: int) -> bytes:
        self.limits.append(limit)
        files = {"good.png": PNG, "bots/42.png": PNG, "wide.png": WIDE, "photo.jpg": PHOTO}
        return files[path]


JUDGE = ImageJudge(ImageLimits(), Decoders(DecoderLimits(), 5), 5)


class NoJudge(ImageJudge):
    """Waits for ever, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(ImageLimits(), Decoders(DecoderLimits(), 5), 5)
        self._error = error

    def judge(
        self,
        data: bytes,
        how: Fit,
        proceed: Proceed = lambda: None,
        **_: object,
    ) -> ValidImage:
        del data, how
        while not self._error:
            proceed()
        raise self._error


class Endpoint:
    """Takes every picture, but refuses some keys.

    Args:
        refused: these keys.
        code: with this outcome.
        sendings: how often each request is sent.
    """

    def __init__(
        self, refused: tuple[str, ...] = (), code: OutcomeCode | None = None, sendings: int = 1
    ) -> None:
        self.images: list[ValidImage] = []
        self.asked: list[tuple[str, bool]] = []
        self.keys: list[str] = []
        self._refused = refused
        self._code = code
        self._sendings = sendings

    def deliver(
        self,
        image: ValidImage | None,
        *,
        api_key: str,
        asset: str,
        before_sending: Callable[[], None],
        **_: Any,
    ) -> Receipt:
        for _sending in range(self._sendings):
            before_sending()
        self.asked.append((asset, image is not None))
        if image:
            self.images.append(image)
        self.keys.append(api_key)
        if self._code and api_key in self._refused:
            raise DeliveryRefused(self._code, "No.", http_status=403)
        return Receipt(200, "Done.", confirmed=True)


def run(
    endpoint: Any,
    accounts: Accounts = KEY,
    *,
    metrics: Metrics | None = None,
    later: float = 0.0,
    images: ImageJudge = JUDGE,
    is_stopping: bool = False,
    afterwards: Callable[[Ledger], object] = lambda _: None,
    **job: Any,
) -> tuple[Report, JobRecord]:
    with FakeRedis(decode_responses=True) as redis:
        ledger = Ledger(redis)
        leases = LeaseKeeper(ledger.store, 15)
        executor = Executor(
            store=ledger.store,
            leases=leases,
            image_stores={"media": Store()},
            accounts=accounts,
            left=AccountsLeft(),
            images=images,
            is_stopping=lambda: is_stopping,
            endpoint=endpoint,
            recorder=Recorder(
                store=ledger.store,
                policy=RetryPolicy(),
                rng=Random(1),
                metrics=metrics or Metrics(),
            ),
            permits=Permits(store=ledger.store, leases=leases, longest_request=30),
            worker="w",
        )
        job_id = ledger.enqueue(**job)
        ledger.run_once(later)
        report = executor.run(job_id)
        leases.stop()
        afterwards(ledger)
        return report, ledger.get(job_id)


def test_what_became_of_a_job_is_counted() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    run(Endpoint(), image="media:good.png", metrics=metrics)
    run(Endpoint(), image="media:wide.png", metrics=metrics)
    value = registry.get_sample_value
    upload = {"asset": "profile_picture", "action": "set"}
    assert value("facelift_attempts_total", {"code": "delivered", "status": "200"} | upload) == 1
    assert value("facelift_delivery_seconds_count", upload) == 1
    assert value("facelift_image_rejections_total", {"code": "image_not_square"}) == 1


@pytest.mark.parametrize(("not_before", "waited"), [(None, 60.0), (START + 50, 10.0)])
def test_delivery_is_timed_from_when_the_job_could_first_start(
    not_before: float | None, waited: float
) -> None:
    registry = CollectorRegistry()
    image = "media:good.png"
    run(Endpoint(), image=image, metrics=Metrics(registry), later=60, not_before=not_before)
    upload = {"asset": "profile_picture", "action": "set"}
    total = registry.get_sample_value("facelift_enqueue_to_delivery_seconds_sum", upload)
    assert total == pytest.approx(waited, abs=5)


def test_what_was_changed_to_fit_is_in_the_message() -> None:
    endpoint = Endpoint()
    report, record = run(endpoint, image="media:wide.png", fit="pad")
    assert report.verdict is Verdict.DELIVERED, report
    (sent,) = endpoint.images
    assert sent.side == 40
    assert sent.fitted.startswith("fitted: 40×30 → 40×40, ")  # noqa: RUF001 - as written
    assert record.message == report.sentence == f"Done. ({sent.fitted})"
    assert record.attempts[-1].reason == record.message


def test_a_stored_image_is_checked_with_its_metadata_and_sent_without() -> None:
    endpoint = Endpoint()
    images = ImageJudge(ImageLimits(), Decoders(DecoderLimits(), 5), 5, strips="default".__eq__)
    stored = hashlib.sha256(PHOTO).hexdigest()
    _, record = run(endpoint, images=images, image="media:photo.jpg", sha256=stored)
    (sent,) = endpoint.images
    assert sent.data == without_metadata(PHOTO, sent.format) != PHOTO
    assert record.message == f"Done. ({sent.fitted})"
    assert sent.fitted.startswith("stripped: ")


def test_what_needs_no_change_is_sent_byte_for_byte() -> None:
    endpoint = Endpoint()
    _, record = run(endpoint, image="media:good.png", fit="crop")
    assert endpoint.images[0].data == PNG
    assert record.message == "Done."


def test_a_job_that_allows_no_change_fails() -> None:
    report, record = run(Endpoint(), image="media:wide.png")
    assert report.verdict is Verdict.FAILED
    assert record.outcome is OutcomeCode.IMAGE_NOT_SQUARE


@pytest.mark.parametrize(("fit", "limit"), [("strict", 1_000_000), ("crop", 20_000_000)])
def test_more_is_read_of_a_picture_that_may_be_changed(fit: str, limit: int) -> None:
    Store.limits.clear()
    run(Endpoint(), image="media:good.png", fit=fit)
    assert Store.limits == [limit]


def test_a_job_that_finds_all_decoders_taken_waits_and_uses_up_no_attempt() -> None:
    endpoint = Endpoint()
    report, record = run(endpoint, image="media:good.png", images=NoJudge(WorkerBusy("Busy.")))
    assert (report.verdict, endpoint.images) == (Verdict.WAITS, [])
    assert (record.state, record.wait_reason) == (JobState.WAITING, WaitReason.RETRY)
    assert (record.attempts[-1].code, record.attempts_used) == (OutcomeCode.WORKER_BUSY, 0)
    assert record.wait_until is not None
    assert START + 0.4 < record.wait_until < START + 1.5


def test_a_worker_that_stops_gives_back_a_job_that_waits_for_its_image() -> None:
    report, record = run(Endpoint(), image="media:good.png", images=NoJudge(), is_stopping=True)
    assert report.verdict is Verdict.DROPPED
    assert (record.state, record.attempts) == (JobState.QUEUED, ())


class Scene:
    """A running job, and what its watch asks."""

    def __init__(self) -> None:
        self.clock = 100.0
        self.is_ours = True
        self.is_cancelled = False
        self.is_stopping = False
        self.asked = 0
        record = SimpleNamespace(
            id="job",
            image="media:a.png",
            action="set",
            started_at=1_000.0,
            created_at=1.0,
            expires_at=1_060.0,
        )
        run = Run(cast("JobRecord", record), cast("Held", None), lambda: self.clock)
        self.watch = Watch(
            run,
            cast("LeaseKeeper", SimpleNamespace(is_ours=lambda _: self.is_ours)),
            cast("Records", SimpleNamespace(is_cancellation_requested=self.ask)),
            lambda: self.is_stopping,
            lambda: self.clock,
        )

    def ask(self, _: str) -> bool:
        self.asked += 1
        return self.is_cancelled


def test_redis_is_asked_once_a_second_whether_a_job_is_cancelled() -> None:
    scene = Scene()
    for _ in range(35):
        scene.watch()
        scene.clock += 0.1
    assert scene.asked == 3
    scene.is_cancelled, scene.clock = True, scene.clock + 1
    with pytest.raises(Interrupted):
        scene.watch()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"is_ours": False}, LeaseLost),
        ({"is_stopping": True}, Interrupted),
        ({"clock": 160.5}, Interrupted),
    ],
)
def test_a_lost_lease_a_stopping_worker_and_a_deadline_end_the_wait(
    change: dict[str, Any], error: type[Exception]
) -> None:
    scene = Scene()
    scene.watch()
    for name, value in change.items():
        setattr(scene, name, value)
    with pytest.raises(error):
        scene.watch()


@pytest.mark.parametrize(("sendings", "marks"), [(1, 0), (2, 1)])
def test_upload_that_was_sent_again_over_another_connection_may_arrive_once_more(
    sendings: int, marks: int
) -> None:
    def count_marks(ledger: Ledger) -> None:
        assert ledger.redis.zcard(ledger.store.keys.unsettled("default:bot")) == marks

    endpoint = Endpoint(sendings=sendings)
    report, _ = run(endpoint, image="media:good.png", afterwards=count_marks)
    assert report.verdict is Verdict.DELIVERED


@pytest.mark.parametrize("code", [OutcomeCode.UNAUTHORIZED, OutcomeCode.FORBIDDEN])
def test_key_that_was_changed_unnoticed_is_tried_before_a_refusal_is_final(
    code: OutcomeCode, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("changed")
    given = AccountKeys("", (SecretStr("stale"),), file)
    endpoint = Endpoint(refused=("stale",), code=code)
    report, _ = run(endpoint, Accounts({"default": given}, grace=60), image="media:good.png")
    assert report.verdict is Verdict.DELIVERED
    assert endpoint.keys == ["stale", "changed"]


@pytest.mark.parametrize(
    ("code", "tried"),
    [(OutcomeCode.UNAUTHORIZED, ["new", "old"]), (OutcomeCode.FORBIDDEN, ["new"])],
)
def test_key_before_is_tried_only_if_the_endpoint_does_not_know_the_newest(
    code: OutcomeCode, tried: list[str]
) -> None:
    given = AccountKeys("", (SecretStr("new"), SecretStr("old")))
    endpoint = Endpoint(refused=("new",), code=code)
    run(endpoint, Accounts({"default": given}, grace=60), image="media:good.png")
    assert endpoint.keys == tried


@pytest.mark.parametrize("asset", Asset)
def test_removal_reads_no_image(asset: Asset) -> None:
    endpoint = Endpoint()
    report, record = run(endpoint, asset=asset, action="remove", images=NoJudge(AssertionError()))
    assert report.verdict is Verdict.DELIVERED
    assert (record.state, record.outcome, record.http_status) == ("succeeded", "removed", 200)
    assert [each.code for each in record.attempts] == ["removed"]
    assert endpoint.asked == [(asset, False)]


def test_icon_is_judged_and_fitted_as_a_picture_is() -> None:
    endpoint = Endpoint()
    _, record = run(endpoint, image="media:wide.png", asset="icon", fit="pad")
    assert (record.outcome, endpoint.asked) == ("delivered", [("icon", True)])
    _, refused = run(endpoint, image="media:wide.png", asset="icon")
    assert refused.outcome == "image_not_square"


@pytest.mark.parametrize(("sendings", "marks"), [(1, 0), (2, 1)])
def test_removal_that_was_sent_again_may_arrive_once_more(sendings: int, marks: int) -> None:
    def count_marks(ledger: Ledger) -> None:
        assert ledger.redis.zcard(ledger.store.keys.unsettled("default/icon:bot")) == marks

    run(Endpoint(sendings=sendings), asset="icon", action="remove", afterwards=count_marks)


def test_key_that_was_changed_unnoticed_is_tried_for_a_removal_too(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("changed")
    given = AccountKeys("", (SecretStr("stale"),), file)
    endpoint = Endpoint(refused=("stale",), code=OutcomeCode.UNAUTHORIZED)
    run(endpoint, Accounts({"default": given}, grace=60), action="remove")
    assert endpoint.keys == ["stale", "changed"]
