from __future__ import annotations

import errno
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from worker.http import HttpClient
from worker.http.addresses import Reach, reach_of
from worker.http.dial import AddressRefused, Dialler, Lookup, resolve
from worker.http.exchange import Exchange, RequestLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

PUBLIC = frozenset({Reach.PUBLIC})
LIMITS = RequestLimits(connect=6, total=6)
V4, V6 = "8.8.8.8", "2606:4700::1111"


class Network:
    """Sockets that record where they are connected to, and reach no address that is `down`."""

    def __init__(self, down: Sequence[str] = ()) -> None:
        self.dialled: list[str] = []
        self.limits: list[float] = []
        self.closed = 0
        self._down = down

    def socket(self, family: socket.AddressFamily) -> socket.socket:
        network = self

        class Socket(socket.socket):
            def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override]  # narrower
                network.dialled.append(address[0])
                network.limits.append(self.gettimeout() or 0)
                if address[0] in network._down:
                    raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))

            def close(self) -> None:
                network.closed += 1
                super().close()

        return Socket(family, socket.SOCK_STREAM)


def dial(network: Network, *addresses: str, reaches: frozenset[Reach] | None = PUBLIC) -> None:
    dialler = Dialler(reaches, lambda *_: addresses, network.socket)
    dialler.connect("cdn.example.com", 443, Exchange(LIMITS)).close()


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("64:ff9b::808:808", Reach.PUBLIC),
        ("127.0.0.1", Reach.PRIVATE),
        ("127.8.8.8", Reach.PRIVATE),
        ("::1", Reach.PRIVATE),
        ("10.1.2.3", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("192.168.0.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd00::1", Reach.PRIVATE),
        ("64:ff9b::a00:1", Reach.PRIVATE),
        ("64:ff9b::a9fe:a9fe", None),
        ("169.254.169.254", None),
        ("fd00:ec2::254", None),
        ("fd00:ec2::23", None),
        ("fd20:ce::254", None),
        ("fd00:c1::a9fe:a9fe", None),
        ("fd00:42::42", None),
        ("100.100.100.200", None),
        ("192.0.0.192", None),
        ("168.63.129.16", None),
        ("64:ff9b::a83f:8110", None),
        ("64:ff9b:1::a9fe:a9fe", None),
        ("64:ff9b:1:a9fe:a9:fe00::", None),
        ("fe80::1", None),
        ("fe80::1%eth0", None),
        ("fec0::1", None),
        ("0.0.0.0", None),  # noqa: S104 - nothing is bound to it
        ("0.1.2.3", None),
        ("::", None),
        ("::127.0.0.1", None),
        ("::ffff:8.8.8.8", None),
        ("::ffff:127.0.0.1", None),
        ("2002:7f00:1::", None),
        ("2001:0:7f00:1::", None),
        ("224.0.0.1", None),
        ("224.0.1.1", None),
        ("ff02::1", None),
        ("240.0.0.1", None),
        ("255.255.255.255", None),
    ],
)
def test_addresses_are_public_private_or_never_to_be_used(
    address: str, reach: Reach | None
) -> None:
    assert reach_of(address) is reach


def test_only_good_addresses_are_dialled() -> None:
    network = Network()
    dial(network, "127.0.0.1", "169.254.169.254", V4)
    assert network.dialled == [V4]


def test_no_good_address_is_refused_before_anything_is_dialled() -> None:
    network = Network()
    with pytest.raises(AddressRefused, match="not public"):
        dial(network, "127.0.0.1", "10.0.0.1")
    with pytest.raises(AddressRefused, match="not private"):
        dial(network, V4, reaches=frozenset({Reach.PRIVATE}))
    with pytest.raises(AddressRefused, match="no server may have"):
        dial(network, "169.254.169.254", reaches=frozenset(Reach))
    with pytest.raises(AddressRefused):
        dial(network)
    assert network.dialled == []


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"),
        *("fe80::a9fe:a9fe%1", "::ffff:169.254.169.254", "::169.254.169.254", "2002:a9fe:a9fe::"),
        *("64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::"),
    ],
)
def test_name_of_a_clouds_metadata_is_never_dialled(address: str) -> None:
    network = Network()
    for reaches in (None, frozenset(Reach)):
        with pytest.raises(AddressRefused):
            dial(network, address, reaches=reaches)
        dial(network, address, V4, reaches=reaches)
    dial(network, "::ffff:10.0.0.5", reaches=None)
    assert network.dialled == [V4, V4, "::ffff:10.0.0.5"]


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize(
    "host",
    [
        *("[fd00:ec2::254]", "100.100.100.200", "192.0.0.192", "168.63.129.16", "169.254.169.254"),
        *("2852039166", "0xa9fea9fe", "169.254.43518"),
    ],
)
def test_stores_and_webhooks_at_a_clouds_metadata_are_refused_at_the_start(
    scheme: str, host: str
) -> None:
    with pytest.raises(ValueError, match="no server may have"):
        HttpClient(f"{scheme}://{host}/", LIMITS, connections=1, reaches=frozenset(Reach))


def test_the_next_address_is_dialled_when_one_is_down_and_time_is_shared() -> None:
    network = Network(down=[V6])
    dial(network, V6, V4)
    assert network.dialled == [V6, V4]
    assert network.limits == [pytest.approx(3, abs=0.5), pytest.approx(6, abs=0.5)]
    assert network.closed == 2  # the one that failed, and the one that the test closed


def test_a_host_whose_addresses_are_all_down_is_not_connected() -> None:
    network = Network(down=[V6, V4])
    with pytest.raises(OSError, match="No route to host"):
        dial(network, V6, V4)
    assert network.closed == 2


def test_callers_of_one_name_share_a_lookup_and_later_get_a_new_one() -> None:
    asked: list[str] = []
    goes_on = threading.Event()

    def slowly(host: str, _: int) -> list[str]:
        asked.append(host)
        goes_on.wait(10)
        return [f"answer {len(asked)}"]

    lookup = Lookup(slowly)
    with pytest.raises(TimeoutError):
        lookup.addresses("a.example", 443, 0.05)
    with pytest.raises(TimeoutError):
        lookup.addresses("a.example", 443, 0.05)
    assert len(asked) == 1
    threading.Timer(0.1, goes_on.set).start()
    assert lookup.addresses("a.example", 443, 5) == ["answer 1"]
    assert lookup.addresses("a.example", 443, 5) == ["answer 2"]


def test_a_name_that_is_none_fails_for_every_caller() -> None:
    lookup = Lookup(resolve)
    for _ in range(2):
        with pytest.raises((OSError, UnicodeError)):
            lookup.addresses("x" * 64 + ".invalid", 443, 20)


def test_the_systems_resolver_is_asked() -> None:
    assert "127.0.0.1" in resolve("localhost", 443)
    assert resolve("127.0.0.1", 443) == ["127.0.0.1"]
