"""The calls that the handset is not in: who waits, and who is on hold or joined to the front call.

Every public function is a row of the second table in machine.py. Units: `_s` monotonic seconds.
Source: ETSI ETS 300 056 and ETS 300 138 (call waiting, call hold).
"""

from __future__ import annotations

from firmware.call import messages
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.model import EndReason


def miss(line: Line, leg: Leg, _signal: object, now_s: float) -> None:
    """Who waited gave up."""
    line.forget(leg, EndReason.MISSED, now_s)


def tire(line: Line, leg: Leg, _fact: object, now_s: float) -> None:
    """It has waited for long enough."""
    line.respond(leg, messages.TryLater(), now_s)
    line.forget(leg, EndReason.MISSED, now_s)


def leave(line: Line, leg: Leg, _signal: object, now_s: float) -> None:
    """Who was on hold or in the conference hung up."""
    line.forget(leg, EndReason.HUNG_UP_BY_PEER, now_s)


def lose_trust(line: Line, leg: Leg, _signal: object, now_s: float) -> None:
    """It contradicts itself: somebody may sit between us."""
    line.forget(leg, EndReason.NOT_SECURE, now_s)


def lose(line: Line, leg: Leg, _fact: object, now_s: float) -> None:
    """Nothing more is heard of it."""
    assert leg.session is not None
    leg.session.hang_up(now_s)
    line.forget(leg, EndReason.CONNECTION_LOST, now_s)
