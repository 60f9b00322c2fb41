"""Decides which URLs a setting may name, and which addresses their hosts may have."""

import re
from collections.abc import Iterator
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from socket import inet_aton

from facelift.ledger.urls import split_url

# RFC 6052: on a network without IPv4, the way to the IPv4 address in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")
# RFC 8215: the same for a network's own use; the IPv4 address stands in one of these bytes.
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_LOCAL_NAT64_BYTES = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))
_IPV4_COMPATIBLE = IPv6Network("::/96")
METADATA = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16",  # link-local: most clouds
            "fe80::/10",  # the same
            "fd00:ec2::/32",  # Amazon
            "fd20:ce::254",  # Google
            "168.63.129.16",  # Azure
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle
            "fd00:c1::a9fe:a9fe",  # Oracle
            "fd00:42::42",  # Scaleway
        ),
    )
)
"""Link-local addresses, and others where clouds keep metadata and credentials of their machines."""

_THIS_NETWORK = IPv4Network("0.0.0.0/8")  # for Linux, another way to say loopback


class Reach(Enum):
    """From where an address can be reached."""

    PUBLIC = "public"
    """From everywhere."""
    PRIVATE = "private"
    """From this machine or network alone: loopback, RFC 1918, shared and unique local addresses."""


SCHEMES = {
    "https": frozenset({Reach.PUBLIC}),
    "https+private": frozenset({Reach.PUBLIC, Reach.PRIVATE}),
    "http+private": frozenset({Reach.PRIVATE}),
}
"""Which addresses a server may have, by how a setting's URL begins."""

_HOST = re.compile(r"[a-z0-9_:-][a-z0-9._:-]*")


def reach_of(address: str) -> Reach | None:
    """What kind of address it is; None if no server may ever have it.

    That is so for multicast, unspecified and reserved addresses, for those of `is_metadata`, and
    for IPv6 addresses that stand for an IPv4 address and could smuggle one in (mapped, 6to4,
    Teredo).

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
    if ip.is_multicast or ip.is_reserved or is_metadata(address):
        return None
    return Reach.PUBLIC if ip.is_global else Reach.PRIVATE


def is_metadata(address: str) -> bool:
    """Whether it is link-local, or is where a cloud keeps metadata and credentials of its machines.

    An IPv6 address is so too if it stands for such an IPv4 address.

    Raises:
        ValueError: it is no address.
    """
    ip = ip_address(address)
    each = (ip, *_embedded(ip)) if isinstance(ip, IPv6Address) else (ip,)
    return any(one in network for one in each for network in METADATA)


def _embedded(ip: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that it stands for."""
    yield from filter(None, (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())))
    if ip in _NAT64 or ip in _IPV4_COMPATIBLE:
        yield IPv4Address(int(ip) & 0xFFFF_FFFF)
    elif ip in _LOCAL_NAT64:
        for places in _LOCAL_NAT64_BYTES:
            yield IPv4Address(bytes(ip.packed[place] for place in places))


def split_reaches(url: str) -> tuple[str, frozenset[Reach]]:
    """A setting's URL as it is requested, and which addresses its host may have.

    Raises:
        ValueError: it begins in none of the `SCHEMES`.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise ValueError(
            "must begin with https://; https+private:// and http+private:// are for servers with "
            "private addresses"
        )
    return f"{scheme.partition('+')[0]}://{rest}", SCHEMES[scheme]


def check_url(url: str, example: str, *, may_have_query: bool = False) -> None:
    """Refuse a URL that no request can be made to.

    Raises:
        ValueError: it is one; the message says why, without repeating it.
    """
    parts = split_url(url)
    host = (parts and parts.hostname) or ""
    if parts is None or parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise ValueError(f"must be a {'' if may_have_query else 'base '}URL, such as {example}")
    if may_have_query:
        if "@" in parts.netloc or "#" in url:
            raise ValueError("must have no user, password or fragment")
    elif "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("must have no user, password, query or fragment")


def address_of(host: str) -> str | None:
    """The address that a host is, in any notation, such as 2852039166; None for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return str(IPv4Address(inet_aton(host)))
    except (OSError, ValueError):
        return None


def check_host(host: str, reaches: frozenset[Reach]) -> None:
    """Refuse a host that is itself an address outside `reaches`.

    Raises:
        ValueError: it is.
    """
    address = address_of(host)
    if address is None:
        return  # a name, whose addresses are checked at each connection
    reach = reach_of(address)
    if reach is None:
        raise ValueError("has an address for its host that no server may have")
    if reach not in reaches:
        wanted = " or ".join(sorted(reach.value for reach in reaches))
        raise ValueError(f"has an address for its host that is not {wanted}")
