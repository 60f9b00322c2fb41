"""Parts of the sandbox endpoint without a server: rate limit, log, image check."""

from __future__ import annotations

import copy
import time
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facelift.units import Rate
from sandbox.endpoint.image_check import image_problem
from sandbox.endpoint.operations import OPERATIONS, Asset, Operation
from sandbox.endpoint.request_log import Arrival, RequestLog, StoredImage
from sandbox.endpoint.state import RateLimit
from tests.sandbox.test_endpoint_driver import image


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


SET, SET_ICON, REMOVE, _ = OPERATIONS
PICTURE: Asset = "profile_picture"


def arrive(log: RequestLog, chatbot_id: str = "bot", operation: Operation = SET) -> Arrival:
    arrival = log.begin("POST", "/", None, operation)
    log.identify(arrival, chatbot_id, lambda: False)
    return arrival


def end(log: RequestLog, arrival: Arrival) -> None:
    arrival.answered_at = time.monotonic()
    log.end(arrival)


def store(log: RequestLog, chatbot_id: str, data: bytes) -> None:
    log.apply(arrive(log, chatbot_id), StoredImage("image/png", data.hex(), data))


@given(
    steps=st.lists(st.floats(0, 4), max_size=60),
    rate=st.builds(Rate, st.integers(1, 5), st.floats(0.1, 10)),
)
def test_a_request_is_allowed_when_its_window_holds_fewer_than_the_limit(
    steps: list[float], rate: Rate
) -> None:
    clock = Clock()
    limit = RateLimit(rate, clock)
    counted: list[float] = []
    for step in steps:
        clock.now += step
        in_window = sum(at > clock.now - rate.seconds for at in counted)
        assert limit.count("key").allowed == (in_window < rate.requests)
        counted.append(clock.now)
    windows = [sum(at - rate.seconds < other <= at for other in counted) for at in counted]
    assert limit.busiest["key"] == max(windows, default=0)


def test_the_limit_says_what_remains_and_when_the_oldest_leaves() -> None:
    clock = Clock()
    limit = RateLimit(Rate(2, 10), clock)

    first = limit.count("key")
    clock.now += 4
    limit.count("key")
    refused = limit.count("key")
    assert (first.remaining, first.wait) == (1, 10)
    assert (refused.allowed, refused.remaining, refused.wait) == (False, 0, 10)


@given(
    steps=st.lists(st.sampled_from([0, 0.25, 0.5, 1, 3]), min_size=1, max_size=60),
    rate=st.builds(Rate, st.integers(1, 5), st.sampled_from([0.5, 1, 4])),
)
def test_waiting_until_the_reset_is_enough_and_less_is_not(steps: list[float], rate: Rate) -> None:
    clock = Clock()
    limit = RateLimit(rate, clock)
    for step in steps:
        clock.now += step
        last = limit.count("key")
    if not last.remaining:
        clock.now += last.wait - 0.125
        early = copy.deepcopy(limit)
        early._now = clock
        assert not early.count("key").allowed
        clock.now += 0.125
        assert limit.count("key").allowed


def test_refusals_are_counted_and_so_is_how_busy_each_key_was() -> None:
    clock = Clock()
    limit = RateLimit(Rate(2, 10), clock)
    for _ in range(5):
        limit.count("one")
    clock.now += 10
    limit.count("one")
    limit.count("other")
    assert limit.refused == 3
    assert limit.busiest == {"one": 5, "other": 1}


def test_each_key_has_its_own_limit() -> None:
    limit = RateLimit(Rate(1, 10), Clock())

    assert limit.count("one").allowed
    assert limit.count("other").allowed


def test_an_upload_whose_connection_is_closed_does_not_overlap() -> None:
    log = RequestLog(10)
    closed = log.begin("POST", "/", None, SET)
    log.identify(closed, "bot", lambda: True)

    assert not arrive(log).overlapped
    assert not closed.overlapped


def test_an_upload_overlaps_one_that_ended_while_its_chatbot_was_unknown() -> None:
    log = RequestLog(10)
    first = arrive(log)
    second = log.begin("POST", "/", None, SET)
    end(log, first)
    log.identify(second, "bot", lambda: False)

    assert first.overlapped
    assert second.overlapped


def test_an_upload_after_another_does_not_overlap() -> None:
    log = RequestLog(10)
    end(log, arrive(log))

    assert not arrive(log).overlapped


def test_a_picture_and_an_icon_of_a_chatbot_do_not_overlap() -> None:
    log = RequestLog(10)
    picture, icon = arrive(log), arrive(log, operation=SET_ICON)
    assert not picture.overlapped
    assert not icon.overlapped

    removal = arrive(log, operation=REMOVE)
    assert (picture.overlapped, removal.overlapped, icon.overlapped) == (True, True, False)


def test_an_older_request_applied_after_a_newer_of_its_asset_is_out_of_order() -> None:
    log = RequestLog(10)
    older, icon, newer = arrive(log), arrive(log, operation=SET_ICON), arrive(log, operation=REMOVE)
    for each in (icon, newer, older):
        log.apply(each, None)

    assert [each.out_of_order for each in (older, icon, newer)] == [True, False, False]
    assert log.stats()["out_of_order"] == 1


def test_a_removal_frees_the_memory_of_its_image() -> None:
    log = RequestLog(10, image_memory=10)
    store(log, "bot", b"12345678")
    log.apply(arrive(log, operation=REMOVE), None)
    store(log, "other", b"12345678")

    assert log.images == {
        ("other", PICTURE): StoredImage("image/png", "3132333435363738", b"12345678")
    }


def test_a_line_of_the_log_names_the_operation_unless_it_sets_a_picture() -> None:
    log = RequestLog(10)

    assert "'bot'  no response" in str(arrive(log))
    assert "'bot'  remove profile_picture  no response" in str(arrive(log, operation=REMOVE))


def test_the_oldest_images_are_dropped_when_memory_is_full() -> None:
    log = RequestLog(10, image_memory=10)
    for chatbot_id in ("a", "b", "a", "c"):
        store(log, chatbot_id, b"1234")

    assert {name: log.images[name, PICTURE].data for name in "abc"} == {
        "a": b"1234",
        "b": None,
        "c": b"1234",
    }
    assert log.images["b", PICTURE].sha256 == b"1234".hex()


def test_an_image_that_replaces_another_takes_its_memory() -> None:
    log = RequestLog(10, image_memory=10)
    store(log, "other", b"12")
    for _ in range(100):
        store(log, "bot", b"12345678")

    assert log.images["other", PICTURE].data == b"12"


def test_a_square_with_an_orientation_is_square() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    assert image_problem(image(8, 8, "JPEG", exif=exif), "image/jpeg") is None
    assert (
        image_problem(image(8, 9, "JPEG", exif=exif), "image/jpeg") == "image is 8 x 9, not square"
    )


def test_a_bomb_is_neither_decoded_nor_warned_of() -> None:
    buffer = BytesIO()
    Image.new("1", (14_000, 14_000)).save(buffer, "PNG")

    assert image_problem(buffer.getvalue(), "image/png") is None


@given(st.sampled_from(["PNG", "JPEG"]), st.data())
def test_a_damaged_image_raises_nothing(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(image(8, 8, kind))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(8, len(damaged))) :]

    image_problem(bytes(damaged), f"image/{kind.lower()}")
