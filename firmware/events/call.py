"""The part of the vocabulary that is about several calls at once, their sound and who may ring.

A telephone holds a few calls at the same time; `call` says which one is meant. It is a small number
of our own, new for each call, and means nothing to anybody else.
Units: `_s` seconds, monotonic.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.core import Command, Fact
from firmware.model import PACKET_MS_USUAL, Codec, Endpoint, EndReason, RtpCounters

# --- sound ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrepareMedia(Command):
    """Keys and codec are agreed (call -> media): create the session, send and play nothing yet.

    `send_key` and `receive_key` are SRTP master key and salt for AEAD_AES_128_GCM, 16 + 12 bytes
    (RFC 7714 section 12). `packet_ms` is how much speech the peer wants in a packet.
    """

    codec: Codec
    remote: Endpoint
    send_key: bytes = field(repr=False)
    receive_key: bytes = field(repr=False)
    call: int = 0
    packet_ms: int = PACKET_MS_USUAL  # of PACKET_MS


@dataclass(frozen=True, slots=True)
class StartMedia(Command):
    """The call was answered (call -> media): speech flows both ways, and the handset is in it.

    Other calls hear silence from now on, as if SpeakWith had named this one alone.
    """

    call: int = 0


@dataclass(frozen=True, slots=True)
class SpeakWith(Command):
    """The handset is in these calls (call -> media); all others hear silence and are not heard.

    Two or more are a conference: each hears the handset and the others.
    """

    calls: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SendKey(Command):
    """The key was meant for the peers of the handset's calls (call -> media), RFC 4733."""

    key: str  # one of "0123456789*#"


@dataclass(frozen=True, slots=True)
class ChangeCodec(Command):
    """From the next packet on we send with `codec` (-> media); the peer notices by itself."""

    codec: Codec
    call: int = 0


@dataclass(frozen=True, slots=True)
class StopMedia(Command):
    """The call is over (call -> media)."""

    call: int = 0


@dataclass(frozen=True, slots=True)
class MediaReported(Fact):
    """Once a second during a call (media -> ui, status)."""

    codec: Codec
    remote: Endpoint
    counters: RtpCounters
    loss_fraction: float  # of the last seconds, 0 to 1
    call: int = 0


@dataclass(frozen=True, slots=True)
class MediaLost(Fact):
    """No authentic packet came from the peer for MEDIA_TIMEOUT_S (media -> call)."""

    call: int = 0


# --- who may ring --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallOffered(Fact):
    """Somebody calls whose number is proved, and nothing has rung yet (call -> features).

    Who wants a say answers in the same step with one of the commands below; the first answer
    counts. With no answer the call is admitted.
    """

    call: int
    number: str
    name: str  # the phone book's, else the caller's own word
    is_contact: bool  # in the phone book, or talked with before
    is_anonymous: bool  # the caller wishes that its number is not shown
    is_waiting: bool  # we are talking: it would be a tone in the ear instead of the bell
    is_referred: bool = False  # part of a call of ours that is put through: lists alone refuse it
    zero_bits: int = 0  # what its stamp is worth (events/strangers.py)


@dataclass(frozen=True, slots=True)
class OfferEnded(Command):
    """Everybody has heard of the offer (call -> itself): it is admitted if nobody objected."""

    call: int


@dataclass(frozen=True, slots=True)
class AdmitCall(Command):
    """Let it ring (features -> call)."""

    call: int


@dataclass(frozen=True, slots=True)
class RefuseCall(Command):
    """It shall not ring, and the caller is told `reason` (features -> call).

    BUSY, DECLINED, DO_NOT_DISTURB and NO_ANSWER have tones of their own at the caller's; any other
    is told as DECLINED. Also while it rings.
    """

    call: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class DivertCall(Command):
    """The caller shall call the number `to` instead (features -> call); also while it rings."""

    call: int
    to: str  # twelve digits


@dataclass(frozen=True, slots=True)
class AnswerCall(Command):
    """Admit it, and answer by itself after the bell has announced it (intercom; book -> call).

    Only with the handset down and no other call; otherwise it is admitted like any.
    """

    call: int


@dataclass(frozen=True, slots=True)
class SilenceCall(Command):
    """Admit it, but let nothing sound here: the display alone shows it (features -> call)."""

    call: int
