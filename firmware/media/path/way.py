"""One way to the peer: when it is checked, what its checks have shown, what it costs.

Knows no call and no bytes. Units: `_s` monotonic seconds.
Sources: RFC 8445 section 14 (pacing; ours repeats faster, since an answer within a second is what a
call is judged by), RFC 7675 (consent), RFC 6298 section 2 (smoothing).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from firmware.model import Endpoint

CONSENT_S = 30.0  # without an answer nothing more is sent there (RFC 7675 section 5.1)
KEEP_CHOSEN_S = 1.0  # between checks of the way in use
KEEP_OTHER_S = 5.0  # of one in reserve: keeps the NAT open, and its round trip fresh
PROBE_S = 10.0  # a way that has never answered is tried hard for so long
RETRY_S = 5.0  # and then now and then
RELAY_COST_S = 0.2  # a direct way is preferred unless it is slower by that much
UNMEASURED_S = 0.3  # taken for the round trip of a way that has not answered yet
FAIL_S_MIN = 0.2
FAIL_CHECKS = 3  # unanswered in a row
FOUND_CHECKS_MAX = 6  # to a place of which nobody has proved that the peer is there

# (how many checks, interval): the first come fast, for each that is lost costs its interval
_SCHEDULE = ((10, 0.04), (6, 0.1), (8, 0.25))
_LAST_INTERVAL_S = 0.5


@dataclass(slots=True, eq=False)
class Way:
    """An endpoint of the peer, directly or through an exchange."""

    endpoint: Endpoint
    born_s: float
    is_told: bool = True  # by sealed signalling; False: checks come from there, nothing is proved
    next_s: float = field(init=False)  # when the next check is due
    rtt_s: float | None = None  # smoothed
    answered_s: float | None = None  # last answer to a check of ours
    heard_s: float | None = None  # last authentic packet from there
    asked_s: float | None = None  # last check sent
    asked: int = 0  # checks since the last answer
    unanswered_s: float | None = None  # when the first of them was sent

    def __post_init__(self) -> None:
        self.next_s = self.born_s

    @property
    def is_relay(self) -> bool:
        """True if packets go through an exchange."""
        return bool(self.endpoint.channel)

    @property
    def cost_s(self) -> float:
        """What ways are compared by: round trip, and a penalty for the exchange's trouble."""
        rtt_s = UNMEASURED_S if self.rtt_s is None else self.rtt_s
        return rtt_s + RELAY_COST_S * self.is_relay

    def ask(self, now_s: float, *, is_urgent: bool) -> None:
        """A check is being sent; `is_urgent` = do not wait for its answer before the next."""
        if not self.asked:
            self.unanswered_s = now_s
        self.asked += 1
        self.asked_s = now_s
        interval_s = _interval_s(self.asked)
        if not self.is_told and self.answered_s is None and self.asked >= FOUND_CHECKS_MAX:
            interval_s = math.inf  # until the peer asks from there again
        elif self.answered_s is None and now_s - self.born_s > PROBE_S:
            interval_s = RETRY_S
        elif not is_urgent and self.rtt_s is not None:
            interval_s = max(interval_s, 1.5 * self.rtt_s)  # normally the answer comes first
        self.next_s = now_s + interval_s

    def answer(self, now_s: float, sent_s: float, keep_s: float) -> None:
        """The check of `sent_s` was answered; the next is due in `keep_s`."""
        rtt_s = now_s - sent_s
        self.rtt_s = rtt_s if self.rtt_s is None else 0.75 * self.rtt_s + 0.25 * rtt_s
        self.answered_s = self.heard_s = now_s
        self.asked, self.unanswered_s = 0, None
        self.next_s = now_s + keep_s

    def hurry(self, now_s: float) -> None:
        """Check at once and then fast, as if it were new."""
        self.asked, self.unanswered_s = 0, None
        self.born_s = self.next_s = now_s

    def is_open(self, now_s: float) -> bool:
        """True if it has answered, and not too long ago to send there."""
        return self.answered_s is not None and now_s - self.answered_s < CONSENT_S

    def is_failing(self, now_s: float) -> bool:
        """True if its checks remain unanswered for longer than loss can explain."""
        if self.unanswered_s is None or self.asked < FAIL_CHECKS:
            return False
        rtt_s = UNMEASURED_S if self.rtt_s is None else self.rtt_s
        return now_s - self.unanswered_s >= max(FAIL_S_MIN, 2 * rtt_s + 0.05)

    def is_good(self, now_s: float) -> bool:
        """True if packets can be trusted to it."""
        return self.is_open(now_s) and not self.is_failing(now_s)


def _interval_s(asked: int) -> float:
    for count, interval_s in _SCHEDULE:
        if asked <= count:
            return interval_s
        asked -= count
    return _LAST_INTERVAL_S
