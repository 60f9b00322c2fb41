"""The watchdog ends what must end, when it must, and nothing else."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from worker.endpoint.limits import RequestLimits
from worker.endpoint.watchdog import Overdue, Watchdog, current_exchange
from worker.errors import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS = RequestLimits(total=10)


Ends = tuple[socket.socket, socket.socket]


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Watchdog:
    """One that looks only when it is told to."""
    watchdog = Watchdog(LIMITS, clock)
    monkeypatch.setattr(watchdog._loop, "start", lambda: None)
    return watchdog


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(0.05)
    with ours, theirs:
        yield ours, theirs


def is_shut(theirs: socket.socket) -> bool:
    try:
        return theirs.recv(1) == b""
    except TimeoutError:
        return False


def test_a_request_is_left_alone_until_its_deadline(
    watchdog: Watchdog, clock: Clock, ends: Ends
) -> None:
    with watchdog.watch(lambda: True):
        current_exchange().attach(ends[0])
        clock.time += 9.9
        watchdog.run_once()
        assert not is_shut(ends[1])


def test_an_overdue_request_is_ended(watchdog: Watchdog, clock: Clock, ends: Ends) -> None:
    def request() -> None:
        with watchdog.watch(lambda: True):
            current_exchange().attach(ends[0])
            clock.time += 10
            watchdog.run_once()

    with pytest.raises(Overdue):
        request()
    assert is_shut(ends[1])


def test_an_overdue_request_is_ended_when_it_gets_its_connection(
    watchdog: Watchdog, clock: Clock, ends: Ends
) -> None:
    def request() -> None:
        with watchdog.watch(lambda: True):
            clock.time += 10
            watchdog.run_once()
            current_exchange().attach(ends[0])

    with pytest.raises(Overdue):
        request()
    assert is_shut(ends[1])


def test_a_lost_lease_ends_the_request_and_counts_before_the_time(
    watchdog: Watchdog, clock: Clock, ends: Ends
) -> None:
    def request() -> None:
        with watchdog.watch(lambda: False):
            current_exchange().attach(ends[0])
            clock.time += 10
            watchdog.run_once()

    with pytest.raises(LeaseLost):
        request()
    assert is_shut(ends[1])


def test_the_verdict_replaces_the_error_that_it_caused(watchdog: Watchdog, clock: Clock) -> None:
    def request() -> None:
        with watchdog.watch(lambda: True):
            clock.time += 10
            watchdog.run_once()
            raise ConnectionResetError

    with pytest.raises(Overdue):
        request()


def test_a_request_that_is_over_is_not_ended_on_its_connections_next_one(
    watchdog: Watchdog, clock: Clock, ends: Ends
) -> None:
    with watchdog.watch(lambda: True):
        current_exchange().attach(ends[0])
    clock.time += 10
    watchdog.run_once()
    assert not is_shut(ends[1])


def test_a_request_that_ends_while_it_is_judged_keeps_its_connection(
    watchdog: Watchdog, ends: Ends
) -> None:
    request = ExitStack()

    def lost_at_the_end() -> bool:
        request.close()
        return False

    request.enter_context(watchdog.watch(lost_at_the_end))
    current_exchange().attach(ends[0])
    watchdog.run_once()
    assert not is_shut(ends[1])


def test_a_tls_socket_is_not_made_to_forget_its_encryption(
    watchdog: Watchdog, clock: Clock, ends: Ends
) -> None:
    class TLSSocket(socket.socket):
        forgot = False

        def shutdown(self, how: int, /) -> None:
            self.forgot = True
            super().shutdown(how)

    with TLSSocket(fileno=ends[0].detach()) as ours:
        with suppress(Overdue), watchdog.watch(lambda: True):
            current_exchange().attach(ours)
            clock.time += 10
            watchdog.run_once()
        assert is_shut(ends[1])
        assert not ours.forgot


def test_a_socket_that_is_closed_already_does_no_harm(
    watchdog: Watchdog, clock: Clock, ends: Ends
) -> None:
    def request() -> None:
        with watchdog.watch(lambda: True):
            current_exchange().attach(ends[0])
            ends[0].close()
            clock.time += 10
            watchdog.run_once()

    with pytest.raises(Overdue):
        request()


def test_the_next_look_is_at_the_deadline_if_that_is_near(watchdog: Watchdog, clock: Clock) -> None:
    assert watchdog.run_once() == 0.5
    with suppress(Overdue), watchdog.watch(lambda: True):
        assert watchdog.run_once() == 0.5
        clock.time += 9.8
        assert watchdog.run_once() == pytest.approx(0.2)
        clock.time += 0.2
        assert watchdog.run_once() == 0.5  # it was ended, but its thread has not noticed yet
