"""Candidates in signalling: the addresses that one side tells the other, bytes to values and back.

Knows no message and no policy. Layout of one: kind (bits 0 to 3) and family (bit 7: IPv6), step,
port (16 bits), address (4 or 16 bytes). A kind that is not known is skipped.
Source: ours, docs/protocol.md; the kinds are those of RFC 8445 section 5.1.1.
"""

from __future__ import annotations

import ipaddress
import struct

from firmware.errors import MalformedError
from firmware.model import Candidate, CandidateKind, Endpoint

CANDIDATES_MAX = 16  # of one side; what is told on top is left out

_HEAD = struct.Struct("!BBH")
_IPV6 = 0x80
_KIND_MASK = 0x0F
_CODES = {
    CandidateKind.HOST: 0,
    CandidateKind.MAPPED: 1,
    CandidateKind.OBSERVED: 2,
    CandidateKind.SOUNDED: 3,
    CandidateKind.RELAY: 4,
    CandidateKind.CHANCE: 5,
}
_KINDS = {code: kind for kind, code in _CODES.items()}


def encode_candidates(candidates: tuple[Candidate, ...]) -> bytes:
    """The first CANDIDATES_MAX of them, at most 320 bytes."""
    return b"".join(_encode(candidate) for candidate in candidates[:CANDIDATES_MAX])


def decode_candidates(data: bytes) -> tuple[Candidate, ...]:
    """What the peer told, in its order; MalformedError if it is truncated or too much."""
    candidates = []
    position = count = 0
    while position < len(data):
        if len(data) - position < _HEAD.size or count >= CANDIDATES_MAX:
            raise MalformedError("candidate is truncated, or there are too many")
        code, step, port = _HEAD.unpack_from(data, position)
        start = position + _HEAD.size
        position = start + (16 if code & _IPV6 else 4)
        if position > len(data) or not port:
            raise MalformedError("candidate is truncated, or has no port")
        host = str(ipaddress.ip_address(data[start:position]))
        count += 1
        if (kind := _KINDS.get(code & _KIND_MASK)) is not None:
            candidates.append(Candidate(Endpoint(host, port), kind, step))
    return tuple(candidates)


def _encode(candidate: Candidate) -> bytes:
    address = ipaddress.ip_address(candidate.endpoint.host).packed
    code = _CODES[candidate.kind] | (_IPV6 if len(address) == 16 else 0)
    return _HEAD.pack(code, candidate.port_step, candidate.endpoint.port) + address
