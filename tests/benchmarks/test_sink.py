"""The endpoint of the benchmarks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from benchmarks.processes import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

_LATENCY = 0.05


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink(_LATENCY) as sink:
        yield sink


def _upload(session: requests.Session, sink: Sink, number: int, size: int) -> float:
    began = time.monotonic()
    answer = session.post(
        f"{sink.url}/api",
        data={"chatbotId": f"bot-{number}"},
        files={"profilePictureFile": ("a.jpg", bytes(size), "image/jpeg")},
        timeout=5,
    )
    assert answer.json() == {"message": "Chatbot Profile Picture uploaded successfully."}
    return began


def test_each_upload_on_a_kept_connection_is_recorded_with_chatbot_and_start(sink: Sink) -> None:
    sizes = {1: 10, 2: 4_000, 3: 3_000_000}
    with requests.Session() as session:
        began = {number: _upload(session, sink, number, size) for number, size in sizes.items()}

    arrived = sink.arrivals()

    assert arrived.keys() == began.keys()
    assert all(began[number] < arrived[number] < began[number] + 2 for number in sizes)
    assert sink.count() == len(sizes)


def test_the_answer_takes_its_time(sink: Sink) -> None:
    with requests.Session() as session:
        began = _upload(session, sink, 1, 1_000)

    assert time.monotonic() - began >= _LATENCY


def test_the_first_of_two_uploads_of_a_chatbot_counts(sink: Sink) -> None:
    with requests.Session() as session:
        first = _upload(session, sink, 7, 10)
        second = _upload(session, sink, 7, 10)

    assert first < sink.arrivals()[7] < second
    assert (sink.count(), sink.repeated()) == (1, 1)
