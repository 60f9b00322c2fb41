"""What happens between the connection and the first byte of a request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeRedis

from facelift.errors import LedgerUnavailable
from facelift.ledger.replies import Acquired
from facelift.units import Rate
from tests.integration.endpoint.wire import DONE, always, deliver
from tests.ledger.driver import Ledger
from worker.delivery.permit import Permits
from worker.delivery.run import Run
from worker.errors import LeaseLost
from worker.runtime.lease import LeaseKeeper

if TYPE_CHECKING:
    import socket
    import ssl

    from tests.integration.endpoint.wire import Connect, Serve, Server

WINDOW = 10.0


class SlowTLS:
    """Shakes hands late."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls

    def wrap_socket(self, sock: socket.socket, *, server_side: bool) -> ssl.SSLSocket:
        time.sleep(1.1)
        return self._tls.wrap_socket(sock, server_side=server_side)


def test_slow_connection_does_not_let_a_request_leave_the_rate_window_early(
    serve: Serve, connect: Connect, trusted_tls: ssl.SSLContext
) -> None:
    arrived: list[float] = []

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        arrived.append(time.time())
        connection.sendall(DONE)

    client = connect(serve(talk, SlowTLS(trusted_tls)).url)
    with FakeRedis(decode_responses=True) as redis:
        ledger = Ledger(redis, now=time.time())
        ledger.register(Rate(1, WINDOW))
        leases = LeaseKeeper(ledger.store, 15)
        with leases.hold(ledger.enqueue()) as held:
            reply = ledger.store.acquire(held.lease, 15, "w")
            assert isinstance(reply, Acquired)
            run = Run(reply.record, held, time.monotonic)
            permit = Permits(store=ledger.store, leases=leases, longest_request=30).acquire(
                run, 1, ()
            )
            ledger.now = time.time() + 1.1
            deliver(client, before_sending=permit.use)
        leases.stop()
        ((_, leaves),) = redis.zrange(
            ledger.store.keys.rate_window("default"), 0, -1, withscores=True
        )
    # The endpoint forgets it one window after it came.
    assert leaves > arrived[0] + WINDOW


def test_permit_is_used_once_the_connection_stands_and_for_each_sending(
    serve: Serve, connect: Connect
) -> None:
    sent_before: list[int] = []

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(DONE)
        server.read(connection)
        if server.connections > 1:
            connection.sendall(DONE)

    server = serve(talk)
    client = connect(server.url)
    for _ in range(2):
        deliver(client, before_sending=lambda: sent_before.append(len(server.heads)))
    assert sent_before == [0, 1, 2]


@pytest.mark.parametrize("error", [LeaseLost(), LedgerUnavailable("Redis is away"), ValueError()])
def test_request_that_lost_its_permit_sends_nothing_and_harms_no_connection(
    serve: Serve, connect: Connect, error: Exception
) -> None:
    server = serve(always(DONE))
    client = connect(server.url)
    deliver(client)

    def refuse() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        deliver(client, before_sending=refuse)
    assert caught.value is error
    assert deliver(client).confirmed
    assert len(server.heads) == 2
