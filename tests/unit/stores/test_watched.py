"""A store's trouble stays with its own jobs: its breaker, and the limit on slow reads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected, StoreBusy, StoreOut, StoreUnavailable
from worker.stores import WatchedStore
from worker.stores.protocol import missing, unavailable
from worker.stores.watched import NOWHERE

LIMIT = 100


class Place:
    """A store of which single paths, or all, can be out."""

    def __init__(self) -> None:
        self.is_out = False
        self.broken: set[str] = set()
        self.reads: list[str] = []

    def read(self, path: str, limit: int) -> bytes:
        self.reads.append(path)
        if self.is_out or path in self.broken:
            raise unavailable("it answered 503")
        if path == NOWHERE:
            raise missing(path)
        return b"x" * min(limit, 9)


class Shared:
    """What a worker says of the store, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.parked = 0

    def report_outage(self, worker: str, store: str, reason: str) -> None:
        self.said.append(f"{worker} {store} out: {reason}")

    def report_back(self, worker: str, store: str) -> None:
        self.said.append(f"{worker} {store} back")

    def release(self, _: list[str], limit: int) -> int:
        released, self.parked = min(self.parked, limit), max(0, self.parked - limit)
        return released


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def store(place: Place, shared: Any, clock: Clock) -> WatchedStore:
    return WatchedStore("media", place, shared, worker="w:1", slots=8, monotonic=clock)


def failure(store: WatchedStore, path: str = "a.png") -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught:
        store.read(path, LIMIT)
    return caught.value


def test_the_first_failure_of_a_store_that_is_out_opens_its_breaker(
    store: WatchedStore, place: Place
) -> None:
    place.is_out = True
    first = failure(store)
    assert isinstance(first, StoreOut)
    assert first.sentence == "The image store is not available; it answered 503."
    place.reads.clear()
    assert isinstance(failure(store, "b.png"), StoreOut)
    assert place.reads == []


def test_one_image_that_cannot_be_read_is_no_outage(store: WatchedStore, place: Place) -> None:
    place.broken = {"a.png"}
    for _ in range(10):
        assert not isinstance(failure(store), StoreOut)
    assert store.read("b.png", LIMIT)
    for _ in range(10):
        assert failure(store).consumes_attempt


def test_several_images_in_a_row_that_cannot_be_read_are_an_outage(
    store: WatchedStore, place: Place
) -> None:
    place.broken = {"a.png", "b.png", "c.png"}
    assert [isinstance(failure(store, path), StoreOut) for path in sorted(place.broken)] == [
        False,
        False,
        True,
    ]
    assert store.run_once() == 1
    place.broken.remove("b.png")
    for _ in range(3):
        store.run_once()
    assert store.read("d.png", LIMIT)


def test_failures_with_a_success_between_them_are_no_outage(
    store: WatchedStore, place: Place
) -> None:
    place.broken = {"a.png", "b.png", "c.png"}
    for path in sorted(place.broken) * 3:
        assert not isinstance(failure(store, path), StoreOut)
        store.read("good.png", LIMIT)


def test_a_missing_image_says_that_the_store_can_be_read(store: WatchedStore, place: Place) -> None:
    place.broken = {"a.png", "b.png", "c.png"}
    for path in sorted(place.broken):
        assert not isinstance(failure(store, path), StoreOut)
        with pytest.raises(ImageRejected):
            store.read(NOWHERE, LIMIT)


def test_probes_become_rarer_and_end_the_outage(
    store: WatchedStore, place: Place, shared: Shared, clock: Clock
) -> None:
    place.is_out = True
    failure(store)
    assert store.run_once() == 1
    clock.time += 30
    assert store.run_once() == 3
    clock.time += 3_600
    assert store.run_once() == 5
    shared.parked = 300
    place.is_out = False
    assert [store.run_once() for _ in range(3)] == [1, 1, 15]
    assert store.read("a.png", LIMIT)
    outage = "w:1 media out: The image store is not available; it answered 503."
    assert shared.said == [outage] * 3 + ["w:1 media back"]


def test_an_outage_between_two_rounds_is_not_reported(
    store: WatchedStore, place: Place, shared: Shared
) -> None:
    place.is_out = True
    failure(store)
    place.is_out = False
    store.run_once()
    assert shared.said == []
    assert store.read("a.png", LIMIT)


class Dripping:
    """A store whose reads of `slow.png` last until they are let go."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.begun = threading.Semaphore(0)

    def read(self, path: str, limit: int) -> bytes:
        if path == "slow.png":
            self.begun.release()
            assert self.goes_on.wait(10)
        return b"x" * min(limit, 9)


def test_slow_reads_take_at_most_a_quarter_of_the_slots(shared: Any, clock: Clock) -> None:
    dripping = Dripping()
    store = WatchedStore("media", dripping, shared, worker="w:1", slots=8, monotonic=clock)
    readers = [threading.Thread(target=store.read, args=("slow.png", LIMIT)) for _ in range(2)]
    for reader in readers:
        reader.start()
        assert dripping.begun.acquire(timeout=10)
    assert store.read("quick.png", LIMIT)  # nothing is slow yet
    clock.time += 2.1
    busy = failure(store, "quick.png")
    assert isinstance(busy, StoreBusy)
    assert not busy.consumes_attempt
    assert busy.code is OutcomeCode.IMAGE_STORE_UNAVAILABLE
    dripping.goes_on.set()
    for reader in readers:
        reader.join()
    assert store.read("quick.png", LIMIT)
