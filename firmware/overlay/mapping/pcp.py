"""What a router is asked and answers: PCP and its forerunner NAT-PMP, bytes to values and back.

Both live on port 5351 of the router; the first byte is the version and tells them apart. Knows no
socket and no time. Units: lifetimes and epochs in seconds.
Sources: RFC 6887 (PCP) sections 7 and 11, RFC 6886 (NAT-PMP) section 3.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from firmware.errors import MalformedError
from firmware.model import Endpoint

PORT = 5351
NONCE_BYTES = 12
ANSWER_BYTES_MAX = 1100  # RFC 6887 section 7
SUCCESS = 0
UNSUPPORTED_VERSION = 1  # of both protocols

_PCP, _PMP = 2, 0  # versions
_MAP, _UDP = 1, 17
_ANSWER = 0x80
_PCP_REQUEST = struct.Struct("!BBxxI16s")
_PCP_ANSWER = struct.Struct("!BBxBII12x")
_PCP_MAP = struct.Struct("!12sB3xHH16s")
_PMP_MAP = struct.Struct("!BBHIHHI")
_PMP_ADDRESS = struct.Struct("!BBHI4s")
_PMP_HEAD = struct.Struct("!BBHI")
_PMP_REQUEST = struct.Struct("!BBxxHHI")


@dataclass(frozen=True, slots=True)
class PcpAnswer:
    """To `pcp_request`; `external` and `nonce` only with result SUCCESS."""

    result: int
    lifetime_s: int  # of an error: for how long it will stay
    epoch_s: int
    nonce: bytes = b""
    internal_port: int = 0
    external: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class PmpAnswer:
    """To `pmp_request`."""

    result: int
    epoch_s: int
    internal_port: int = 0
    external_port: int = 0
    lifetime_s: int = 0


@dataclass(frozen=True, slots=True)
class PmpAddress:
    """To `PMP_ADDRESS_REQUEST`: the router's address on the outside."""

    result: int
    epoch_s: int
    host: str = ""


RouterAnswer = PcpAnswer | PmpAnswer | PmpAddress
PMP_ADDRESS_REQUEST = bytes((_PMP, 0))


def pcp_request(
    own: Endpoint, nonce: bytes, lifetime_s: int, suggested: Endpoint | None = None
) -> bytes:
    """Map a UDP port of ours; 0 seconds = unmap. `own` is what the router sees us at."""
    assert len(nonce) == NONCE_BYTES
    external = suggested or Endpoint("0.0.0.0", own.port)  # noqa: S104 - "any", by the RFC
    head = _PCP_REQUEST.pack(_PCP, _MAP, lifetime_s, _as_v6(own.host))
    return head + _PCP_MAP.pack(nonce, _UDP, own.port, external.port, _as_v6(external.host))


def pmp_request(internal_port: int, suggested_port: int, lifetime_s: int) -> bytes:
    """Map a UDP port of ours; both last arguments 0 = unmap."""
    return _PMP_REQUEST.pack(_PMP, _MAP, internal_port, suggested_port, lifetime_s)


def decode(data: bytes) -> RouterAnswer:
    """What a router answered; raises MalformedError, also for requests."""
    if not 2 <= len(data) <= ANSWER_BYTES_MAX or not data[1] & _ANSWER:
        raise MalformedError("no answer of a router")
    if data[0] == _PCP:
        return _decode_pcp(data)
    if data[0] == _PMP:
        return _decode_pmp(data)
    raise MalformedError(f"version {data[0]} of PCP")


def _decode_pcp(data: bytes) -> PcpAnswer:
    if len(data) < _PCP_ANSWER.size or len(data) % 4:
        raise MalformedError(f"PCP answer of {len(data)} bytes")
    _, opcode, result, lifetime_s, epoch_s = _PCP_ANSWER.unpack_from(data)
    if result != SUCCESS:
        return PcpAnswer(result, lifetime_s, epoch_s)
    if opcode != _ANSWER | _MAP or len(data) < _PCP_ANSWER.size + _PCP_MAP.size:
        raise MalformedError("PCP answer to something else than MAP")
    nonce, protocol, internal, port, packed = _PCP_MAP.unpack_from(data, _PCP_ANSWER.size)
    if protocol != _UDP or not port:
        raise MalformedError("PCP maps another protocol, or port 0")
    address = ipaddress.IPv6Address(packed)
    external = Endpoint(str(address.ipv4_mapped or address), port)
    return PcpAnswer(result, lifetime_s, epoch_s, nonce, internal, external)


def _decode_pmp(data: bytes) -> PmpAnswer | PmpAddress:
    if len(data) < _PMP_HEAD.size:
        raise MalformedError(f"NAT-PMP answer of {len(data)} bytes")
    _, opcode, result, epoch_s = _PMP_HEAD.unpack_from(data)
    if opcode == _ANSWER:
        if result != SUCCESS:
            return PmpAddress(result, epoch_s)
        if len(data) != _PMP_ADDRESS.size:
            raise MalformedError(f"NAT-PMP address of {len(data)} bytes")
        host = ipaddress.IPv4Address(_PMP_ADDRESS.unpack(data)[4])
        return PmpAddress(result, epoch_s, str(host))
    if opcode != _ANSWER | _MAP:
        raise MalformedError(f"NAT-PMP answer {opcode}")
    if result != SUCCESS:
        return PmpAnswer(result, epoch_s)
    if len(data) != _PMP_MAP.size:
        raise MalformedError(f"NAT-PMP mapping of {len(data)} bytes")
    _, _, result, epoch_s, internal, external, lifetime_s = _PMP_MAP.unpack(data)
    if lifetime_s and not external:
        raise MalformedError("NAT-PMP maps port 0")
    return PmpAnswer(result, epoch_s, internal, external, lifetime_s)


def _as_v6(host: str) -> bytes:
    """All addresses of PCP are of 16 bytes (RFC 6887 section 5)."""
    address = ipaddress.ip_address(host)
    prefix = bytes(10) + b"\xff\xff" if address.version == 4 else b""
    return prefix + address.packed
