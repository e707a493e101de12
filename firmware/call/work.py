"""Work: what a caller's box does for a stamp, and how the callee's box looks at one.

Units: `_s` monotonic seconds. Source: stamps.py.
"""

from __future__ import annotations

import math
from dataclasses import replace

from firmware import events
from firmware.call import messages, outgoing
from firmware.call.caller_session import CallerSession
from firmware.call.callers import Proved
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.call.stamps import DIFFICULTY_MAX, Stamp, question
from firmware.errors import MalformedError
from firmware.events.strangers import DemandStamp, SearchStamp, StampSearched
from firmware.model import CallState, EndReason

STAMP_S_MAX = 180.0  # of a caller's patience
BATCH = 64  # hashes in one job: a tenth of a second, within which hanging up ends the work
DEMANDS_MAX = 2  # of one call: the first stamp may be of yesterday
STEPS = 20  # of progress that are shown


# --- the caller ----------------------------------------------------------------------------------


def begin(line: Line, wanted: messages.StampWanted, now_s: float) -> None:
    """The callee wants work of strangers: do it, and call again."""
    leg, demand = line.front, wanted.demand
    session = leg.session
    leg.demands += 1
    is_too_much = demand.difficulty > DIFFICULTY_MAX or leg.demands > DEMANDS_MAX
    if is_too_much or not isinstance(session, CallerSession):
        line.fail(EndReason.DECLINED, now_s)
        return
    leg.demand = demand
    leg.callee = session.certificate.encode(), session.endpoints
    leg.session = None
    leg.view = replace(leg.view, work=0.0)
    line.enter(leg, CallState.CALLING, now_s + STAMP_S_MAX)
    _search(line, leg, int.from_bytes(line.transactions.random_bytes(8), "big"))


def go_on(line: Line, fact: StampSearched, now_s: float) -> None:
    """Some hashes more: found, or the next ones; nothing if nobody waits for them any more."""
    leg = line.front
    if leg.demand is None or leg.session is not None or fact.question != _question(line, leg):
        return
    if fact.number is None:
        leg.tried += fact.count
        done = 1 - math.exp(-leg.tried / 2**leg.demand.difficulty)  # a search has no memory
        leg.view = replace(leg.view, work=int(STEPS * done) / STEPS)
        _search(line, leg, (fact.first + fact.count) % 2**64)
        return
    leg.stamp = Stamp(leg.demand.day, leg.demand.seed, fact.number).encode()
    leg.demand, leg.tried = None, 0
    leg.view = replace(leg.view, work=None)
    certificate, endpoints = leg.callee
    line.enter(leg, CallState.CALLING)
    outgoing.send_invite(line, leg, certificate, endpoints, now_s)


def _search(line: Line, leg: Leg, first: int) -> None:
    assert leg.demand is not None
    asked = _question(line, leg)
    line.out.append(SearchStamp(asked, leg.demand.difficulty, first, BATCH))


def _question(line: Line, leg: Leg) -> bytes:
    assert leg.demand is not None
    key = line.transactions.identity.public_key
    return question(leg.number, key, leg.demand.day, leg.demand.seed)


# --- the callee ----------------------------------------------------------------------------------


def is_looked_at(line: Line, caller: Proved, now_s: float) -> bool:
    """False if there is no stamp that a hash is worth; else the offer waits for that hash."""
    try:
        stamp = Stamp.decode(caller.session.invite.stamp)
    except MalformedError:
        return False
    key = caller.session.certificate.public_key
    if not line.stamps.is_current(stamp, key, line.transactions.freshness.utc_s(now_s)):
        return False
    asked = question(line.transactions.own_number or "", key, stamp.day, stamp.seed)
    line.unstamped = [each for each in line.unstamped if not each[2].session.is_over]
    line.unstamped.append((asked, stamp, caller))
    line.out.append(SearchStamp(asked, 0, stamp.number, 1))
    return True


def weigh(line: Line, fact: StampSearched) -> list[Proved]:
    """The callers whose stamp this hash weighs; each stamp counts once."""
    waiting, line.unstamped = line.unstamped, []
    weighed = []
    for asked, stamp, caller in waiting:
        if (asked, stamp.number, 1) != (fact.question, fact.first, fact.count):
            line.unstamped.append((asked, stamp, caller))
        elif not caller.session.is_over:
            is_new = line.stamps.use(stamp, caller.session.certificate.public_key)
            weighed.append(replace(caller, zero_bits=fact.zero_bits if is_new else 0))
    return weighed


def demand(line: Line, command: DemandStamp, now_s: float) -> None:
    """An offered call is refused until its caller has worked."""
    caller, _ = line.offers.pop(command.call, (None, None))
    if caller is None:
        return
    if not (line.is_free or line.may_wait):  # nobody works for the busy tone
        line.transactions.respond(caller.session, messages.Busy(), now_s)
        ended = events.CallEnded(caller.number, True, EndReason.BUSY, 0.0, command.call)
        line.out.append(ended)
        return
    utc_s = line.transactions.freshness.utc_s(now_s)
    wanted = messages.StampWanted(line.stamps.demand(command.difficulty, utc_s))
    line.transactions.respond(caller.session, wanted, now_s)
