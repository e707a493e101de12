"""What came of the packets of one sender: which were lost, how unevenly they came.

Knows no payload and no play-out: sequence numbers, timestamps and the moments of arrival.
Units: `_s` seconds; numbers are unwrapped (they do not fall back to 0 after 65,535).
Source: RFC 3550 appendices A.1, A.3 and A.8.
"""

from __future__ import annotations

from firmware.media.rtp import unwrap

FATES_MAX = 512  # packets for which late, lost and duplicate are told apart
UNSETTLED = 5  # the newest packets: one that is missing may only have been overtaken


class Reception:
    """The packets of one SSRC, without a jump in between."""

    def __init__(self, first_number: int) -> None:
        self.first = self.highest = first_number
        self.jitter_s = 0.0  # interarrival jitter, RFC 3550 section 6.4.1
        self.received = 0  # without duplicates
        self._seen: set[int] = set()
        self._transit_s: float | None = None
        self._prior = (0, 0)  # expected and received at the last report

    @property
    def expected(self) -> int:
        """Packets sent to us since the first, as far as we can know."""
        return self.highest - self.first + 1 if self.received else 0

    @property
    def lost(self) -> int:
        """Packets that have not come so far."""
        return max(self.expected - self.received, 0)

    def number(self, wrapped: int) -> int:
        """The unwrapped number of 16 bits from a packet."""
        return unwrap(wrapped, self.highest, 16)

    def take(self, number: int, media_s: float, now_s: float) -> bool:
        """Count a packet; False if it is here for the second time, or too old to know."""
        if number in self._seen or number <= self.highest - FATES_MAX:
            return False
        self._seen.add(number)
        self.received += 1
        self.first = min(self.first, number)
        if number > self.highest:
            for forgotten in range(self.highest - FATES_MAX + 1, number - FATES_MAX + 1):
                self._seen.discard(forgotten)
            self.highest = number
        transit_s = now_s - media_s
        if self._transit_s is not None:
            self.jitter_s += (abs(transit_s - self._transit_s) - self.jitter_s) / 16
        self._transit_s = transit_s
        return True

    def fraction_lost(self) -> float:
        """Of the packets since the last call of this; appendix A.3."""
        expected, received = self.expected - self._prior[0], self.received - self._prior[1]
        self._prior = (self.expected, self.received)
        return min(max((expected - received) / expected, 0.0), 1.0) if expected > 0 else 0.0

    def fates(self, count: int) -> tuple[int, list[bool]]:
        """A number, and whether it and each that follows came; of the last `count` settled ones."""
        end = self.highest + 1 - UNSETTLED
        begin = max(end - min(count, FATES_MAX - UNSETTLED), self.first)
        return begin, [number in self._seen for number in range(begin, end)]

    def has_come(self, number: int) -> bool:
        """False if it is missing (or older than FATES_MAX)."""
        return number in self._seen
