"""Which addresses may be mixed with which: keeps a hostile reply from aiming us at a victim.

Knows no message and no table. A swarm on loopback or on one local network works with no setting,
because addresses of a scope may be named by somebody of that same scope and by nobody else.
Sources: RFC 6890 (special-purpose registries), RFC 6598 (shared space), BEP 42 (local exemption).
"""

from __future__ import annotations

import ipaddress
from enum import Enum
from functools import lru_cache

from firmware.model import Endpoint

# Documentation ranges (RFC 5737) count as global: nobody can be hurt there, and labs use them.
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    )
)
_UNUSABLE = tuple(
    ipaddress.ip_network(network)
    for network in ("0.0.0.0/8", "224.0.0.0/3", "::/128", "ff00::/8", "::ffff:0:0/96")
)


class Scope(Enum):
    """How far an address is understood."""

    GLOBAL = "global"
    PRIVATE = "private"  # one network or one provider
    LOOPBACK = "loopback"  # one machine
    UNUSABLE = "unusable"  # multicast, broadcast, reserved, mapped, unspecified


@lru_cache(maxsize=4096)
def scope_of(host: str) -> Scope:
    """Scope of a numeric address."""
    address = ipaddress.ip_address(host)
    if any(address in network for network in _UNUSABLE):
        return Scope.UNUSABLE
    if address.is_loopback:
        return Scope.LOOPBACK
    if any(address in network for network in _PRIVATE):
        return Scope.PRIVATE
    return Scope.GLOBAL


def is_usable(endpoint: Endpoint) -> bool:
    """True if a datagram can honestly come from or go to `endpoint`."""
    return 0 < endpoint.port <= 65535 and scope_of(endpoint.host) is not Scope.UNUSABLE


def may_name(named: Endpoint, other: Endpoint) -> bool:
    """True if `named` may be told by, or told to, `other`: it is global or of the same scope."""
    if not is_usable(named):
        return False
    scope = scope_of(named.host)
    return scope is Scope.GLOBAL or scope is scope_of(other.host)


@lru_cache(maxsize=4096)
def owner_of(endpoint: Endpoint) -> str:
    """What limits "per address" count by: the IPv4 address, the IPv6 /64, the port on loopback.

    Whoever has one IPv6 address has 2**64 of them; on loopback each port is somebody else.
    """
    if scope_of(endpoint.host) is Scope.LOOPBACK:
        return str(endpoint)
    address = ipaddress.ip_address(endpoint.host)
    return endpoint.host if address.version == 4 else address.packed[:8].hex()
