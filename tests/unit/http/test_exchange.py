"""A request is cut off when it must end, at once, and not before."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from worker.errors import LeaseLost
from worker.http.exchange import BoundedSocket, Exchange, Overdue, RequestLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMITS = RequestLimits(total=10, read=10)


Ends = tuple[BoundedSocket, socket.socket]


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with BoundedSocket(fileno=ours.detach()) as bounded, theirs:
        theirs.settimeout(0.05)
        yield bounded, theirs


def lose_lease() -> None:
    raise LeaseLost


def lost_after(seconds: float) -> Callable[[], None]:
    began = time.monotonic()

    def check() -> None:
        if time.monotonic() - began > seconds:
            raise LeaseLost

    return check


def is_silent(theirs: socket.socket) -> bool:
    try:
        theirs.recv(1)
    except TimeoutError:
        return True
    return False


def test_a_request_goes_on_until_its_deadline(clock: Clock, ends: Ends) -> None:
    ends[1].sendall(b"x")
    with Exchange(LIMITS, clock=clock):
        clock.time += 9.9
        ends[0].sendall(b"y")
        assert ends[0].recv(1) == b"x"
    assert ends[1].recv(1) == b"y"


def test_an_overdue_request_sends_and_receives_nothing_more(clock: Clock, ends: Ends) -> None:
    ends[1].sendall(b"x")
    with Exchange(LIMITS, clock=clock):
        clock.time += 10
        with pytest.raises(Overdue):
            ends[0].sendall(b"y")
        with pytest.raises(Overdue):
            ends[0].recv_into(bytearray(1))
    assert is_silent(ends[1])


def test_a_lost_lease_ends_the_request_and_counts_before_the_time(clock: Clock, ends: Ends) -> None:
    with Exchange(LIMITS, lose_lease, clock=clock):
        clock.time += 10
        with pytest.raises(LeaseLost):
            ends[0].sendall(b"y")
    assert is_silent(ends[1])


@pytest.mark.parametrize("waits_for", ["recv", "send"])
def test_a_lease_lost_while_the_other_side_is_silent_ends_the_wait(
    ends: Ends, waits_for: str
) -> None:
    began = time.monotonic()
    wait: dict[str, Callable[[], object]] = {
        "recv": lambda: ends[0].recv(1),
        "send": lambda: ends[0].sendall(bytes(8_000_000)),  # more than the socket buffers
    }
    with Exchange(LIMITS, lost_after(0.2)), pytest.raises(LeaseLost):
        wait[waits_for]()
    assert time.monotonic() - began < 1


def test_silence_ends_at_the_read_limit_though_there_is_time_left(ends: Ends) -> None:
    began = time.monotonic()
    with (
        Exchange(RequestLimits(read=0.2, total=10)),
        pytest.raises(TimeoutError, match="timed out") as caught,
    ):
        ends[0].recv(1)
    assert not isinstance(caught.value, Overdue)
    assert 0.2 <= time.monotonic() - began < 1


def test_the_read_limit_begins_anew_with_each_byte_and_the_total_does_not(ends: Ends) -> None:
    def drip() -> None:
        for _ in range(8):
            time.sleep(0.1)
            ends[1].sendall(b"x")

    dripping = threading.Thread(target=drip)
    received = []

    def receive() -> None:
        while True:
            received.append(ends[0].recv(1))

    dripping.start()
    with Exchange(RequestLimits(read=0.4, total=0.6)), pytest.raises(Overdue):
        receive()
    dripping.join()
    assert len(received) >= 4


def test_what_the_system_says_of_a_dead_connection_is_not_waited_out(clock: Clock) -> None:
    class Dead(BoundedSocket):
        def gone(self) -> bytes:
            raise TimeoutError(110, "Connection timed out")

    with (
        Dead() as sock,
        Exchange(LIMITS, clock=clock) as exchange,
        pytest.raises(TimeoutError, match="Connection timed out"),
    ):
        exchange.wait(sock, sock.gone, 5)


def test_the_timeout_that_a_library_sets_changes_nothing(ends: Ends) -> None:
    ends[0].settimeout(0.001)
    threading.Timer(0.2, ends[1].sendall, [b"x"]).start()
    with Exchange(LIMITS):
        assert ends[0].recv(1) == b"x"


def test_an_ended_request_does_not_cut_off_its_connections_next_one(
    clock: Clock, ends: Ends
) -> None:
    with Exchange(LIMITS, lose_lease, clock=clock):
        pass
    clock.time += 10
    with Exchange(LIMITS, clock=clock):
        ends[0].sendall(b"y")
    assert ends[1].recv(1) == b"y"


def test_lease_lost_while_waiting_for_room_sends_nothing_more(ends: Ends) -> None:
    bounded, theirs = ends
    checks = iter([None, lose_lease])  # before the wait, and after it

    def check() -> None:
        if lose := next(checks):
            lose()

    with Exchange(LIMITS, check), pytest.raises(LeaseLost):
        bounded.sendall(b"the whole body")
    with pytest.raises(TimeoutError):
        theirs.recv(1)
