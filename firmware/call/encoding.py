"""Bytes of signalling messages, as they are inside the seal.

Knows no key and no call. Layout: version, type (16 bits), then fields of tag, length (16 bits) and
value, tags rising; a field with an unknown tag is skipped, so later versions can add some.
Source: ours, docs/protocol.md section 4.
"""

from __future__ import annotations

import struct

from firmware.call import fields as raw
from firmware.call.addresses import decode_candidates, encode_candidates
from firmware.call.commitment import COMMITMENT_BYTES, NONCE_BYTES
from firmware.call.messages import (
    Ack,
    AnonymityDisallowed,
    Answered,
    Busy,
    Bye,
    Cancel,
    Completion,
    Decline,
    DoNotDisturb,
    Ended,
    Invite,
    Moved,
    NotAcceptable,
    Noted,
    NotFound,
    Prack,
    Ready,
    Refer,
    ReferRefused,
    Ringing,
    Signal,
    StampWanted,
    Trying,
    TryLater,
    Update,
    Updated,
    WithCandidates,
    WithNonce,
    WithPacketTime,
)
from firmware.call.spoken import decode_spoken
from firmware.call.stamps import Demand
from firmware.errors import MalformedError
from firmware.identity import CERTIFICATE_BYTES_MAX

VERSION = 1
MESSAGE_BYTES_MAX = 1_000  # what a handshake leaves of a datagram of 1,200 bytes
CODECS_MAX = 16  # offered in one INVITE

_HEAD = struct.Struct("!BH")
# tags
_NUMBER, _CERTIFICATE, _CODECS, _UTC, _, _ANSWERS = range(1, 7)
_CANDIDATES, _SEQUENCE, _RELAYED = range(7, 10)
_ANONYMOUS, _VIA, _HELD, _REFERRAL, _RETURNED = range(10, 15)
_STAMP_WANTED, _STAMP = range(15, 17)
_MISSED, _COMPLETION, _BACK, _SPOKEN = 20, 21, 22, 23
_COMMITMENT, _NONCE = 24, 25

# Requests count from 1; a response has SIP's status code. A field tells the three 200 apart.
_OK = 200
_TYPES: dict[type[Signal], int] = {
    Invite: 1,
    Ack: 2,
    Bye: 3,
    Cancel: 4,
    Prack: 5,
    Update: 6,
    Refer: 7,
    Trying: 100,
    Ringing: 180,
    Ready: 183,
    Answered: _OK,
    Ended: _OK,
    Updated: _OK,
    Noted: 202,
    Moved: 302,
    ReferRefused: 403,
    NotFound: 404,
    StampWanted: 428,
    AnonymityDisallowed: 433,
    TryLater: 480,
    Busy: 486,
    NotAcceptable: 488,
    DoNotDisturb: 600,
    Decline: 603,
}
_WITHOUT_FIELDS: dict[int, Signal] = {
    _TYPES[kind]: kind()
    for kind in (
        *(Bye, Cancel, Prack, Trying, Ready, Noted, ReferRefused),
        *(NotFound, AnonymityDisallowed, TryLater, Busy, NotAcceptable, DoNotDisturb, Decline),
    )
}
_ANSWERS_INVITE, _ANSWERS_END, _ANSWERS_UPDATE = b"\x01", b"\x03", b"\x06"  # of a 200


def encode_signal(signal: Signal) -> bytes:
    """The plain bytes of one message, at most MESSAGE_BYTES_MAX."""
    fields: dict[int, bytes] = {}
    match signal:
        case Invite():
            fields = _invite_fields(signal)
        case Ringing(codec=codec):
            fields = {raw.CODEC: bytes([raw.CODEC_CODES[codec]])}
        case Answered(codec=codec):
            fields = {raw.CODEC: bytes([raw.CODEC_CODES[codec]]), _ANSWERS: _ANSWERS_INVITE}
            fields |= raw.screening_field(signal.screening)
        case Ended():
            fields = {_ANSWERS: _ANSWERS_END}
        case Update(sequence=sequence, is_held=is_held):
            fields = {_SEQUENCE: bytes([sequence]), **({_HELD: b""} if is_held else {})}
            fields |= raw.screening_field(signal.screening)
        case Refer(number=number, referral=referral):
            fields = {_NUMBER: number.encode(), _REFERRAL: referral}
        case StampWanted(demand=demand):
            fields = {_STAMP_WANTED: demand.encode()}
        case Moved(number=number):
            fields = {_NUMBER: number.encode()}
        case Updated(sequence=sequence):
            fields = {_SEQUENCE: bytes([sequence]), _ANSWERS: _ANSWERS_UPDATE}
    if isinstance(signal, WithCandidates) and signal.candidates:
        fields[_CANDIDATES] = encode_candidates(signal.candidates)
    if isinstance(signal, WithPacketTime):
        fields |= raw.packet_time_field(signal.packet_ms)
    if isinstance(signal, WithNonce) and signal.nonce:
        fields[_NONCE] = signal.nonce
    encoded = _HEAD.pack(VERSION, _TYPES[type(signal)]) + raw.encode_fields(fields)
    assert len(encoded) <= MESSAGE_BYTES_MAX
    return encoded


def decode_signal(data: bytes) -> Signal:
    """The message in `data`; MalformedError if it is none, or of an unknown type or version."""
    if not _HEAD.size <= len(data) <= MESSAGE_BYTES_MAX:
        raise MalformedError("signalling message is too short or too long")
    version, kind = _HEAD.unpack_from(data)
    if version != VERSION:
        raise MalformedError("signalling message of an unknown version")
    fields = raw.decode_fields(data[_HEAD.size :])
    if kind in _WITHOUT_FIELDS:
        return _WITHOUT_FIELDS[kind]
    if kind == _TYPES[Invite]:
        return _decode_invite(fields)
    candidates = decode_candidates(fields.get(_CANDIDATES, b""))
    if kind == _TYPES[Ack]:
        return Ack(candidates, _decode_nonce(fields))
    if kind == _TYPES[Update]:
        who = raw.decode_screening(fields), _decode_nonce(fields)
        return Update(_decode_sequence(fields), candidates, _HELD in fields, *who)
    if kind == _TYPES[StampWanted]:
        return StampWanted(Demand.decode(fields.get(_STAMP_WANTED, b"")))
    if kind == _TYPES[Moved]:
        return Moved(raw.decode_number(fields, _NUMBER))
    if kind == _TYPES[Refer]:
        if not fields.get(_REFERRAL):
            raise MalformedError("REFER without a referral")
        return Refer(raw.decode_number(fields, _NUMBER), fields[_REFERRAL])
    if kind == _TYPES[Ringing]:
        return Ringing(raw.decode_codec(fields), candidates, raw.decode_packet_ms(fields))
    if kind == _OK:
        return _decode_ok(fields)
    raise MalformedError(f"signalling message of unknown type {kind}")


def _invite_fields(invite: Invite) -> dict[int, bytes]:
    fields = {
        _NUMBER: invite.callee_number.encode(),
        _CERTIFICATE: invite.certificate,
        _CODECS: bytes(raw.CODEC_CODES[codec] for codec in invite.codecs),
        _COMMITMENT: invite.commitment,
    }
    flags = (_RELAYED, invite.relayed_only), (_ANONYMOUS, invite.is_anonymous)
    fields |= {tag: b"" for tag, is_set in (*flags, (_RETURNED, invite.is_returned)) if is_set}
    values = (_VIA, invite.via.encode()), (_REFERRAL, invite.referral), (_STAMP, invite.stamp)
    fields |= {tag: value for tag, value in values if value}
    if invite.utc_s is not None:
        fields[_UTC] = struct.pack("!Q", invite.utc_s)
    if invite.missed_utc_s is not None:
        fields[_MISSED] = struct.pack("!Q", invite.missed_utc_s)
    if invite.completion is not None:
        fields[_COMPLETION] = bytes([invite.completion])
    if invite.back_utc_s is not None:
        fields[_BACK] = struct.pack("!Q", invite.back_utc_s)
    if invite.spoken is not None:
        fields[_SPOKEN] = invite.spoken.encode()
    return fields


def _decode_invite(fields: dict[int, bytes]) -> Invite:
    number = raw.decode_number(fields, _NUMBER)
    certificate = fields.get(_CERTIFICATE, b"")
    codes, commitment = fields.get(_CODECS, b""), fields.get(_COMMITMENT, b"")
    if not 0 < len(certificate) <= CERTIFICATE_BYTES_MAX:
        raise MalformedError("INVITE without a certificate")
    if len(commitment) != COMMITMENT_BYTES:
        raise MalformedError("INVITE without a commitment to the caller's nonce")
    if len(codes) > CODECS_MAX or len(set(codes)) != len(codes):
        raise MalformedError("INVITE with too many codecs, or one of them twice")
    codecs = tuple(raw.CODECS_BY_CODE[code] for code in codes if code in raw.CODECS_BY_CODE)
    candidates = decode_candidates(fields.get(_CANDIDATES, b""))
    flags = _RELAYED in fields, _ANONYMOUS in fields
    via = raw.decode_number(fields, _VIA) if _VIA in fields else ""
    utc_s, missed_utc_s, back_utc_s = (
        raw.decode_utc(fields, tag) for tag in (_UTC, _MISSED, _BACK)
    )
    who = number, certificate, codecs
    completion, spoken = _decode_completion(fields), decode_spoken(fields.get(_SPOKEN))
    if (missed_utc_s, completion, back_utc_s, spoken).count(None) < 3:
        raise MalformedError("INVITE with two errands")
    return Invite(
        *(*who, utc_s, candidates, *flags, via, missed_utc_s, completion),
        referral=fields.get(_REFERRAL, b""),
        is_returned=_RETURNED in fields,
        stamp=fields.get(_STAMP, b""),
        back_utc_s=back_utc_s,
        spoken=spoken,
        commitment=commitment,
        packet_ms=raw.decode_packet_ms(fields),
    )


def _decode_completion(fields: dict[int, bytes]) -> Completion | None:
    if _COMPLETION not in fields:
        return None
    value = fields[_COMPLETION]
    if len(value) != 1 or value[0] not in tuple(Completion):
        raise MalformedError("INVITE that waits for nothing we know")
    return Completion(value[0])


def _decode_sequence(fields: dict[int, bytes]) -> int:
    value = fields.get(_SEQUENCE, b"")
    if len(value) != 1:
        raise MalformedError("UPDATE without a sequence number")
    return value[0]


def _decode_nonce(fields: dict[int, bytes]) -> bytes:
    """Empty if the sender tells none."""
    nonce = fields.get(_NONCE, b"")
    if _NONCE in fields and len(nonce) != NONCE_BYTES:
        raise MalformedError("nonce of a wrong length")
    return nonce


def _decode_ok(fields: dict[int, bytes]) -> Signal:
    answers = fields.get(_ANSWERS)
    candidates, nonce = decode_candidates(fields.get(_CANDIDATES, b"")), _decode_nonce(fields)
    if answers == _ANSWERS_INVITE:
        who = raw.decode_screening(fields), nonce
        return Answered(raw.decode_codec(fields), candidates, *who, raw.decode_packet_ms(fields))
    if answers == _ANSWERS_UPDATE:
        return Updated(_decode_sequence(fields), candidates, nonce)
    if answers == _ANSWERS_END:
        return Ended()
    raise MalformedError("200 to an unknown request")
