"""Is an INVITE new, or a recording that somebody plays again to make the bell sound?

The first message of Noise IK can be replayed (revision 34, section 7.7). An INVITE is accepted at
once only if its time is near ours and its session was not seen; any other is no refusal but one
more round trip (TRYING, PRACK), because a box without the right time must ring too.
Units: utc seconds as the caller wrote them; `now_s` monotonic seconds.
"""

from __future__ import annotations

from collections import OrderedDict

FRESH_S = 120.0  # between two clocks and on the way
SESSIONS_REMEMBERED_MAX = 1024  # of fresh INVITEs; the oldest is forgotten, and `_floor_s` rises


class Freshness:
    """What was accepted at once, and the clock it was compared with."""

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None  # utc - monotonic
        self._floor_s = 0.0  # what was sent at or before this utc is unknown to us
        self._remembered: OrderedDict[bytes, int] = OrderedDict()

    def set_clock(self, utc_s: float, now_s: float) -> None:
        """The calendar says `utc_s` at `now_s`."""
        if self._utc_at_zero_s is None:
            self._floor_s = utc_s  # of what came before our start we remember nothing
        self._utc_at_zero_s = utc_s - now_s

    def utc_s(self, now_s: float) -> int | None:
        """The time to write into an INVITE; None while the calendar is unknown."""
        return None if self._utc_at_zero_s is None else int(self._utc_at_zero_s + now_s)

    def accept(self, session_id: bytes, sent_utc_s: int | None, now_s: float) -> bool:
        """True, once, for an INVITE that cannot be a recording; remembers its session."""
        if sent_utc_s is None or self._utc_at_zero_s is None or session_id in self._remembered:
            return False
        age_s = self._utc_at_zero_s + now_s - sent_utc_s
        if abs(age_s) > FRESH_S or sent_utc_s <= self._floor_s:
            return False
        self._remembered[session_id] = sent_utc_s
        if len(self._remembered) > SESSIONS_REMEMBERED_MAX:
            _, forgotten_utc_s = self._remembered.popitem(last=False)
            self._floor_s = max(self._floor_s, forgotten_utc_s)
        return True
