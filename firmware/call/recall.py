"""The recall: what a flash of the hook does, alone or with a digit, while there are other calls.

With one call a flash holds it and gives dial tone. With more it opens a choice for CHOICE_S, in
which a digit says what shall happen: 0 refuse or drop the other, 1 drop this one and take the
other, 2 swap, 3 all together. Without a digit it swaps. Every public function is a row of the table
in machine.py. Units: `_s` monotonic seconds.
Source: ETSI ETS 300 738 (recall and digits).
"""

from __future__ import annotations

from collections.abc import Callable

from firmware import events
from firmware.call import dialling, messages
from firmware.call.incoming import answer_waiting
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.call.talking import press
from firmware.model import CallState, EndReason

CHOICE_S = 1.5  # after a flash, for a digit


def flash(line: Line, _fact: events.HookFlashed, now_s: float) -> None:
    """In speech: hold the only call, else choose; the second flash of two is a swap."""
    if line.is_hands_free or line.front.view.screening is not None:
        return
    if line.front.session is None:
        if line.beside:  # from a service of the box back to the call on hold
            line.finish(line.front, EndReason.HUNG_UP, now_s)
            _take(line, line.next_beside(), now_s)
    elif line.choice_s is not None:
        choose_nothing(line, now_s)
    elif line.beside:
        line.choice_s = now_s + CHOICE_S
    else:
        _put_aside(line, now_s)
        dialling.begin(line, now_s)


def flash_while_it_rings(line: Line, _fact: events.HookFlashed, now_s: float) -> None:
    """The other bell sounds: choose, if there is another call; alone it does nothing."""
    if line.choice_s is not None:
        choose_nothing(line, now_s)
    elif line.beside:
        line.choice_s = now_s + CHOICE_S


def flash_back(line: Line, _fact: object, now_s: float) -> None:
    """Nobody is in the ear: back to the call on hold, or to who is waiting, or to dial tone."""
    if line.beside:
        _end_front(line, now_s)
        _take(line, line.next_beside(), now_s)
    elif line.front.view.state in (CallState.BUSY, CallState.FAILED):
        dialling.begin(line, now_s)


def come_back(line: Line, _fact: object, now_s: float) -> None:
    """The tone has been heard for long enough: the call on hold goes on."""
    held = [leg for leg in line.beside if leg.is_talking]
    if held:
        _take(line, held[0], now_s)


def press_or_choose(line: Line, fact: events.KeyPressed, now_s: float) -> None:
    """A key in speech: for the choice if one is open, else for the peer."""
    if line.choice_s is None:
        press(line, fact, now_s)
    else:
        choose(line, fact, now_s)


def choose(line: Line, fact: events.KeyPressed, now_s: float) -> None:
    """A digit after a flash; any other key closes the choice."""
    if line.choice_s is not None:
        line.choice_s = None
        chosen = _CHOICES.get(fact.key)
        if chosen is not None and line.beside:
            chosen(line, now_s)


def choose_nothing(line: Line, now_s: float) -> None:
    """A flash alone: swap; from a call that was not answered yet, back."""
    line.choice_s = None
    if line.beside:
        _swap(line, now_s)


def _drop_other(line: Line, now_s: float) -> None:
    """0: the waiting caller is refused; if nobody waits, the call on hold ends."""
    other = line.next_beside()
    if other.view.state is CallState.RINGING:
        line.respond(other, messages.Decline(), now_s)
        line.forget(other, EndReason.DECLINED, now_s)
    else:
        line.hang_up(other, now_s)


def _drop_this(line: Line, now_s: float) -> None:
    """1: this call ends, the other one is taken."""
    other = line.next_beside()
    _end_front(line, now_s)
    _take(line, other, now_s)


def _swap(line: Line, now_s: float) -> None:
    """2: to the other call, this one waits; of a conference this one goes on alone."""
    if line.is_conference:
        _split(line, now_s)
        return
    other = line.next_beside()
    if line.front.is_talking:
        _put_aside(line, now_s)
    else:
        _end_front(line, now_s)
    _take(line, other, now_s)


def _join(line: Line, now_s: float) -> None:
    """3: this call and those on hold become one conversation."""
    if line.front.is_talking:
        for leg in line.beside:
            if leg.is_talking and not leg.is_joined:
                leg.is_joined = True
                line.hold(leg, now_s, on=False)


def _split(line: Line, now_s: float) -> None:
    for leg in line.beside:
        if leg.is_joined:
            leg.is_joined = False
            line.hold(leg, now_s, on=True)


_CHOICES: dict[str, Callable[[Line, float], None]] = {
    "0": _drop_other,
    "1": _drop_this,
    "2": _swap,
    "3": _join,
}


def _put_aside(line: Line, now_s: float) -> None:
    """The front call, and who is in conference with it, are on hold."""
    _split(line, now_s)
    line.hold(line.front, now_s, on=True)
    line.beside.append(line.front)


def _end_front(line: Line, now_s: float) -> None:
    """Let go of what is in the ear."""
    if line.front.number:
        line.hang_up(line.front, now_s)


def _take(line: Line, leg: Leg, now_s: float) -> None:
    """The handset is in `leg` from now on."""
    if leg in line.beside:
        line.beside.remove(leg)
    line.front = leg
    if leg.view.state is CallState.RINGING:
        answer_waiting(line, leg, now_s)
    else:
        leg.is_joined = False
        line.hold(leg, now_s, on=False)
