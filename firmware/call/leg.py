"""One leg: a call with one peer, from the first digit or the proved INVITE to its end.

Only values; what happens to them is in line.py and the modules beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.call.disclosure import Disclosure
from firmware.call.session import Session
from firmware.call.stamps import Demand
from firmware.model import CallState, CallView, Endpoint


@dataclass(slots=True, eq=False)
class Leg:
    """`view.state` is its place in the table of machine.py."""

    call: int  # our own identifier, never used again
    disclosure: Disclosure
    view: CallView = field(default_factory=CallView)
    number: str = ""  # of the peer; dialled, or proved by the caller; empty = no call
    session: Session | None = None  # from INVITE to the end
    timer_s: float | None = None  # when the present state has lasted too long
    is_prepared: bool = False  # media has its keys
    rings: bool = False  # our bell sounds for it
    answers_itself: bool = False  # intercom
    is_joined: bool = False  # beside the front call, and in conference with it
    diversions: int = 0  # of an outgoing call, so far
    via: str = ""  # the number that has sent us here
    consults: bool = False  # it was dialled while another call is on hold: transfer.py
    referral: bytes = b""  # that we show to who is called
    returns_to: str = ""  # the number that is called if this call does not come about
    is_return: bool = False  # it is that call
    replaces: Leg | None = None  # the call whose place it takes as soon as it is admitted
    was_answered: bool = False  # it rings, but has been answered before: who lifts goes on with it
    demand: Demand | None = None  # of work that is being done for it: work.py
    stamp: bytes = b""  # the work that was done
    demands: int = 0
    tried: int = 0  # hashes
    callee: tuple[bytes, tuple[Endpoint, ...]] = (b"", ())  # certificate and places, meanwhile

    @property
    def is_talking(self) -> bool:
        """It was answered and is not over; a test of our own sound is no call.

        Nor is a stranger whose name is asked for or heard.
        """
        is_connected = self.view.state is CallState.CONNECTED and self.session is not None
        return is_connected and self.view.screening is None
