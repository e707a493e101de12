"""Slips: "I have called you in vain", sealed to the box that was not there.

Whoever keeps one learns for which box it is and nothing else: not from whom, nor of when. All are
as long. Inside, the sender has signed who it is, whom it has called, and when.
Units: `utc_s` Unix time. Sources: Noise Protocol Framework revision 34, section 7.4 (pattern N);
RFC 8032 (Ed25519); the bytes are ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware.channel import SLIP_BYTES, target_of
from firmware.errors import MalformedError
from firmware.handshake import EPHEMERAL_BYTES, Handshake
from firmware.identity import CERTIFICATE_BYTES_MAX, Certificate, Identity
from firmware.primitives import SIGNATURE_BYTES, is_signed

UTC_S_MAX = 2**40
VERSION = 1

_SIGNED_AS = b"fernruf slip"  # keeps the signature from being valid as anything else
_UTC_BYTES = 8
_HEAD_BYTES = _UTC_BYTES + 1
_PLAIN_BYTES = _HEAD_BYTES + CERTIFICATE_BYTES_MAX + SIGNATURE_BYTES
assert 1 + EPHEMERAL_BYTES + _PLAIN_BYTES + 16 == SLIP_BYTES


@dataclass(frozen=True, slots=True)
class OpenSlip:
    """Signed by the key of `certificate`; that this is the key of a number costs a hash."""

    certificate: Certificate
    utc_s: int  # of the call in vain


def seal_slip(
    callee: Certificate,
    certificate: bytes,
    sign: Callable[[bytes], bytes],
    utc_s: int,
    ephemeral: bytes,
) -> bytes:
    """SLIP_BYTES bytes; `certificate` is our own, `ephemeral` EPHEMERAL_BYTES random bytes.

    MalformedError if nothing can be sealed to the callee's key.
    """
    said = utc_s.to_bytes(_UTC_BYTES, "big") + bytes([len(certificate)]) + certificate
    signature = sign(_signed_part(callee.public_key, said))
    plain = (said + signature).ljust(_PLAIN_BYTES, b"\0")
    prologue = _prologue(callee.public_key)
    try:
        handshake = Handshake("N", prologue, is_initiator=True, peer_key=callee.noise_key)
        return bytes([VERSION]) + handshake.write(plain, ephemeral)
    except MalformedError:
        raise MalformedError("nothing can be sealed to this key") from None


def open_slip(sealed: bytes, identity: Identity) -> OpenSlip:
    """What is in a slip for `identity`; MalformedError if it is forged, or for somebody else."""
    if len(sealed) != SLIP_BYTES or sealed[0] != VERSION:
        raise MalformedError("slip of unknown version or length")
    handshake = Handshake(
        "N",
        _prologue(identity.public_key),
        is_initiator=False,
        private_key=identity.x25519_private,
    )
    try:
        plain = handshake.read(sealed[1:])
    except MalformedError:
        raise MalformedError("slip is not for us") from None
    end = _HEAD_BYTES + plain[_UTC_BYTES]
    if end > _HEAD_BYTES + CERTIFICATE_BYTES_MAX or any(plain[end + SIGNATURE_BYTES :]):
        raise MalformedError("slip of an unknown form")
    utc_s = int.from_bytes(plain[:_UTC_BYTES], "big")
    if utc_s > UTC_S_MAX:
        raise MalformedError("slip with an impossible time")
    certificate = Certificate.decode(plain[_HEAD_BYTES:end])
    signed = _signed_part(identity.public_key, plain[:end])
    if not is_signed(plain[end : end + SIGNATURE_BYTES], signed, certificate.public_key):
        raise MalformedError("slip is not signed by its sender")
    return OpenSlip(certificate, utc_s)


def _prologue(callee_key: bytes) -> bytes:
    return _SIGNED_AS + bytes([VERSION]) + target_of(callee_key)


def _signed_part(callee_key: bytes, said: bytes) -> bytes:
    return _SIGNED_AS + bytes([VERSION]) + callee_key + said
