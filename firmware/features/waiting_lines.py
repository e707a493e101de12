"""Waiting for a busy line outlives a restart: who waits for whom is kept on the card.

The wishes themselves are the calls' (firmware/call/wishes.py). Units: `_s` monotonic seconds,
`utc_s` Unix time.
"""

from __future__ import annotations

from firmware.events import Message, WallClockRead
from firmware.events.services import KeptWish, RestoreWishes, WishesChanged
from firmware.events.store import Kind, RecordsLoaded, SaveRecord
from firmware.features.feature import Feature

_PREFIX = "wish/"


class WaitingLines(Feature):
    """One record for each who waits: `wish/ours/NUMBER` or `wish/theirs/NUMBER`."""

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None  # of the monotonic clock
        self._kept: dict[str, bytes] = {}
        self._is_restored = False

    def load(self, key: str, data: bytes | None) -> bool:
        """One of before."""
        if not key.startswith(_PREFIX):
            return False
        if data is not None and not self._is_restored:
            self._kept[key] = data
        return True

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Restore once, when there are records and a clock; then write down what changes."""
        match fact:
            case WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
            case RecordsLoaded():
                return self._restore()
            case WishesChanged(wishes=wishes) if self._utc_at_zero_s is not None:
                return self._keep(wishes, self._utc_at_zero_s)
        return []

    def _restore(self) -> list[Message]:
        """What is over is taken away by the first change."""
        if self._utc_at_zero_s is None or self._is_restored:
            return []
        self._is_restored = True
        wishes = (_wish(key, data, self._utc_at_zero_s) for key, data in self._kept.items())
        found = tuple(wish for wish in wishes if wish is not None)
        return [RestoreWishes(found)] if found else []

    def _keep(self, wishes: tuple[KeptWish, ...], utc_at_zero_s: float) -> list[Message]:
        wanted = {_key(wish): _data(wish, utc_at_zero_s) for wish in wishes}
        gone = [key for key in self._kept if key not in wanted]
        new = {key: data for key, data in wanted.items() if key not in self._kept}
        self._kept = {key: data for key, data in self._kept.items() if key in wanted} | new
        return [
            *(SaveRecord(Kind.SETTING, key, None) for key in gone),
            *(SaveRecord(Kind.SETTING, key, data) for key, data in new.items()),
        ]


def _key(wish: KeptWish) -> str:
    return f"{_PREFIX}{'ours' if wish.is_ours else 'theirs'}/{wish.number}"


def _data(wish: KeptWish, utc_at_zero_s: float) -> bytes:
    return f"{round(utc_at_zero_s + wish.until_s)},{int(wish.is_relayed)}".encode()


def _wish(key: str, data: bytes, utc_at_zero_s: float) -> KeptWish | None:
    """None for what is no record of ours."""
    _, whose, number = key.split("/", 2)
    until, _, relayed = data.decode(errors="replace").partition(",")
    if not (until.isdigit() and number.isdigit()):
        return None
    return KeptWish(number, int(until) - utc_at_zero_s, whose == "ours", relayed == "1")
