"""Signalling messages as values, one to one with SIP's; their bytes are encoding.py's.

Knows no key and no call. Source: RFC 3261 (methods, status codes), RFC 3262 (PRACK), RFC 3311
(UPDATE), RFC 3515 (REFER).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from firmware.call.spoken import Spoken
from firmware.call.stamps import Demand
from firmware.model import PACKET_MS_USUAL, Candidate, Codec, Screening


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
    commitment: bytes = b""  # to the caller's nonce: commitment.py; each INVITE has one
    packet_ms: int = PACKET_MS_USUAL  # of speech that the sender wants in a packet


@dataclass(frozen=True, slots=True)
class Prack(Signal):
    """Answers TRYING: the caller is alive, so its INVITE is no recording."""


@dataclass(frozen=True, slots=True)
class Ack(Signal):
    """A final response has arrived."""

    candidates: tuple[Candidate, ...] = ()
    nonce: bytes = b""  # of the sender, here and below: commitment.py


@dataclass(frozen=True, slots=True)
class Update(Signal):
    """UPDATE (RFC 3311): in mid-call, the sender may be reached at other addresses now."""

    sequence: int  # 0 to 255, counts and wraps: which of them is answered
    candidates: tuple[Candidate, ...] = ()
    is_held: bool = False  # the sender does not listen: it has put the call on hold
    screening: Screening | None = None  # the sender's box is there, but nobody yet
    nonce: bytes = b""


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
    packet_ms: int = PACKET_MS_USUAL


@dataclass(frozen=True, slots=True)
class Answered(Signal):
    """200 to the INVITE: the callee has lifted; repeats the codec, for RINGING can be lost."""

    codec: Codec
    candidates: tuple[Candidate, ...] = ()
    screening: Screening | None = None  # it was the box that wants to hear a name first
    nonce: bytes = b""
    packet_ms: int = PACKET_MS_USUAL


@dataclass(frozen=True, slots=True)
class Updated(Signal):
    """200 to UPDATE, with the other side's own candidates."""

    sequence: int
    candidates: tuple[Candidate, ...] = ()
    nonce: bytes = b""


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


WithPacketTime = Invite | Ringing | Answered
WithNonce = Ack | Answered | Update | Updated
WithCandidates = Invite | Ack | Ringing | Answered | Update | Updated
