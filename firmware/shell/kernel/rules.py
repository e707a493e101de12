"""Rules of nftables that carry DATA frames from one leg to the other, without a memory of flows.

A frame is known by address, port and identifier of its sender; destination and identifier are
exchanged in the packet, the source becomes the exchange. There is no connection tracking, so none
can be stale: a box that has moved matches nothing, and its frames go to the exchange, which follows
it. IPv4 only. Knows no socket and runs nothing: texts for nft(8), and what it lists.
Sources: nft(8); RFC 768 (a UDP checksum of zero is none); docs/protocol.md section 8.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from firmware.shell.kernel.messages import Leg, Open

TABLE = "fernruf_relay"
RELAYS_MAX = 8_192
LEG_BYTES_PER_S = 25_000  # as the exchange itself gives a leg; what is above it goes there
LEG_BURST_BYTES = 50_000
_MARK_BASE = 0x46520000  # "FR", then the number of the leg
_MARK_LAST = 0x4652FFFF
_HEAD_BYTES = 28  # IP and UDP, which the counters of the kernel include

# nft's JSON has only the first statement of an element, so its text is read.
_COUNTED = re.compile(r"\. 0x([0-9a-f]{1,16}) limit [^,{}]*? counter packets (\d+) bytes (\d+) :")

Legs = Iterable[tuple[int, Leg, Leg]]  # number of the leg, the leg, the other one


def begin(host: str, port: int) -> str:
    """The table for an exchange at `host`:`port`, empty, in place of any there was."""
    address = ipaddress.IPv4Address(host)
    size = 2 * RELAYS_MAX
    return f"""
add table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
  map leg {{
    typeof ip saddr . udp sport . @th,80,64 : meta mark
    size {size}
    limit rate {LEG_BYTES_PER_S} bytes/second burst {LEG_BURST_BYTES} bytes counter
  }}
  map to_address {{ type mark : ipv4_addr; size {size}; }}
  map to_port {{ type mark : inet_service; size {size}; }}
  map to_id {{ typeof meta mark : @th,80,64; size {size}; }}
  chain arrive {{
    type filter hook prerouting priority raw; policy accept;
    ip daddr {address} udp dport {port} udp length > 18 @th,64,16 0xf102 \\
      meta mark set ip saddr . udp sport . @th,80,64 map @leg goto turn
  }}
  chain turn {{
    notrack
    ip daddr set meta mark map @to_address
    udp dport set meta mark map @to_port
    @th,80,64 set meta mark map @to_id
    udp checksum set 0
  }}
  chain leave {{
    type filter hook postrouting priority raw; policy accept;
    meta mark {_MARK_BASE:#x}-{_MARK_LAST:#x} ip saddr set {address} udp sport set {port} \\
      udp checksum set 0
  }}
}}
"""


def end() -> str:
    """Nothing is left."""
    return f"add table ip {TABLE}\ndelete table ip {TABLE}\n"


def add(legs: Legs) -> str:
    """One more leg each."""
    return "".join(
        f"add element ip {TABLE} {name} {{ {key} : {value} }}\n"
        for number, leg, other in legs
        for name, key, value in _elements(number, leg, other)
    )


def remove(legs: Legs) -> str:
    """As they were added; frames that match no more go to the exchange."""
    return "".join(
        f"delete element ip {TABLE} {name} {{ {key} }}\n"
        for number, leg, other in legs
        for name, key, _ in _elements(number, leg, other)
    )


def counters(listing: str) -> dict[bytes, int]:
    """Bytes of UDP payload by leg, of `nft list map`; what is not understood is left out."""
    return {
        int(leg_id, 16).to_bytes(8, "big"): max(0, int(size) - _HEAD_BYTES * int(packets))
        for leg_id, packets, size in _COUNTED.findall(listing)
    }


def is_allowed(relay: Open, host: str) -> bool:
    """True if such a relay does no harm, whoever asks for it."""
    return relay.first[:2] != relay.second[:2] and all(
        leg.port > 0 and _may_be_reached(ipaddress.IPv4Address(leg.address), host)
        for leg in (relay.first, relay.second)
    )


def _may_be_reached(address: ipaddress.IPv4Address, host: str) -> bool:
    """Boxes only: neither this machine nor everybody; inside only if we are inside ourselves."""
    own = ipaddress.IPv4Address(host)
    if address == own or address.is_loopback or address.is_multicast or address.is_unspecified:
        return False
    if address.is_reserved or address.is_link_local:
        return False
    return own.is_private or not address.is_private


def _elements(number: int, leg: Leg, other: Leg) -> tuple[tuple[str, str, str], ...]:
    mark = f"{_MARK_BASE + number:#x}"
    key = f"{ipaddress.IPv4Address(leg.address)} . {leg.port} . 0x{leg.leg_id.hex()}"
    return (
        ("to_address", mark, str(ipaddress.IPv4Address(other.address))),
        ("to_port", mark, str(other.port)),
        ("to_id", mark, f"0x{other.leg_id.hex()}"),
        ("leg", key, mark),
    )
