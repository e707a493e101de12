"""Values that every layer shares: endpoints, call states, tones, codecs, pictures.

Knows nothing above it; no behaviour beyond parsing and printing of itself.
Units: `_s` seconds, `_hz` hertz; audio in samples at 16 kHz, mono, signed 16 bit.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from firmware.errors import MalformedError

if TYPE_CHECKING:  # what has no sound, a node of the directory, needs no numpy
    import numpy as np
    import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000  # wideband, EN 301 549 clause 6.1
FRAME_S = 0.020
FRAME_SAMPLES = 320  # 20 ms, the frame of the whole sound plane

PACKET_MS = (10, 20, 40, 60)  # of speech in one packet
PACKET_MS_USUAL = 20  # a frame, which nobody has to ask for

Frame: TypeAlias = "npt.NDArray[np.int16]"  # shape (FRAME_SAMPLES,)


def silence() -> Frame:
    """A new frame of zeros, shape (FRAME_SAMPLES,)."""
    import numpy as np

    return np.zeros(FRAME_SAMPLES, dtype=np.int16)


class Endpoint(NamedTuple):
    """Where a UDP datagram comes from or goes to; `host` is a numeric address, never a name.

    With a `channel` it is not that address itself but the box behind the exchange there.
    A tuple, because a node of the directory hashes and compares some hundred of them per lookup.
    """

    host: str
    port: int
    channel: bytes = b""

    def __str__(self) -> str:
        text = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        return f"{text}/{self.channel.hex()}" if self.channel else text

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """`192.0.2.1:6881` or `[2001:db8::1]:6881`; raises MalformedError, also for names."""
        host, separator, port = text.rpartition(":")
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not separator or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise MalformedError(f"{text!r} is not ADDRESS:PORT")
        try:
            return cls(str(ipaddress.ip_address(host)), int(port))
        except ValueError:
            raise MalformedError(f"{text!r} is not ADDRESS:PORT") from None


class CandidateKind(StrEnum):
    """How a box knows an address of its own."""

    HOST = "host"  # of an interface
    MAPPED = "mapped"  # forwarded by the router, which was asked to
    OBSERVED = "observed"  # where others see our datagrams come from
    SOUNDED = "sounded"  # how far our router, which counts its ports, has got at this moment
    CHANCE = "chance"  # where others see us, and an offer to be met there by chance
    RELAY = "relay"  # of an exchange that keeps a registration for us


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address at which a box may be reached; directly, unless it is an exchange's."""

    endpoint: Endpoint
    kind: CandidateKind
    # How the router chooses the port for each new destination: 0 = keeps it (or not known),
    # 1 to 254 = this much further each time, PORT_STEP_RANDOM = nobody can tell.
    port_step: int = 0


PORT_STEP_RANDOM = 255


class CallState(StrEnum):
    """What the telephone is doing; these are the words of `fernruf ctl wait`."""

    IDLE = "idle"  # handset on its hook
    OFF_HOOK = "off_hook"  # dial tone
    DIALLING = "dialling"  # at least one digit
    CALLING = "calling"  # number complete: lookup, then INVITE, nothing heard of the callee yet
    RINGBACK = "ringback"  # the callee's bell sounds, said by the callee's box itself
    RINGING = "ringing"  # our bell sounds
    CONNECTED = "connected"
    BUSY = "busy"  # the callee is busy; handset still lifted
    FAILED = "failed"  # over for another reason (EndReason); handset still lifted


class EndReason(StrEnum):
    """Why a call ended or never began; each has a tone and a text of its own."""

    HUNG_UP = "hung_up"  # by us
    HUNG_UP_BY_PEER = "hung_up_by_peer"
    BUSY = "busy"
    DECLINED = "declined"
    DO_NOT_DISTURB = "do_not_disturb"  # the callee wants to be left in peace for now
    ANONYMOUS_REFUSED = "anonymous_refused"  # the callee takes no call that hides its number
    DIVERTED = "diverted"  # the caller was told another number
    NO_ANSWER = "no_answer"  # rang until the time-out
    MISSED = "missed"  # the caller gave up before we lifted
    WRONG_NUMBER = "wrong_number"  # check digit, length or reserved prefix
    EMERGENCY = "emergency"  # an emergency number, which this telephone cannot reach
    UNREACHABLE = "unreachable"  # nobody answers for this number
    OFFLINE = "offline"  # our own box knows nobody it could ask
    NUMBER_CHANGED = "number_changed"  # another key than the pinned one, or two keys for one number
    NO_COMMON_CODEC = "no_common_codec"
    NOT_SECURE = "not_secure"  # the peer's part of the digits is not what it promised
    CONNECTION_LOST = "connection_lost"  # no sound from the peer for too long
    TIMED_OUT = "timed_out"  # lifted, but nothing or not enough was dialled
    NOT_READY = "not_ready"  # our own number is still being made


LOUDER_KEY, SOFTER_KEY = "A", "B"  # of a 4x4 keypad, during a call; they are not sent
RECALL_KEY, MUTE_KEY = "C", "D"  # the same: like a flash of the hook; nobody hears us


class Tone(StrEnum):
    """Call-progress tones; frequencies and cadences per country are in codec/countries.py."""

    DIAL = "dial"
    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    SPECIAL_INFORMATION = "special_information"  # SIT: number unobtainable or changed
    CALL_WAITING = "call_waiting"
    MESSAGE_WAITING = "message_waiting"  # in the place of the dial tone
    HELD = "held"  # the peer has put us on hold and does not listen
    HOWLER = "howler"  # the handset was left off its hook


class Codec(StrEnum):
    """Speech codecs we offer; the words of `[codec] preference`."""

    OPUS = "opus"  # RFC 7587, 16 kHz wideband
    PCMA = "pcma"  # G.711 A-law, RFC 3551
    PCMU = "pcmu"  # G.711 mu-law


class Part(StrEnum):
    """A part of the hardware that can fail by itself."""

    HOOK = "hook"
    KEYPAD = "keypad"
    OLED = "oled"
    RINGER = "ringer"
    MICROPHONE = "microphone"
    EARPIECE = "earpiece"
    NETWORK = "network"
    ADAPTER = "adapter"  # of the analog telephone
    USB_PHONE = "usb phone"


class Unreachable(StrEnum):
    """Why nobody can call us; each has a text of its own."""

    NO_NETWORK = "no_network"
    NOT_PUBLISHED = "not_published"  # not yet
    NO_EXCHANGE = "no_exchange"  # behind a router, and nobody helps
    NOT_RUNG = "not_rung"  # exchanges know us, but no call comes through


class Place(StrEnum):
    """Where a call is that is not the one in front."""

    HELD = "held"
    WAITING = "waiting"  # somebody calls while we talk
    JOINED = "joined"  # in conference with the one in front


class Wish(StrEnum):
    """That a busy callee is called again when its line is free."""

    OFFERED = "offered"  # a key asks for it
    ASKED = "asked"
    GRANTED = "granted"  # our bell will sound
    DENIED = "denied"
    FREE = "free"  # our bell sounds: who lifts is calling


class Transfer(StrEnum):
    """That somebody has put a call through (CallView.via says who)."""

    PUT_THROUGH = "put_through"
    RETURNED = "returned"  # in vain: back to who has done so; `via` was not reached


class Screening(StrEnum):
    """A stranger says a name before anybody talks with it."""

    ASKED = "asked"  # the box asks
    RINGS = "rings"  # the bell sounds
    HEARD = "heard"  # somebody has lifted, hears the name, and decides


@dataclass(frozen=True, slots=True)
class OtherCall:
    """A call beside the one in front."""

    place: Place
    peer_number: str
    peer_name: str


@dataclass(frozen=True, slots=True)
class CallView:
    """A snapshot of the call for eyes and ears; made by the call core, drawn by the ui."""

    state: CallState = CallState.IDLE
    incoming: bool = False
    digits: str = ""  # as dialled so far
    peer_number: str = ""  # twelve digits, verified; empty if there is none
    peer_name: str = ""  # from the peer's certificate
    reason: EndReason | None = None  # why the last call ended
    authentication_digits: str = ""  # four digits, the same at both ends
    codec: Codec | None = None
    connected_s: float | None = None  # monotonic, when the call was answered
    via: str = ""  # name or number of who passed the call on, to here or to the peer
    others: tuple[OtherCall, ...] = ()
    is_on_hold: bool = False  # the peer does not listen at the moment
    is_choosing: bool = False  # the hook was flashed: a digit says what shall happen
    is_muted: bool = False  # nobody hears us
    wish: Wish | None = None
    transfer: Transfer | None = None
    screening: Screening | None = None  # here
    screened: Screening | None = None  # we are the stranger
    work: float | None = None  # fraction of what the callee wants to be worked for, first
    is_by_box: bool = False  # the answering machine talks; the handset is on its hook
    call: int = field(default=0, compare=False)  # our identifier of it, as in events/call.py


@dataclass(frozen=True, slots=True)
class RtpCounters:
    """Counted since the start of the call; a late packet is one that came after its play time."""

    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    packets_malformed: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    frames_concealed: int = 0
    frames_recovered: int = 0  # from redundant copies
    jitter_s: float = 0.0  # RFC 3550 section 6.4.1
    buffer_s: float = 0.0  # play-out delay at the moment
    rtt_s: float | None = None  # by RTCP; None = not known yet
    remote_loss: float = 0.0  # fraction of our packets of the last seconds that the peer missed
    opinion: float | None = None  # MOS of what we hear, by the E-model (ITU-T G.107)


@dataclass(frozen=True, slots=True)
class Picture:
    """What the OLED shows: the text lines, and the pixels they were drawn as.

    `pixels` is in the order of the SSD1306's memory: `height // 8` pages of `width` bytes, the
    lowest bit of a byte uppermost (data sheet section 8.7).
    """

    lines: tuple[str, ...]
    pixels: bytes
    width: int = 128
    height: int = 64
