"""Wishes: who is to be told when a line is free, on both sides of a busy tone; only values.

Units: `_s` monotonic seconds.
Source: ETSI ETS 300 357 (completion of calls to busy subscribers), with our own limits.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware.call.messages import Completion
from firmware.events.services import KeptWish
from firmware.identity import Certificate

WISH_S = 1_800.0  # how long somebody waits for a line
WISHES_MAX = 8  # of our own
ASKERS_MAX = 16  # who wait for us


@dataclass(frozen=True, slots=True)
class Errand:
    """What a box tells another without ringing: one of the three is set."""

    number: str
    missed_utc_s: int | None = None
    completion: Completion | None = None
    back_utc_s: int | None = None
    is_relayed: bool = False  # no address of ours is told

    @property
    def kind(self) -> str:
        """Of each kind there is one errand to a number at a time."""
        return f"{self.missed_utc_s is not None} {self.completion} {self.back_utc_s is not None}"


@dataclass(frozen=True, slots=True)
class Free:
    """Whom we wanted has a free line."""

    number: str
    certificate: Certificate
    is_relayed: bool


class Wishes:
    """`errands` are to be sent; `free` is told as soon as our own handset is down."""

    def __init__(self) -> None:
        self.errands: list[Errand] = []
        self.free: list[Free] = []
        self.next_s: float | None = None  # when the next asker is told; None = our line is busy
        self._asked: dict[str, tuple[float, bool]] = {}  # number: until when, relayed
        self._askers: dict[str, float] = {}  # number: until when; the first is told first

    @property
    def has_askers(self) -> bool:
        """Somebody waits for us, or did until a moment ago."""
        return bool(self._askers)

    def grant(self, number: str, now_s: float) -> bool:
        """`number` waits for us from now on; False if too many do."""
        self._expire(now_s)
        if number not in self._askers and len(self._askers) >= ASKERS_MAX:
            return False
        self._askers[number] = now_s + WISH_S
        return True

    def pop_asker(self, now_s: float) -> str | None:
        """Who has waited for longest, and waits no longer."""
        self._expire(now_s)
        number = next(iter(self._askers), None)
        if number is not None:
            del self._askers[number]
        return number

    def forget_asker(self, number: str) -> None:
        """It calls by itself."""
        self._askers.pop(number, None)

    def ask(self, number: str, now_s: float, *, is_relayed: bool) -> bool:
        """We wait for `number`; False if we wait for too many."""
        self._expire(now_s)
        if number not in self._asked and len(self._asked) >= WISHES_MAX:
            return False
        self._asked[number] = now_s + WISH_S, is_relayed
        return True

    def hear_free(self, number: str, certificate: Certificate, now_s: float) -> bool:
        """`number`, which is proved, says that its line is free; False if we never asked."""
        self._expire(now_s)
        _, is_relayed = self._asked.get(number, (0.0, False))
        if self._asked.pop(number, None) is None:
            return False
        self.free.append(Free(number, certificate, is_relayed))
        return True

    def forget(self, number: str) -> None:
        """We talk with it: nobody has to wait."""
        self.withdraw(number)
        self.forget_asker(number)

    def withdraw(self, number: str) -> None:
        """We call it by ourselves, or it does not let us wait."""
        self._asked.pop(number, None)
        self.free = [one for one in self.free if one.number != number]

    def kept(self) -> tuple[KeptWish, ...]:
        """What shall outlive a restart."""
        asked = ((who, *asked) for who, asked in self._asked.items())
        ours = [KeptWish(who, until_s, True, relayed) for who, until_s, relayed in asked]
        theirs = [KeptWish(who, until_s, False) for who, until_s in self._askers.items()]
        return (*ours, *theirs)

    def restore(self, wishes: tuple[KeptWish, ...], now_s: float) -> None:
        """Those of before a restart; what is known already stays."""
        for wish in wishes:
            until_s = min(wish.until_s, now_s + WISH_S)
            if wish.is_ours and len(self._asked) < WISHES_MAX:
                self._asked.setdefault(wish.number, (until_s, wish.is_relayed))
            elif not wish.is_ours and len(self._askers) < ASKERS_MAX:
                self._askers.setdefault(wish.number, until_s)
        self._expire(now_s)

    def _expire(self, now_s: float) -> None:
        self._asked = {who: asked for who, asked in self._asked.items() if asked[0] > now_s}
        self._askers = {who: until_s for who, until_s in self._askers.items() if until_s > now_s}
