"""The exceptions of the client: they cross processes, as those of a Celery task do."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
import pkgutil
import uuid
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery

import facelift
from facelift.attempt import Attempt
from facelift.batch import BatchStatus
from facelift.codes import Decision, OutcomeCode
from facelift.ledger.connection import translated
from facelift.operations.enqueue import Enqueued
from facelift.record import JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from celery.backends.base import Backend

ATTEMPT = Attempt(
    started_at=1764000000.5,
    duration=0.2,
    code=OutcomeCode.SERVER_ERROR,
    http_status=500,
    decision=Decision.RETRY,
    reason="It failed.",
    next_at=1764000001.5,
    counted=True,
    number=1,
)
RECORD = JobRecord.decode(
    "job-1",
    {
        "version": "1",
        "state": "waiting",
        "wait_reason": "retry",
        "chatbot_id": "bot",
        "image": "media:a.png",
        "created_at": "1764000000",
        "expires_at": "1764086400",
        "attempt:1": ATTEMPT.encode(),
    },
)
STATUS = BatchStatus.decode(
    "logos",
    {"total": "2", "queued": "1", "failed": "1", "code:forbidden": "1", "created_at": "1764000000"},
)
DOWN = facelift.LedgerUnavailable("Redis cannot be reached: refused")
CONFLICT = facelift.IdempotencyConflict("image", "media:b.png", RECORD)
DONE = [Enqueued(RECORD, is_new=True), Enqueued(RECORD, is_new=False, conflict=CONFLICT)]
ERRORS: dict[facelift.FaceliftError, type[Exception] | None] = {
    DOWN: ConnectionError,
    facelift.LedgerRefused("Redis is full"): None,
    facelift.InvalidJob("fit", "must be strict"): ValueError,
    facelift.InvalidSettings(["FACELIFT_REDIS_URL is wrong", "FACELIFT_DEADLINE too"]): ValueError,
    facelift.JobNotFound("job-1"): LookupError,
    facelift.BatchNotFound("logos"): LookupError,
    CONFLICT: None,
    facelift.EnqueueInterrupted(DONE, ["job-1", "job-2", "job-3"], str(DOWN)): None,
    facelift.WaitTimeout(RECORD, 60): TimeoutError,
    facelift.BatchTimeout(STATUS, 60): TimeoutError,
}
"""One of each, and the standard library's kin where there is one."""

each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


def fields(value: Any) -> Any:
    """What can be compared: exceptions are equal to themselves only."""
    if isinstance(value, BaseException):
        return type(value), str(value), fields(vars(value))
    if isinstance(value, dict):
        return {name: fields(each) for name, each in value.items()}
    if isinstance(value, list):
        return [*map(fields, value)]
    return (value.record, value.is_new, fields(value.conflict)) if is_enqueued(value) else value


def is_enqueued(value: object) -> bool:
    return isinstance(value, Enqueued)


def all_errors(kind: type[facelift.FaceliftError]) -> Iterator[type[facelift.FaceliftError]]:
    for each in kind.__subclasses__():
        if each.__module__.partition(".")[0] == "facelift":
            yield each
            yield from all_errors(each)


def test_every_exception_of_the_package_is_exported_and_listed_here() -> None:
    for module in pkgutil.walk_packages(facelift.__path__, "facelift."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found = set(all_errors(facelift.FaceliftError))
    assert found == {type(error) for error in ERRORS}
    assert {error.__name__ for error in found} < set(facelift.__all__)


@each_error
def test_exception_is_of_the_kind_that_python_has_for_it(error: facelift.FaceliftError) -> None:
    kin = ERRORS[error]
    assert set(type(error).__bases__) == {facelift.FaceliftError, *([kin] if kin else [])}
    assert getattr(error, "errno", None) is None


@each_error
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_exception_survives_pickling_with_its_fields(
    error: facelift.FaceliftError, protocol: int
) -> None:
    assert fields(pickle.loads(pickle.dumps(error, protocol))) == fields(error)  # noqa: S301 - our own bytes


@each_error
def test_exception_is_copied_with_its_fields(error: facelift.FaceliftError) -> None:
    assert fields(copy.copy(error)) == fields(copy.deepcopy(error)) == fields(error)


@pytest.fixture(params=["json", "pickle"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with Celery("shop", backend="cache+memory://", set_as_current=False) as app:
        app.conf.update(result_serializer=request.param, accept_content=["json", "pickle"])
        yield app.backend


@each_error
def test_exception_comes_out_of_celerys_results_with_its_fields(
    error: facelift.FaceliftError, backend: Backend
) -> None:
    task = str(uuid.uuid4())
    backend.mark_as_failure(task, error, traceback="")
    backend._cache.clear()  # so that it is read anew
    assert fields(backend.get_result(task)) == fields(error)


def raise_numbered(number: int) -> None:
    raise list(ERRORS)[number]


def through_executor(numbers: range) -> list[BaseException | None]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        futures = [executor.submit(raise_numbered, number) for number in numbers]
        return [future.exception(timeout=60) for future in futures]


def through_pool(numbers: range) -> list[BaseException | None]:
    raised: list[BaseException | None] = []
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for result in [pool.apply_async(raise_numbered, (number,)) for number in numbers]:
            with pytest.raises(facelift.FaceliftError) as caught:
                result.get(timeout=60)
            raised.append(caught.value)
    return raised


@pytest.mark.parametrize(
    "through", [through_executor, pytest.param(through_pool, marks=pytest.mark.nightly)]
)
def test_exceptions_come_out_of_other_processes_with_their_fields(
    through: Callable[[range], list[BaseException | None]],
) -> None:
    raised = through(range(len(ERRORS)))
    assert fields(raised) == fields(list(ERRORS))


@each_error
def test_exception_passes_through_where_those_of_redis_are_translated(
    error: facelift.FaceliftError,
) -> None:
    with pytest.raises(type(error)) as caught, translated():
        raise error
    assert caught.value is error


def test_record_and_batch_come_back_from_json_as_they_were() -> None:
    for value in (RECORD, STATUS):
        assert type(value).from_dict(json.loads(json.dumps(value.as_dict()))) == value
    added = RECORD.as_dict() | {"outcome": "image_blurred", "pose": "profile"}
    assert JobRecord.from_dict(added).outcome == "image_blurred"
