"""STUN: Binding messages and the proofs in them, bytes to values and back.

Knows no socket, no call and no path. Any other method is refused. `decode` checks the form and the
FINGERPRINT; who wrote a message only `is_authentic` tells.
Source: RFC 8489 (STUN); vectors of RFC 5769 and of RFC 8489 appendix B.
"""

from __future__ import annotations

import hmac
import ipaddress
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from firmware.errors import MalformedError
from firmware.model import Endpoint

TRANSACTION_BYTES = 12
STUN_BYTES_MAX = 548  # RFC 8489 section 6.1: what passes without knowing the path
ATTRIBUTES_MAX = 32

_COOKIE = 0x2112A442
_HEAD = struct.Struct("!HHI12s")
_FIELD = struct.Struct("!HH")
_FINGERPRINT_MASK = 0x5354554E  # "STUN"
_FINGERPRINT_BYTES = 4
_SHA1_BYTES = 20
_CHANGE_PORT = 0x2  # of CHANGE-REQUEST; the address stays
_SHA256_BYTES_MIN, _SHA256_BYTES = 16, 32  # may be cut to a multiple of 4 (section 14.6)


class Kind(IntEnum):
    """The class of a message, together with the method Binding (section 5)."""

    REQUEST = 0x0001
    INDICATION = 0x0011
    SUCCESS = 0x0101
    ERROR = 0x0111


class Attribute(IntEnum):
    """Types of attributes; those below 0x8000 must be understood by who receives them."""

    CHANGE_REQUEST = 0x0003  # RFC 5780
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    REALM = 0x0014
    NONCE = 0x0015
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    PASSWORD_ALGORITHM = 0x001D
    USERHASH = 0x001E
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024  # RFC 8445
    USE_CANDIDATE = 0x0025  # RFC 8445
    RESPONSE_PORT = 0x0027  # RFC 5780
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029  # RFC 8445
    ICE_CONTROLLING = 0x802A  # RFC 8445


_PROOFS = (
    Attribute.MESSAGE_INTEGRITY,
    Attribute.MESSAGE_INTEGRITY_SHA256,
    Attribute.FINGERPRINT,
)
_REQUIRED_BELOW = 0x8000


@dataclass(frozen=True, slots=True)
class StunMessage:
    """One Binding message without its proofs; attributes in order, the first of a type counts."""

    kind: Kind
    transaction_id: bytes  # TRANSACTION_BYTES
    attributes: tuple[tuple[int, bytes], ...] = ()

    def value(self, attribute: Attribute) -> bytes | None:
        """The bytes of the first such attribute."""
        return next((value for kind, value in self.attributes if kind == attribute), None)

    @property
    def mapped(self) -> Endpoint | None:
        """XOR-MAPPED-ADDRESS: where the answerer saw the asker. Raises MalformedError."""
        value = self.value(Attribute.XOR_MAPPED_ADDRESS)
        return None if value is None else _unmask(value, self.transaction_id)

    @property
    def unknown_required(self) -> tuple[int, ...]:
        """Attributes that a receiver must understand, and we do not (error 420)."""
        return tuple(
            kind
            for kind, _ in self.attributes
            if kind < _REQUIRED_BELOW and kind not in Attribute.__members__.values()
        )


def mapped_attribute(endpoint: Endpoint, transaction_id: bytes) -> tuple[int, bytes]:
    """XOR-MAPPED-ADDRESS that tells `endpoint`."""
    address = ipaddress.ip_address(endpoint.host).packed
    family = 1 if len(address) == 4 else 2
    masked = _xor(address, _mask(transaction_id))
    port = endpoint.port ^ _COOKIE >> 16
    return Attribute.XOR_MAPPED_ADDRESS, struct.pack("!xBH", family, port) + masked


def binding_response(request: StunMessage, source: Endpoint) -> bytes:
    """What a STUN server answers to a plain Binding request from `source` (section 6.3.1).

    With FINGERPRINT, 40 bytes for IPv4 and 52 for IPv6: who must never send more than it got looks
    at the size of the request. A required attribute that is not known makes it error 420.
    """
    unknown = request.unknown_required
    if unknown:
        kinds = b"".join(kind.to_bytes(2, "big") for kind in unknown)
        code = (int(Attribute.ERROR_CODE), b"\x00\x00\x04\x14Unknown Attribute")
        attributes = (code, (int(Attribute.UNKNOWN_ATTRIBUTES), kinds))
        return encode(StunMessage(Kind.ERROR, request.transaction_id, attributes))
    mapped = mapped_attribute(source, request.transaction_id)
    return encode(StunMessage(Kind.SUCCESS, request.transaction_id, (mapped,)))


def knock_request(transaction_id: bytes, port: int) -> bytes:
    """Ask a server to answer to our address at `port`, from another port (RFC 5780 section 7).

    With FINGERPRINT, 44 bytes: longer than the answer.
    """
    attributes = (
        (int(Attribute.CHANGE_REQUEST), _CHANGE_PORT.to_bytes(4, "big")),
        (int(Attribute.RESPONSE_PORT), port.to_bytes(2, "big")),
    )
    return encode(StunMessage(Kind.REQUEST, transaction_id, attributes))


def knock_port(request: StunMessage) -> int | None:
    """The port of a `knock_request`; None: it is none."""
    change = request.value(Attribute.CHANGE_REQUEST)
    port = request.value(Attribute.RESPONSE_PORT)
    if change is None or port is None or len(change) != 4 or len(port) < 2:
        return None
    is_asked = int.from_bytes(change, "big") == _CHANGE_PORT
    return int.from_bytes(port[:2], "big") or None if is_asked else None


def encode(
    message: StunMessage, *, key: bytes | None = None, proof_bytes: int = _SHA256_BYTES
) -> bytes:
    """The message with FINGERPRINT, and MESSAGE-INTEGRITY-SHA256 of `proof_bytes` under `key`."""
    assert len(message.transaction_id) == TRANSACTION_BYTES
    body = b"".join(_field(kind, value) for kind, value in message.attributes)
    if key is not None:
        head = _head(message, len(body) + _FIELD.size + proof_bytes)
        digest = hmac.digest(key, head + body, "sha256")[:proof_bytes]
        body += _field(Attribute.MESSAGE_INTEGRITY_SHA256, digest)
    head = _head(message, len(body) + _FIELD.size + _FINGERPRINT_BYTES)
    checksum = zlib.crc32(head + body) ^ _FINGERPRINT_MASK
    encoded = head + body + _field(Attribute.FINGERPRINT, checksum.to_bytes(4, "big"))
    assert len(encoded) <= STUN_BYTES_MAX
    return encoded


def decode(data: bytes) -> StunMessage:
    """The message in `data`, not yet authentic; MalformedError if it is none.

    What follows a proof is left out, since it is not covered (section 14.5).
    """
    kind, transaction_id = _decode_head(data)
    attributes: list[tuple[int, bytes]] = []
    proved = False
    for attribute, start, value in _fields(data):
        if attribute == Attribute.FINGERPRINT:
            _check_fingerprint(data, start, value)
        if attribute in _PROOFS:
            proved = True
        elif not proved:
            attributes.append((attribute, value))
    return StunMessage(kind, transaction_id, tuple(attributes))


def is_authentic(data: bytes, key: bytes) -> bool:
    """True if `data` carries a right MESSAGE-INTEGRITY(-SHA256) under `key`.

    With both the stronger one decides (section 9.1.3). Raises MalformedError if it is no message.
    """
    _decode_head(data)
    proofs = {kind: (start, value) for kind, start, value in _fields(data) if kind in _PROOFS}
    sha256 = proofs.get(Attribute.MESSAGE_INTEGRITY_SHA256)
    if sha256 is not None:
        start, value = sha256
        length = len(value)
        if not _SHA256_BYTES_MIN <= length <= _SHA256_BYTES or length % 4:
            return False
        digest = hmac.digest(key, _covered(data, start, length), "sha256")[:length]
        return hmac.compare_digest(digest, value)
    sha1 = proofs.get(Attribute.MESSAGE_INTEGRITY)
    if sha1 is None or len(sha1[1]) != _SHA1_BYTES:
        return False
    digest = hmac.digest(key, _covered(data, sha1[0], _SHA1_BYTES), "sha1")
    return hmac.compare_digest(digest, sha1[1])


def _head(message: StunMessage, length: int) -> bytes:
    return _HEAD.pack(message.kind, length, _COOKIE, message.transaction_id)


def _field(kind: int, value: bytes) -> bytes:
    return _FIELD.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _decode_head(data: bytes) -> tuple[Kind, bytes]:
    if not _HEAD.size <= len(data) <= STUN_BYTES_MAX:
        raise MalformedError("STUN message is too short or too long")
    kind, length, cookie, transaction_id = _HEAD.unpack_from(data)
    if cookie != _COOKIE or length % 4 or length != len(data) - _HEAD.size:
        raise MalformedError("STUN message without its cookie, or of a wrong length")
    if kind not in Kind.__members__.values():
        raise MalformedError(f"STUN message of unknown type {kind:#06x}")
    return Kind(kind), transaction_id


def _fields(data: bytes) -> list[tuple[int, int, bytes]]:
    """Type, position and value of each attribute."""
    found: list[tuple[int, int, bytes]] = []
    position, end = _HEAD.size, len(data)
    while position < end:
        kind, length = _FIELD.unpack_from(data, position)  # lengths are multiples of 4
        following = position + _FIELD.size + length + -length % 4
        if following > end or len(found) >= ATTRIBUTES_MAX:
            raise MalformedError("STUN attribute is truncated, or there are too many")
        start = position + _FIELD.size
        found.append((kind, position, data[start : start + length]))
        position = following
    return found


def _check_fingerprint(data: bytes, start: int, value: bytes) -> None:
    checksum = (zlib.crc32(data[:start]) ^ _FINGERPRINT_MASK).to_bytes(4, "big")
    if start != len(data) - _FIELD.size - _FINGERPRINT_BYTES or value != checksum:
        raise MalformedError("STUN fingerprint is wrong, or not the end")


def _covered(data: bytes, start: int, proof_bytes: int) -> bytes:
    """What a proof at `start` covers: all before it, as if it were the end (section 14.5)."""
    length = start + _FIELD.size + proof_bytes - _HEAD.size
    return data[:2] + length.to_bytes(2, "big") + data[4:start]


def _mask(transaction_id: bytes) -> bytes:
    return _COOKIE.to_bytes(4, "big") + transaction_id


def _xor(address: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[i] for i, byte in enumerate(address))


def _unmask(value: bytes, transaction_id: bytes) -> Endpoint:
    if len(value) not in (8, 20) or value[1] != (1 if len(value) == 8 else 2):
        raise MalformedError("XOR-MAPPED-ADDRESS of an unknown family or length")
    port = int.from_bytes(value[2:4], "big") ^ _COOKIE >> 16
    host = ipaddress.ip_address(_xor(value[4:], _mask(transaction_id)))
    return Endpoint(str(host), port)
