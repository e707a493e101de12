"""Signalling messages, one to one with SIP's, as they are inside the seal.

Knows no key and no call. Layout: version, type (16 bits), then fields of tag, length (16 bits) and
value, tags rising; a field with an unknown tag is skipped, so later versions can add some.
Source: RFC 3261 (methods, status codes), RFC 3262 (PRACK); the bytes are ours, docs/protocol.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from firmware.call import fields as raw
from firmware.call.addresses import decode_candidates, encode_candidates
from firmware.call.spoken import Spoken, decode_spoken
from firmware.call.stamps import Demand
from firmware.errors import MalformedError
from firmware.identity import CERTIFICATE_BYTES_MAX
from firmware.model import Candidate, Codec, Screening

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


class Completion(IntEnum):
    """Of a call that met a busy line (ETS 300 357); nothing shall ring."""

    ASK = 1  # the caller waits for the callee's line
    FREE = 2  # the caller's own line, for which the callee waits, is free


@dataclass(frozen=True, slots=True)
class Signal:
    """Root of all signalling messages."""


@dataclass(frozen=True, slots=True)
class Invite(Signal):
    """Asks for a call; tells a stranger no address of a local network."""

    callee_number: str
    certificate: bytes  # the caller's, encoded
    codecs: tuple[Codec, ...]  # offered, in order of preference
    utc_s: int | None  # when it was sent; None if the caller has no clock
    candidates: tuple[Candidate, ...] = ()  # of the sender, here and below
    relayed_only: bool = False  # the caller will use no direct path: it needs no address
    is_anonymous: bool = False  # the caller wishes that its number is not shown
    via: str = ""  # the number that told the caller to call this one; its own word, not proved
    missed_utc_s: int | None = None  # nothing shall ring: the caller called in vain, at that time
    completion: Completion | None = None
    referral: bytes = b""  # of who has put the caller through: referral.py
    is_returned: bool = False  # the callee has put the caller through to `via`, in vain
    stamp: bytes = b""  # work that the callee has wanted: stamps.py
    back_utc_s: int | None = None  # nothing shall ring: our slip of that time is noted here
    spoken: Spoken | None = None


@dataclass(frozen=True, slots=True)
class Prack(Signal):
    """Answers TRYING: the caller is alive, so its INVITE is no recording."""


@dataclass(frozen=True, slots=True)
class Ack(Signal):
    """A final response has arrived."""

    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Update(Signal):
    """UPDATE (RFC 3311): in mid-call, the sender may be reached at other addresses now."""

    sequence: int  # 0 to 255, counts and wraps: which of them is answered
    candidates: tuple[Candidate, ...] = ()
    is_held: bool = False  # the sender does not listen: it has put the call on hold
    screening: Screening | None = None  # the sender's box is there, but nobody yet


@dataclass(frozen=True, slots=True)
class Refer(Signal):
    """REFER (RFC 3515): leave this call and call `number`; BYE says that it is done."""

    number: str
    referral: bytes  # to be shown there


@dataclass(frozen=True, slots=True)
class ReferRefused(Signal):
    """403 to REFER: the call goes on as it was."""


@dataclass(frozen=True, slots=True)
class Cancel(Signal):
    """The caller gives up before the answer."""


@dataclass(frozen=True, slots=True)
class Bye(Signal):
    """One side hangs up."""


@dataclass(frozen=True, slots=True)
class Trying(Signal):
    """100: the INVITE may be a recording; say PRACK and it goes on."""


@dataclass(frozen=True, slots=True)
class Ready(Signal):
    """183: the message may come, in pieces."""


@dataclass(frozen=True, slots=True)
class Ringing(Signal):
    """180: the callee's bell sounds, and this codec was chosen."""

    codec: Codec
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered(Signal):
    """200 to the INVITE: the callee has lifted; repeats the codec, for RINGING can be lost."""

    codec: Codec
    candidates: tuple[Candidate, ...] = ()
    screening: Screening | None = None  # it was the box that wants to hear a name first


@dataclass(frozen=True, slots=True)
class Updated(Signal):
    """200 to UPDATE, with the other side's own candidates."""

    sequence: int
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended(Signal):
    """200 to BYE or CANCEL: the sender also regards the call as over."""


@dataclass(frozen=True, slots=True)
class Refusal(Signal):
    """Root of the final responses that refuse a call."""


@dataclass(frozen=True, slots=True)
class Noted(Refusal):
    """202 (RFC 6665): what shall not ring is noted; it ends the session like a refusal."""


@dataclass(frozen=True, slots=True)
class NotFound(Refusal):
    """404: the box has another number now."""


@dataclass(frozen=True, slots=True)
class TryLater(Refusal):
    """480: it rang, and nobody came."""


@dataclass(frozen=True, slots=True)
class Busy(Refusal):
    """486: the handset is lifted, or the bell sounds for somebody else."""


@dataclass(frozen=True, slots=True)
class NotAcceptable(Refusal):
    """488: no codec in common."""


@dataclass(frozen=True, slots=True)
class Decline(Refusal):
    """603: the callee does not want this call."""


@dataclass(frozen=True, slots=True)
class Moved(Refusal):
    """302: call `number` instead, if you want to."""

    number: str


@dataclass(frozen=True, slots=True)
class StampWanted(Refusal):
    """428: the callee does not know the caller and wants work of it first."""

    demand: Demand


@dataclass(frozen=True, slots=True)
class AnonymityDisallowed(Refusal):
    """433 (RFC 5079): the callee takes no call that hides its number."""


@dataclass(frozen=True, slots=True)
class DoNotDisturb(Refusal):
    """600: the callee wants to be left in peace for now."""


WithCandidates = Invite | Ack | Ringing | Answered | Update | Updated

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
        return Ack(candidates)
    if kind == _TYPES[Update]:
        screening = raw.decode_screening(fields)
        return Update(_decode_sequence(fields), candidates, _HELD in fields, screening)
    if kind == _TYPES[StampWanted]:
        return StampWanted(Demand.decode(fields.get(_STAMP_WANTED, b"")))
    if kind == _TYPES[Moved]:
        return Moved(raw.decode_number(fields, _NUMBER))
    if kind == _TYPES[Refer]:
        if not fields.get(_REFERRAL):
            raise MalformedError("REFER without a referral")
        return Refer(raw.decode_number(fields, _NUMBER), fields[_REFERRAL])
    if kind == _TYPES[Ringing]:
        return Ringing(raw.decode_codec(fields), candidates)
    if kind == _OK:
        return _decode_ok(fields)
    raise MalformedError(f"signalling message of unknown type {kind}")


def _invite_fields(invite: Invite) -> dict[int, bytes]:
    fields = {
        _NUMBER: invite.callee_number.encode(),
        _CERTIFICATE: invite.certificate,
        _CODECS: bytes(raw.CODEC_CODES[codec] for codec in invite.codecs),
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
    codes = fields.get(_CODECS, b"")
    if not 0 < len(certificate) <= CERTIFICATE_BYTES_MAX:
        raise MalformedError("INVITE without a certificate")
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


def _decode_ok(fields: dict[int, bytes]) -> Signal:
    answers = fields.get(_ANSWERS)
    candidates = decode_candidates(fields.get(_CANDIDATES, b""))
    if answers == _ANSWERS_INVITE:
        return Answered(raw.decode_codec(fields), candidates, raw.decode_screening(fields))
    if answers == _ANSWERS_UPDATE:
        return Updated(_decode_sequence(fields), candidates)
    if answers == _ANSWERS_END:
        return Ended()
    raise MalformedError("200 to an unknown request")
