"""Channel frames: what a box and an exchange say to each other beside KRPC, on the same socket.

A channel joins two boxes through an exchange. Each of its two legs has an identifier, and whoever
names it speaks on that leg; what is carried (sealed signalling, SRTP, STUN) nobody on the way can
read. Knows no table and no clock. Identifiers are random and 8 bytes long; integers big-endian.
Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from enum import IntEnum

from firmware.demux import CHANNEL_FIRST_BYTE, DATAGRAM_BYTES_MAX, Protocol, protocol_of
from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.primitives import SIGNATURE_BYTES

ID_BYTES = 8
TARGET_BYTES = 16
COOKIE_BYTES = 8
DATA_HEAD_BYTES = 2 + ID_BYTES
OPEN_HEAD_BYTES = 2 + TARGET_BYTES + ID_BYTES
OPENED_HEAD_BYTES = 2 + 2 * ID_BYTES
PAYLOAD_BYTES_MAX = DATAGRAM_BYTES_MAX - OPEN_HEAD_BYTES
OPEN_PAYLOAD_BYTES_MAX = 1_200  # one sealed envelope (call/envelope.py)
SLIP_BYTES = 316  # overlay/slip.py; always as long, whoever has left it
SLIP_ID_BYTES = 16
RETRY_S_MAX = 0xFFFF
ELSEWHERE_MAX = 8

_TARGET_FOR = b"fernruf target"
_SLIP_FOR = b"fernruf slip id"
_TAKEN_AS = b"fernruf slip taken"  # keeps the signature from being valid as anything else


class Kind(IntEnum):
    """The second byte of a frame."""

    OPEN = 1  # a caller: join me to this target, and pass this on
    DATA = 2  # on a leg, either way
    REFUSED = 3  # no, and why
    KEEP = 4  # a box: are you there, and am I known?
    KEPT = 5
    OPENED = 6  # as DATA; and from now on this is the identifier of your leg
    ELSEWHERE = 7  # to a registered box: we are about to stop, others are there
    CHALLENGE = 8  # to a caller: many want that target; say it again, with this cookie
    PROVED_OPEN = 9  # OPEN with a cookie
    LEAVE = 10  # keep this slip for that target, until it is registered with you
    LEFT = 11
    SLIP = 12  # to a registered box: somebody has left this for you
    TAKEN = 13  # it may be thrown away; signed by the box


class Refused(IntEnum):
    """Why an exchange does not do it; the box knows what to do then."""

    UNKNOWN_TARGET = 1  # not registered here: try another exchange
    FULL = 2  # at a limit: come back later, or try another
    UNKNOWN_ID = 3  # the leg or registration is gone: open it anew
    DRAINING = 4  # this exchange is about to stop: try another


class Leaving(IntEnum):
    """What LEFT says of a slip."""

    KEPT = 0
    FULL = 1  # too many are here, of that sender or for that target or in all
    DRAINING = 2  # this exchange is about to stop


class Standing(IntEnum):
    """What KEPT says about the exchange."""

    SERVING = 0
    DRAINING = 1  # find another now; it still serves


@dataclass(frozen=True, slots=True)
class Open:
    """Join the sender to the box registered as `target`; `nonce` comes back in OPENED.

    A `cookie` of the exchange, if there is one, proves the address of the sender.
    """

    target: bytes
    nonce: bytes
    payload: bytes
    cookie: bytes = b""

    def encode(self) -> bytes:
        """OPEN_HEAD_BYTES more than the payload, and COOKIE_BYTES if it has a cookie."""
        assert len(self.target) == TARGET_BYTES and len(self.nonce) == ID_BYTES
        kind = Kind.PROVED_OPEN if self.cookie else Kind.OPEN
        head = bytes((CHANNEL_FIRST_BYTE, kind)) + self.target + self.nonce
        return head + self.cookie + self.payload


@dataclass(frozen=True, slots=True)
class Challenge:
    """Nothing was opened for the OPEN `about`; with the cookie, from the same address, it is."""

    about: bytes  # nonce
    cookie: bytes

    def encode(self) -> bytes:
        """18 bytes, fewer than any OPEN."""
        return bytes((CHANNEL_FIRST_BYTE, Kind.CHALLENGE)) + self.about + self.cookie


@dataclass(frozen=True, slots=True)
class Data:
    """`payload` on the leg `leg_id`: of its sender if to the exchange, else of its receiver."""

    leg_id: bytes
    payload: bytes

    def encode(self) -> bytes:
        """DATA_HEAD_BYTES more than the payload."""
        return bytes((CHANNEL_FIRST_BYTE, Kind.DATA)) + self.leg_id + self.payload


@dataclass(frozen=True, slots=True)
class Refusal:
    """`about` is the nonce of the OPEN, or the identifier that was named."""

    about: bytes
    why: Refused
    retry_s: int  # whole seconds

    def encode(self) -> bytes:
        """13 bytes."""
        tail = bytes((self.why,)) + min(self.retry_s, RETRY_S_MAX).to_bytes(2, "big")
        return bytes((CHANNEL_FIRST_BYTE, Kind.REFUSED)) + self.about + tail


@dataclass(frozen=True, slots=True)
class Keep:
    """Asks for a Kept; from an address that is not known for `kept_id` it only gets a Refusal."""

    kept_id: bytes  # of a registration or of a leg
    count: int  # 16 bits; tells answers apart
    is_last: bool = False  # the registration or the channel is given up

    def encode(self) -> bytes:
        """14 bytes, as many as the answer."""
        tail = self.count.to_bytes(2, "big") + bytes((self.is_last, 0))
        return bytes((CHANNEL_FIRST_BYTE, Kind.KEEP)) + self.kept_id + tail


@dataclass(frozen=True, slots=True)
class Kept:
    """Known, and kept for longer."""

    kept_id: bytes
    count: int
    standing: Standing
    load: int  # of what the exchange can take, 0 to 255

    def encode(self) -> bytes:
        """14 bytes."""
        tail = self.count.to_bytes(2, "big") + bytes((self.standing, self.load))
        return bytes((CHANNEL_FIRST_BYTE, Kind.KEPT)) + self.kept_id + tail


@dataclass(frozen=True, slots=True)
class Opened:
    """As Data, to a box that has not used `leg_id` yet; `about` is its nonce, or its old leg."""

    about: bytes
    leg_id: bytes
    payload: bytes

    def encode(self) -> bytes:
        """OPENED_HEAD_BYTES more than the payload."""
        head = bytes((CHANNEL_FIRST_BYTE, Kind.OPENED))
        return head + self.about + self.leg_id + self.payload


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The exchange is about to stop; other exchanges may be at `endpoints`, at most ELSEWHERE_MAX.

    Nothing about them is proved.
    """

    kept_id: bytes  # of the registration
    endpoints: tuple[Endpoint, ...]

    def encode(self) -> bytes:
        """At most 162 bytes."""
        assert len(self.endpoints) <= ELSEWHERE_MAX
        head = bytes((CHANNEL_FIRST_BYTE, Kind.ELSEWHERE)) + self.kept_id
        packed = [
            ipaddress.ip_address(e.host).packed + e.port.to_bytes(2, "big") for e in self.endpoints
        ]
        return head + b"".join(bytes((len(one),)) + one for one in packed)


@dataclass(frozen=True, slots=True)
class Leave:
    """Keep `slip` for the box of `target`; without the right `cookie` answered by a Challenge."""

    target: bytes
    nonce: bytes
    slip: bytes
    cookie: bytes = bytes(COOKIE_BYTES)

    def encode(self) -> bytes:
        """350 bytes."""
        assert len(self.slip) == SLIP_BYTES
        head = bytes((CHANNEL_FIRST_BYTE, Kind.LEAVE))
        return head + self.target + self.nonce + self.cookie + self.slip


@dataclass(frozen=True, slots=True)
class Left:
    """Answers the Leave `about`."""

    about: bytes
    leaving: Leaving

    def encode(self) -> bytes:
        """11 bytes."""
        return bytes((CHANNEL_FIRST_BYTE, Kind.LEFT)) + self.about + bytes((self.leaving,))


@dataclass(frozen=True, slots=True)
class Slip:
    """Somebody has left `slip` for the registered box; it comes again until it is Taken."""

    kept_id: bytes  # of the registration
    slip: bytes

    def encode(self) -> bytes:
        """326 bytes."""
        return bytes((CHANNEL_FIRST_BYTE, Kind.SLIP)) + self.kept_id + self.slip


@dataclass(frozen=True, slots=True)
class Taken:
    """The box of the registration has done with a slip; its signature is over taken_part()."""

    kept_id: bytes
    slip_id: bytes
    signature: bytes

    def encode(self) -> bytes:
        """90 bytes."""
        head = bytes((CHANNEL_FIRST_BYTE, Kind.TAKEN))
        return head + self.kept_id + self.slip_id + self.signature


Frame = (
    Open
    | Data
    | Refusal
    | Keep
    | Kept
    | Opened
    | Elsewhere
    | Challenge
    | Leave
    | Left
    | Slip
    | Taken
)


def decode(data: bytes) -> Frame:
    """Any frame; raises MalformedError."""
    if len(data) < 2 or data[0] != CHANNEL_FIRST_BYTE or len(data) > DATAGRAM_BYTES_MAX:
        raise MalformedError("no channel frame")
    match data[1]:
        case Kind.DATA if len(data) >= DATA_HEAD_BYTES:
            return Data(data[2:10], data[10:])
        case Kind.OPEN if len(data) >= OPEN_HEAD_BYTES:
            return Open(data[2:18], data[18:26], data[26:])
        case Kind.PROVED_OPEN if len(data) >= OPEN_HEAD_BYTES + COOKIE_BYTES:
            return Open(data[2:18], data[18:26], data[34:], data[26:34])
        case Kind.CHALLENGE if len(data) == 2 + ID_BYTES + COOKIE_BYTES:
            return Challenge(data[2:10], data[10:18])
        case Kind.OPENED if len(data) >= OPENED_HEAD_BYTES:
            return Opened(data[2:10], data[10:18], data[18:])
        case Kind.REFUSED if len(data) == 13 and data[10] in list(Refused):
            return Refusal(data[2:10], Refused(data[10]), int.from_bytes(data[11:13], "big"))
        case Kind.KEEP if len(data) == 14:
            return Keep(data[2:10], int.from_bytes(data[10:12], "big"), data[12] == 1)
        case Kind.KEPT if len(data) == 14 and data[12] in list(Standing):
            count = int.from_bytes(data[10:12], "big")
            return Kept(data[2:10], count, Standing(data[12]), data[13])
        case Kind.ELSEWHERE if len(data) >= DATA_HEAD_BYTES:
            return Elsewhere(data[2:10], _endpoints(data[10:]))
        case Kind.LEAVE if len(data) == 34 + SLIP_BYTES:
            return Leave(data[2:18], data[18:26], data[34:], data[26:34])
        case Kind.LEFT if len(data) == 11 and data[10] in list(Leaving):
            return Left(data[2:10], Leaving(data[10]))
        case Kind.SLIP if len(data) == 10 + SLIP_BYTES:
            return Slip(data[2:10], data[10:])
        case Kind.TAKEN if len(data) == 26 + SIGNATURE_BYTES:
            return Taken(data[2:10], data[10:26], data[26:])
    raise MalformedError("channel frame of an unknown kind or length")


def _endpoints(data: bytes) -> tuple[Endpoint, ...]:
    found: list[Endpoint] = []
    position = 0
    while position < len(data):
        end = position + 1 + data[position]
        if data[position] not in (6, 18) or end > len(data) or len(found) == ELSEWHERE_MAX:
            raise MalformedError("addresses of exchanges of unknown form")
        host = ipaddress.ip_address(data[position + 1 : end - 2])
        found.append(Endpoint(str(host), int.from_bytes(data[end - 2 : end], "big")))
        position = end
    return tuple(found)


def target_of(public_key: bytes) -> bytes:
    """By what an exchange knows the box with this Ed25519 key."""
    return hashlib.sha256(_TARGET_FOR + public_key).digest()[:TARGET_BYTES]


def slip_id_of(slip: bytes) -> bytes:
    """By what a slip is known, to all who have it."""
    return hashlib.sha256(_SLIP_FOR + slip).digest()[:SLIP_ID_BYTES]


def taken_part(exchange_key: bytes, slip_id: bytes) -> bytes:
    """What the box signs to have a slip thrown away by one exchange."""
    return _TAKEN_AS + exchange_key + slip_id


def may_carry(payload: bytes) -> bool:
    """True for what two boxes say to each other; no frame in a frame, nothing of the directory."""
    return protocol_of(payload) in (Protocol.SEALED, Protocol.RTP, Protocol.STUN)
