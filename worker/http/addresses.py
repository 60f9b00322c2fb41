"""Which addresses a server may have."""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# RFC 6052: on a network without IPv4, the way to the IPv4 address in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")  # for Linux, another way to say loopback


class Reach(Enum):
    """From where an address can be reached."""

    PUBLIC = "public"
    """From everywhere."""
    PRIVATE = "private"
    """From this machine or network alone: loopback, RFC 1918, shared and unique local addresses."""


def reach_of(address: str) -> Reach | None:
    """What kind of address it is; None if no server may ever have it.

    That is so for multicast, unspecified and reserved addresses, for link-local ones, where
    clouds keep their metadata and credentials, and for IPv6 addresses that stand for an IPv4
    address and could smuggle one in (mapped, 6to4, Teredo).

    Raises:
        ValueError: it is no address.
    """
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip in _NAT64:
            return reach_of(str(IPv4Address(int(ip) & 0xFFFF_FFFF)))
        if ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip.is_site_local:
            return None
        if ip.is_loopback:  # within a block that is reserved
            return Reach.PRIVATE
    if ip in _THIS_NETWORK or ip.is_unspecified:
        return None
    if ip.is_multicast or ip.is_reserved or ip.is_link_local:
        return None
    return Reach.PUBLIC if ip.is_global else Reach.PRIVATE
