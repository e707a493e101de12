"""Who is calling: proves an incoming INVITE and decides whether this telephone may ring for it.

Knows no call state but "free or not". The number of a caller is whatever the Argon2id hash of its
key says, so nothing the caller claims about itself is believed.
Source: number.py (hash), RFC 3264 section 6 (the answerer keeps the offerer's order of codecs).
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass

from firmware import number
from firmware.bucket import Bucket
from firmware.call.callee_session import CalleeSession
from firmware.call.messages import Decline, NotAcceptable, Refusal
from firmware.call.pins import Pins
from firmware.events import Argon2Computed, ComputeArgon2
from firmware.model import Codec, EndReason

# Hashes of callers whom we do not know, 19 MiB and up to half a second of a small Pi each.
HASHES_BURST_MAX = 12.0
HASHES_PER_S_MAX = 0.5
PROVED_MAX = 256  # callers whose hash is remembered; the one proved first is forgotten first


@dataclass(frozen=True, slots=True)
class Proved:
    """The caller owns `number`."""

    session: CalleeSession
    number: str
    zero_bits: int | None = None  # what its stamp is worth; None = nobody has looked


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a proved caller does not ring; in SIP's word and for the call log."""

    response: Refusal
    reason: EndReason


class Callers:
    """INVITEs whose hash is being computed; as many as Transactions lets through."""

    def __init__(self) -> None:
        self._unproved: list[CalleeSession] = []
        self._hashes = Bucket(HASHES_BURST_MAX, HASHES_PER_S_MAX)
        self._proved: OrderedDict[bytes, str] = OrderedDict()  # what was hashed: its number

    def recognise(self, session: CalleeSession) -> Proved | None:
        """The caller of `session`, if its hash was computed for an earlier call."""
        number_before = self._proved.get(_question(session).secret)
        return None if number_before is None else Proved(session, number_before)

    def may_ask(self, session: CalleeSession, pins: Pins, now_s: float) -> bool:
        """A hash may be spent on it: who is pinned has no part in what strangers are given."""
        is_pinned = session.certificate.public_key in pins.keys.values()
        return is_pinned or self._hashes.take(1.0, now_s)

    def question(self, session: CalleeSession) -> ComputeArgon2:
        """The hash that proves the caller of `session`; remembers to wait for it."""
        self._unproved = [waiting for waiting in self._unproved if not waiting.is_over]
        self._unproved.append(session)
        return _question(session)

    def answer(self, fact: Argon2Computed, now_s: float) -> list[Proved]:
        """The callers that this hash proves; empty if it is somebody else's business."""
        asked = [session for session in self._unproved if _is_answered_by(session, fact)]
        if not asked:
            return []
        self._unproved = [session for session in self._unproved if session not in asked]
        caller_number = number.from_digest(fact.digest)
        if caller_number is None:
            for session in asked:
                session.end(now_s)  # a forger: no response, and room for the next at once
            return []
        self._proved[fact.secret] = caller_number
        if len(self._proved) > PROVED_MAX:
            self._proved.popitem(last=False)
        return [Proved(session, caller_number) for session in asked if not session.is_over]


def refusal(caller: Proved, pins: Pins, codecs: tuple[Codec, ...]) -> Refused | None:
    """Why `caller` may not ring, the gravest reason first; None if it may, or the line is busy."""
    if pins.contradict(caller.number, caller.session.certificate.public_key):
        return Refused(Decline(), EndReason.NUMBER_CHANGED)
    if common_codec(caller, codecs) is None:
        return Refused(NotAcceptable(), EndReason.NO_COMMON_CODEC)
    return None


def common_codec(caller: Proved, codecs: tuple[Codec, ...]) -> Codec | None:
    """The caller's first choice that we have."""
    return next((codec for codec in caller.session.invite.codecs if codec in codecs), None)


def _question(session: CalleeSession) -> ComputeArgon2:
    certificate = session.certificate
    return ComputeArgon2(*number.hash_question(certificate.public_key, certificate.modifier))


def _is_answered_by(session: CalleeSession, fact: Argon2Computed) -> bool:
    question = _question(session)
    return hmac.compare_digest(question.secret, fact.secret) and question.salt == fact.salt
