"""A node of the DHT, who and where, and what follows from that: computed once, shared by all.

Knows no message and no table. A lookup meets most nodes often, and a simulation holds a hundred
thousand tables of the same nodes; so contacts are kept here by their compact form and by address.
Sources: BEP 5 "Contact Encoding", BEP 32 (18 bytes of an IPv6 address), BEP 42 (ids that fit).
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from firmware.model import Endpoint
from firmware.overlay.dht.address import Scope, is_usable, owner_of, scope_of
from firmware.overlay.dht.node_id import NODE_ID_BYTES, fits_address

CACHED_MAX = 512  # of each kind, together 0.5 MB; at the limit all are forgotten
V4_BYTES, V6_BYTES = 4, 16


class _Known(NamedTuple):
    node_id: bytes
    endpoint: Endpoint
    number: int  # the id as an integer
    packed: bytes  # 26 or 38 bytes
    owner: str  # what limits "per address" count by
    scope: Scope
    is_v6: bool
    is_usable: bool  # nobody can be hurt by a query to it
    fits: bool  # the id to the address (BEP 42)


class Contact(_Known):
    """Made of a node id of 20 bytes and an endpoint; the other fields follow from them."""

    __slots__ = ()

    def __new__(cls, node_id: bytes, endpoint: Endpoint) -> Contact:
        """All that follows, computed."""
        host = endpoint.host
        return super().__new__(
            cls,
            node_id,
            endpoint,
            int.from_bytes(node_id, "big"),
            node_id + encode_endpoint(endpoint),
            owner_of(endpoint),
            scope_of(host),
            ":" in host,
            is_usable(endpoint),
            fits_address(node_id, host),
        )

    def __repr__(self) -> str:
        return f"Contact({self.node_id.hex()}, {self.endpoint})"

    def may_be_told_by(self, scope: Scope) -> bool:
        """As address.may_name, for a node of that scope."""
        return self.is_usable and (self.scope is Scope.GLOBAL or self.scope is scope)


def contact_at(node_id: bytes, endpoint: Endpoint) -> Contact:
    """The contact of a node that spoke from `endpoint`."""
    contact = _AT.get(endpoint)
    if contact is None or contact.node_id != node_id:
        if len(_AT) >= _limit[0]:
            _AT.clear()
        contact = contact_of(node_id + encode_endpoint(endpoint))
        _AT[contact.endpoint] = contact  # not by `endpoint`, which nobody else needs to keep
    return contact


def contact_of(packed: bytes) -> Contact:
    """From an id and a compact address of 6 or 18 bytes."""
    contact = _OF.get(packed)
    if contact is None:
        if len(_OF) >= _limit[0]:
            _OF.clear()
        endpoint = decode_endpoint(packed[NODE_ID_BYTES:])
        assert endpoint is not None
        contact = _OF[packed] = Contact(packed[:NODE_ID_BYTES], endpoint)
    return contact


def contacts_of(packed: bytes, size: int) -> list[Contact]:
    """All in `packed`, of `size` bytes each; a rest that is too short is ignored."""
    known, starts = _OF.get, range(0, len(packed) - size + 1, size)
    chunks = [packed[start : start + size] for start in starts]
    return [known(chunk) or contact_of(chunk) for chunk in chunks]


def make_room(contacts: int) -> None:
    """Keep so many from now on, if that is more: a whole network in one process."""
    _limit[0] = max(_limit[0], contacts)


def encode_endpoint(endpoint: Endpoint) -> bytes:
    """4 or 16 bytes of address, 2 of port."""
    known = _AT.get(endpoint)
    if known is not None:
        return known.packed[NODE_ID_BYTES:]
    host, port = endpoint[0], endpoint[1]
    if ":" in host:
        return ipaddress.IPv6Address(host).packed + port.to_bytes(2, "big")
    return bytes(map(int, host.split("."))) + port.to_bytes(2, "big")


def decode_endpoint(data: object) -> Endpoint | None:
    """Of 6 or 18 bytes; None for anything else."""
    if not isinstance(data, bytes) or len(data) not in (V4_BYTES + 2, V6_BYTES + 2):
        return None
    endpoint = _ENDPOINTS.get(data)
    if endpoint is None:
        if len(_ENDPOINTS) >= _limit[0]:
            _ENDPOINTS.clear()
        endpoint = _ENDPOINTS[data] = _parsed(data)
    return endpoint


def shared(endpoint: Endpoint) -> Endpoint:
    """The same, as the one object that all in this process keep; without a channel."""
    return decode_endpoint(encode_endpoint(endpoint)) or endpoint


def _parsed(data: bytes) -> Endpoint:
    port = int.from_bytes(data[-2:], "big")
    if len(data) == V4_BYTES + 2:
        first, second, third, fourth = data[:-2]
        return Endpoint(f"{first}.{second}.{third}.{fourth}", port)
    return Endpoint(str(ipaddress.IPv6Address(data[:-2])), port)


_AT: dict[Endpoint, Contact] = {}
_OF: dict[bytes, Contact] = {}
_ENDPOINTS: dict[bytes, Endpoint] = {}
_limit = [CACHED_MAX]
