"""The swarm of a number: under which info-hash it is announced on a day, and what is known of it.

Knows no node and no network. Days are whole UTC days since 1970-01-01; `_s` monotonic seconds.
Source: ours, docs/protocol.md: a memory-hard hash, so that listing the numbers that are online
costs a hash for each of 10**11, and again every day.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from firmware.number import hash_question
from firmware.overlay.contacts import LastReached
from firmware.overlay.dht.node_id import NODE_ID_BYTES

DAY_S = 86_400
DAY_OVERLAP_S = 1800  # clocks may differ: around midnight both days are announced
CLOCK_SET_S = 300.0  # by more than this, and what was dated before is dated anew
_SALT = b"fernruf swarm "  # followed by the day in decimal; Argon2 wants at least 8 bytes

NUMBERS_KNOWN_MAX = 256

Key = TypeVar("Key")
Value = TypeVar("Value")


def swarm_question(number: str, day: int) -> tuple[bytes, bytes]:
    """Secret and salt whose Argon2id hash is the swarm of `number` on `day`."""
    return number.encode(), _SALT + str(day).encode()


def info_hash_of(digest: bytes) -> bytes:
    """The first 20 of 32 bytes."""
    assert len(digest) == 32
    return digest[:NODE_ID_BYTES]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The UTC calendar, tied to the monotonic clock by its last reading."""

    utc_s: float
    read_s: float

    def today(self, now_s: float) -> int:
        """The day whose swarm is asked."""
        return int(self.utc_at(now_s) // DAY_S)

    def announced_days(self, now_s: float) -> tuple[int, ...]:
        """The days whose swarms are announced: one, two around midnight."""
        utc_s = self.utc_at(now_s)
        days = {int((utc_s + shift_s) // DAY_S) for shift_s in (-DAY_OVERLAP_S, DAY_OVERLAP_S)}
        return tuple(sorted(days))

    def next_change_s(self, now_s: float) -> float:
        """When `announced_days` will be different, monotonic; at least a second ahead."""
        utc_s = self.utc_at(now_s)
        shifts_s = (-DAY_OVERLAP_S, DAY_OVERLAP_S)
        return now_s + max(1.0, min(DAY_S - (utc_s + shift_s) % DAY_S for shift_s in shifts_s))

    def utc_at(self, now_s: float) -> float:
        """Unix time."""
        return self.utc_s + now_s - self.read_s


class Known:
    """What resolving has cost us once: verified certificates, swarms, last addresses.

    Of each at most NUMBERS_KNOWN_MAX; what was not used longest is forgotten. `contacts` were
    reached before the last restart.
    """

    def __init__(self, contacts: Iterable[LastReached] = ()) -> None:
        self._numbers: OrderedDict[bytes, str | None] = OrderedDict()
        self._swarms: OrderedDict[tuple[bytes, bytes], bytes] = OrderedDict()
        self._reached: OrderedDict[str, LastReached] = OrderedDict()
        for contact in contacts:
            self.keep_reached(contact)

    def number_of(self, secret: bytes) -> tuple[bool, str | None]:
        """Whether the hash of `secret` is known, and the number in it."""
        if secret not in self._numbers:
            return False, None
        self._numbers.move_to_end(secret)
        return True, self._numbers[secret]

    def keep_number(self, secret: bytes, number: str | None) -> None:
        """The hash of `secret` gave `number`."""
        _keep(self._numbers, secret, number)

    def swarm_of(self, question: tuple[bytes, bytes]) -> bytes | None:
        """The info-hash of a swarm question asked before."""
        return self._swarms.get(question)

    def keep_swarm(self, question: tuple[bytes, bytes], info_hash: bytes) -> None:
        """The hash of `question` gave `info_hash`."""
        _keep(self._swarms, question, info_hash)

    def reached(self, number: str) -> LastReached | None:
        """Where and how `number` was proved last."""
        return self._reached.get(number)

    def keep_reached(self, contact: LastReached) -> bool:
        """True if that is news."""
        certificate = contact.certificate
        secret, _ = hash_question(certificate.public_key, certificate.modifier)
        self.keep_number(secret, contact.number)
        is_news = self._reached.get(contact.number) != contact
        _keep(self._reached, contact.number, contact)
        return is_news

    def replace_reached(self, former: LastReached, contact: LastReached) -> bool:
        """True if `contact` is news, and nobody was faster; it stays as recent as it was."""
        if contact == former or self._reached.get(contact.number) != former:
            return False
        self._reached[contact.number] = contact
        return True

    def contacts(self) -> tuple[LastReached, ...]:
        """All that were reached, the last one last."""
        return tuple(self._reached.values())


def _keep(kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > NUMBERS_KNOWN_MAX:
        kept.popitem(last=False)
