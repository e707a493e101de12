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

CACHED_MAX = 512
NETWORKS_SHARED_MAX = 16_384  # texts that all in this process share; 2 MB, if nodes are everywhere


class Scope(Enum):
    """How far an address is understood."""

    GLOBAL = "global"
    PRIVATE = "private"  # one network or one provider
    LOOPBACK = "loopback"  # one machine
    UNUSABLE = "unusable"  # multicast, broadcast, reserved, mapped, unspecified


@lru_cache(maxsize=CACHED_MAX)
def scope_of(host: str) -> Scope:
    """Scope of a numeric address."""
    if ":" in host:
        return _scope_of_v6(host)
    first, _, rest = host.partition(".")
    special = _SPECIAL_V4.get(first)
    if special is None:
        return Scope.GLOBAL
    return (
        special if isinstance(special, Scope) else special.get(rest.partition(".")[0], Scope.GLOBAL)
    )


def is_usable(endpoint: Endpoint) -> bool:
    """True if a datagram can honestly come from or go to `endpoint`."""
    return 0 < endpoint.port <= 65535 and scope_of(endpoint.host) is not Scope.UNUSABLE


def may_name(named: Endpoint, other: Endpoint) -> bool:
    """True if `named` may be told by, or told to, `other`: it is global or of the same scope."""
    if not is_usable(named):
        return False
    scope = scope_of(named.host)
    return scope is Scope.GLOBAL or scope is scope_of(other.host)


def owner_of(endpoint: Endpoint) -> str:
    """What limits "per address" count by: the IPv4 address, the IPv6 /64, the port on loopback.

    Whoever has one IPv6 address has 2**64 of them; on loopback each port is somebody else.
    """
    host = endpoint.host
    if ":" in host:
        return _owner_of_v6(host, endpoint.port)
    return f"{host}:{endpoint.port}" if host.startswith("127.") else host


def network_of(host: str) -> str:
    """What "different networks" means: the IPv4 /16, the IPv6 /32. Two of them are rarely one's."""
    network = _network_of_v6(host) if ":" in host else host.rsplit(".", 2)[0]
    known = _NETWORKS.get(network)
    if known is None and len(_NETWORKS) < NETWORKS_SHARED_MAX:
        known = _NETWORKS[network] = network
    return known or network


@lru_cache(maxsize=CACHED_MAX)
def _network_of_v6(host: str) -> str:
    return ipaddress.IPv6Address(host).packed[:4].hex()


@lru_cache(maxsize=CACHED_MAX)
def _owner_of_v6(host: str, port: int) -> str:
    address = ipaddress.IPv6Address(host)
    return f"[{host}]:{port}" if address.is_loopback else address.packed[:8].hex()


def _scope_of_v6(host: str) -> Scope:
    address = ipaddress.IPv6Address(host)
    if any(address in network for network in _UNUSABLE_V6):
        return Scope.UNUSABLE
    if address.is_loopback:
        return Scope.LOOPBACK
    return Scope.PRIVATE if any(address in network for network in _PRIVATE_V6) else Scope.GLOBAL


_NETWORKS: dict[str, str] = {}
_PRIVATE_V6 = tuple(map(ipaddress.IPv6Network, ("fc00::/7", "fe80::/10")))
_UNUSABLE_V6 = tuple(map(ipaddress.IPv6Network, ("::/128", "ff00::/8", "::ffff:0:0/96")))
# By the first byte, or the first two; what is absent is global. Documentation ranges (RFC 5737)
# count as global: nobody can be hurt there, and labs use them.
_SPECIAL_V4: dict[str, Scope | dict[str, Scope]] = {
    **{str(first): Scope.UNUSABLE for first in (0, *range(224, 256))},
    "127": Scope.LOOPBACK,
    "10": Scope.PRIVATE,
    "172": {str(second): Scope.PRIVATE for second in range(16, 32)},
    "100": {str(second): Scope.PRIVATE for second in range(64, 128)},  # RFC 6598
    "192": {"168": Scope.PRIVATE},
    "169": {"254": Scope.PRIVATE},
}
