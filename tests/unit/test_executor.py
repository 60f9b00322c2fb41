"""What a step of a job hands to the next; whole ways are in tests/acceptance."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from fakeredis import FakeRedis
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from facelift.codes import OutcomeCode
from facelift.retry import RetryPolicy
from tasks.report import Report, Verdict
from tests.images import draw, encode
from tests.ledger.driver import START, Ledger
from worker.delivery.executor import Executor
from worker.delivery.recorder import Recorder
from worker.endpoint import Receipt
from worker.errors import DeliveryRefused
from worker.images import fit as image_fit
from worker.images.validate import ImageLimits
from worker.monitoring.metrics import Metrics
from worker.runtime.accounts import Accounts
from worker.runtime.lease import LeaseKeeper
from worker.settings.api_keys import AccountKeys

if TYPE_CHECKING:
    from pathlib import Path

    from facelift.record import JobRecord
    from worker.images.validate import ValidImage

WIDE = encode(draw(40, 30), "PNG")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


KEY = Accounts({"default": AccountKeys("", (SecretStr("key"),))}, grace=0)


class Store:
    limits: ClassVar[list[int]] = []
    rooms: ClassVar[list[int]] = []

    def read(self, path: str, limit: int) -> bytes:
        self.limits.append(limit)
        self.rooms.append(image_fit._slots._value)
        return {"good.png": PNG, "bots/42.png": PNG, "wide.png": WIDE}[path]


class Endpoint:
    """Takes every picture, but refuses some keys."""

    def __init__(self, refused: tuple[str, ...] = (), code: OutcomeCode | None = None) -> None:
        self.names: list[str] = []
        self.images: list[ValidImage] = []
        self.keys: list[str] = []
        self._refused = refused
        self._code = code

    def deliver(self, image: ValidImage, *, file_name: str, api_key: str, **_: Any) -> Receipt:
        self.names.append(file_name)
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
            image_limits=ImageLimits(),
            endpoint=endpoint,
            recorder=Recorder(
                store=ledger.store,
                policy=RetryPolicy(),
                rng=Random(1),
                metrics=metrics or Metrics(),
            ),
            longest_request=30,
            worker="w",
        )
        job_id = ledger.enqueue(**job)
        ledger.run_once(later)
        report = executor.run(job_id)
        leases.stop()
        return report, ledger.get(job_id)


def test_what_became_of_a_job_is_counted() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    run(Endpoint(), image="media:good.png", metrics=metrics)
    run(Endpoint(), image="media:wide.png", metrics=metrics)
    value = registry.get_sample_value
    assert value("facelift_attempts_total", {"code": "delivered", "status": "200"}) == 1
    assert value("facelift_delivery_seconds_count") == 1
    assert value("facelift_image_rejections_total", {"code": "image_not_square"}) == 1


@pytest.mark.parametrize(("not_before", "waited"), [(None, 60.0), (START + 50, 10.0)])
def test_delivery_is_timed_from_when_the_job_could_first_start(
    not_before: float | None, waited: float
) -> None:
    registry = CollectorRegistry()
    image = "media:good.png"
    run(Endpoint(), image=image, metrics=Metrics(registry), later=60, not_before=not_before)
    total = registry.get_sample_value("facelift_enqueue_to_delivery_seconds_sum")
    assert total == pytest.approx(waited, abs=5)


@pytest.mark.parametrize("path", ["good.png", "bots/42.png"])
def test_file_is_named_by_its_path_without_its_store(path: str) -> None:
    endpoint = Endpoint()
    report, _ = run(endpoint, image=f"media:{path}")
    assert report.verdict is Verdict.DELIVERED, report
    assert endpoint.names == [path]


def test_what_was_changed_to_fit_is_in_the_message() -> None:
    endpoint = Endpoint()
    report, record = run(endpoint, image="media:wide.png", fit="pad")
    assert report.verdict is Verdict.DELIVERED, report
    (sent,) = endpoint.images
    assert sent.side == 40
    assert sent.fitted.startswith("fitted: 40×30 → 40×40, ")  # noqa: RUF001 - as written
    assert record.message == report.sentence == f"Done. ({sent.fitted})"
    assert record.attempts[-1].reason == record.message


def test_what_needs_no_change_is_sent_byte_for_byte() -> None:
    endpoint = Endpoint()
    _, record = run(endpoint, image="media:good.png", fit="crop")
    assert endpoint.images[0].data == PNG
    assert record.message == "Done."


def test_a_job_that_allows_no_change_fails() -> None:
    report, record = run(Endpoint(), image="media:wide.png")
    assert report.verdict is Verdict.FAILED
    assert record.outcome is OutcomeCode.IMAGE_NOT_SQUARE


@pytest.mark.parametrize(
    ("fit", "limit", "rooms"), [("strict", 1_000_000, 4), ("crop", 20_000_000, 3)]
)
def test_more_is_read_of_a_picture_that_may_be_changed_but_of_few_at_a_time(
    fit: str, limit: int, rooms: int
) -> None:
    Store.limits.clear()
    Store.rooms.clear()
    run(Endpoint(), image="media:good.png", fit=fit)
    assert (Store.limits, Store.rooms) == ([limit], [rooms])


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
