"""Stamps: proof of work that a stranger shows before a bell rings for it; bytes and accounts.

A stamp is bound to the callee's number, the caller's key, the day and a seed of the callee's, so it
is worth nothing to anybody else, on another day, or after the callee's box has begun anew; and it
is good for one call. Making one takes 2**difficulty memory-hard hashes on average, checking one.
Knows no call; the hashes are computed elsewhere.
Source: Hashcash (Back 2002) with Argon2id (RFC 9106) as its hash; docs/protocol.md.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass

from firmware.errors import MalformedError

SEED_BYTES = 8
DIFFICULTY_MAX = 14  # that we work for, 16,384 hashes: more is no wish to be called
USED_MAX = 4096  # stamps of a day; then no more strangers until the next
_DAY_S = 86_400

_DEMAND = struct.Struct(f"!BI{SEED_BYTES}s")
_STAMP = struct.Struct(f"!I{SEED_BYTES}sQ")


@dataclass(frozen=True, slots=True)
class Demand:
    """What a callee wants of a stranger."""

    difficulty: int  # bits
    day: int
    seed: bytes  # SEED_BYTES

    def encode(self) -> bytes:
        """13 bytes."""
        return _DEMAND.pack(self.difficulty, self.day, self.seed)

    @classmethod
    def decode(cls, data: bytes) -> Demand:
        """MalformedError if it is none."""
        if len(data) != _DEMAND.size:
            raise MalformedError("demand of a stamp is of a wrong length")
        return cls(*_DEMAND.unpack(data))


@dataclass(frozen=True, slots=True)
class Stamp:
    """The answer to a demand: `number` makes its hash begin with zeros."""

    day: int
    seed: bytes
    number: int  # 64 bits

    def encode(self) -> bytes:
        """20 bytes."""
        return _STAMP.pack(self.day, self.seed, self.number)

    @classmethod
    def decode(cls, data: bytes) -> Stamp:
        """MalformedError if it is none; whether it is worth anything only a hash says."""
        if len(data) != _STAMP.size:
            raise MalformedError("stamp is of a wrong length")
        return cls(*_STAMP.unpack(data))


def question(callee_number: str, caller_key: bytes, day: int, seed: bytes) -> bytes:
    """What is hashed, before the number of eight bytes."""
    head = b"fernruf stamp" + callee_number.encode() + caller_key
    return head + struct.pack("!I", day) + seed


class StampAccount:
    """The callee's side: which stamps it takes, and which it has taken."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is new at each start, so that what was taken before need not be remembered."""
        assert len(seed) == SEED_BYTES
        self._seed = seed
        self._used: OrderedDict[tuple[bytes, int, int], None] = OrderedDict()

    def demand(self, difficulty: int, utc_s: int | None) -> Demand:
        """For a stranger who calls now."""
        return Demand(difficulty, _day(utc_s), self._seed)

    def is_current(self, stamp: Stamp, caller_key: bytes, utc_s: int | None) -> bool:
        """Ours, of today or of a demand just before midnight, and not used yet."""
        today = _day(utc_s)
        for key in [used for used in self._used if used[1] < today - 1]:
            del self._used[key]
        is_new = (caller_key, stamp.day, stamp.number) not in self._used
        is_dated = stamp.day in (today, today - 1)
        return stamp.seed == self._seed and is_dated and is_new and len(self._used) < USED_MAX

    def use(self, stamp: Stamp, caller_key: bytes) -> bool:
        """It was worth something; True once."""
        key = caller_key, stamp.day, stamp.number
        if key in self._used:
            return False
        self._used[key] = None
        return True


def _day(utc_s: int | None) -> int:
    return 0 if utc_s is None else utc_s // _DAY_S
