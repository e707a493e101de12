"""Pieces of a spoken message, between two boxes whose session is open: bytes, window, repetition.

Inside the seal a first byte of 2 tells them from signalling messages. Sent is one piece after the
other at a pace that any line and any exchange bears; what is lost is sent again, and then the pace
falls. Units: `_s` monotonic seconds. Source: ours, docs/protocol.md section 4; selective
acknowledgement as in RFC 2018, loss by what was sent later as in RFC 8985 (RACK).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from firmware.call.encoding import decode_signal
from firmware.call.messages import Signal
from firmware.errors import MalformedError

PIECE_BYTES = 960
PIECES_MAX = 256
WINDOW = 64  # pieces beyond the first that is missing
PACE_S = 0.046  # between two pieces: 21 kB/s, less than an exchange gives one leg
PACE_S_MAX = 0.4
AGAIN_S, AGAIN_S_MIN = 0.8, 0.2  # after which a piece that is not confirmed is lost
AGAIN_ROUND_TRIPS = 4  # the same, as soon as one was measured
OVERTAKEN_S = 0.15  # the same, if one is confirmed that was sent so much later
_VERSION = 2
_PIECE, _GOT = 1, 2
_HEAD = struct.Struct("!BBH")
_BITS = 64


@dataclass(frozen=True, slots=True)
class Piece(Signal):
    """All but the last are PIECE_BYTES long."""

    index: int
    data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """4 bytes more than the data."""
        return _HEAD.pack(_VERSION, _PIECE, self.index) + self.data


@dataclass(frozen=True, slots=True)
class Got(Signal):
    """Everything below `missing` is there, and what the bits say of those that follow it."""

    missing: int
    bits: int = 0  # the lowest is of `missing` + 1

    def encode(self) -> bytes:
        """12 bytes."""
        return _HEAD.pack(_VERSION, _GOT, self.missing) + self.bits.to_bytes(_BITS // 8, "big")


def decode_any(plain: bytes) -> Signal:
    """A piece, its confirmation, or a signalling message; MalformedError if it is none."""
    if plain[:1] != bytes([_VERSION]):
        return decode_signal(plain)
    if len(plain) < _HEAD.size:
        raise MalformedError("piece without a head")
    _, kind, index = _HEAD.unpack_from(plain)
    body = plain[_HEAD.size :]
    if kind == _PIECE and index < PIECES_MAX and 0 < len(body) <= PIECE_BYTES:
        return Piece(index, body)
    if kind == _GOT and index <= PIECES_MAX and len(body) == _BITS // 8:
        return Got(index, int.from_bytes(body, "big"))
    raise MalformedError("piece of an unknown kind or length")


def count_of(size_bytes: int) -> int:
    """How many pieces that are."""
    return -(-size_bytes // PIECE_BYTES)


class Sender:
    """Cuts `data` into pieces; `next_s` is when one may be sent."""

    def __init__(self, data: bytes, now_s: float) -> None:
        assert 0 < len(data) <= PIECES_MAX * PIECE_BYTES
        starts = range(0, len(data), PIECE_BYTES)
        self._pieces = [data[start : start + PIECE_BYTES] for start in starts]
        self._sent_s: dict[int, float] = {}  # of those that are not confirmed
        self._got: set[int] = set()
        self._missing = 0
        self._pace_s = PACE_S
        self._again_s = AGAIN_S
        self._last_s = now_s  # when the last one was sent
        self._confirmed_s = now_s  # when the latest of those that are confirmed was sent
        self.next_s = now_s

    @property
    def is_done(self) -> bool:
        """All of them are confirmed."""
        return self._missing >= len(self._pieces)

    def hear(self, got: Got, now_s: float) -> bool:
        """True if anything of it is new."""
        if got.missing > len(self._pieces):
            return False
        beyond = {got.missing + 1 + i for i in range(_BITS) if got.bits >> i & 1}
        told = {*range(self._missing, got.missing), *beyond} - self._got
        new = {index for index in told if index < len(self._pieces)}
        self._got |= new
        for index in new:
            self._confirmed_s = max(self._confirmed_s, self._sent_s.pop(index, 0.0))
        if new:
            round_trips_s = AGAIN_ROUND_TRIPS * (now_s - self._confirmed_s)
            self._again_s = min(max(round_trips_s, AGAIN_S_MIN), AGAIN_S)
        self._missing = max(self._missing, got.missing)
        self._pace_s = max(self._pace_s * 0.95 ** len(new), PACE_S)
        self.next_s = min(self.next_s, self._last_s + self._pace_s)
        return bool(new)

    def pop(self, now_s: float) -> Piece | None:
        """The piece that is due, None if all that may be under way is; sets `next_s`."""
        end = min(self._missing + WINDOW, len(self._pieces))
        for index in range(self._missing, end):
            sent_s = self._sent_s.get(index)
            if index in self._got or (sent_s is not None and now_s < self._lost_s(sent_s)):
                continue
            if sent_s is not None:
                self._pace_s = min(self._pace_s * 1.1, PACE_S_MAX)
            self._sent_s[index] = self._last_s = now_s
            self.next_s = now_s + self._pace_s
            return Piece(index, self._pieces[index])
        self.next_s = min(self._sent_s.values(), default=now_s) + self._again_s
        return None

    def _lost_s(self, sent_s: float) -> float:
        """From when on what was sent then, and is not confirmed, counts as lost."""
        is_overtaken = self._confirmed_s >= sent_s + OVERTAKEN_S
        return sent_s if is_overtaken else sent_s + self._again_s


class Receiver:
    """Puts pieces together until there are `size_bytes`."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._count = count_of(size_bytes)
        self._pieces: dict[int, bytes] = {}

    def has(self, piece: Piece) -> bool:
        """It came before."""
        return piece.index in self._pieces

    def push(self, piece: Piece) -> Got:
        """What is here now; MalformedError for a piece that cannot be part of it."""
        is_last = piece.index == self._count - 1
        wanted = self._size_bytes - piece.index * PIECE_BYTES if is_last else PIECE_BYTES
        if piece.index >= self._count or len(piece.data) != wanted:
            raise MalformedError("piece of something else")
        self._pieces.setdefault(piece.index, piece.data)
        missing = next((i for i in range(self._count) if i not in self._pieces), self._count)
        bits = sum(1 << i for i in range(_BITS) if missing + 1 + i in self._pieces)
        return Got(missing, bits)

    @property
    def data(self) -> bytes | None:
        """All of it, None while something is missing."""
        if len(self._pieces) < self._count:
            return None
        return b"".join(self._pieces[index] for index in range(self._count))
