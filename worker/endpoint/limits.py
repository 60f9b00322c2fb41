"""What one request may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may take; times are seconds.

    Attributes:
        connect: for each of the host's addresses, and again for the TLS handshake.
        read: in which nothing at all is received, or taken by the other side.
        total: for the whole request, however busy it is.
        response_bytes: of a response's body that are read; the rest is left.
    """

    connect: float = 5.0
    read: float = 30.0
    total: float = 30.0
    response_bytes: int = 65_536
