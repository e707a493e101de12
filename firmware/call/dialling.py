"""Dialling: what a lifted handset and keys do until a number or a code is complete.

Every public function is a row of the table in machine.py, which says in which state it is called.
Units: `_s` monotonic seconds. Source: ITU-T E.182 (dial tone, time-outs).
"""

from __future__ import annotations

from dataclasses import replace

from firmware import events
from firmware.call.dialplan import (
    CLEAR_KEY,
    FIRST_DIGIT_S,
    MENU_PAUSE_S,
    MENU_S,
    NEXT_DIGIT_S,
    PAUSE_S,
    SEND_KEY,
    Verdict,
    judge,
)
from firmware.call.line import Line
from firmware.call.outgoing import call
from firmware.codes import Progress
from firmware.events import services
from firmware.events.messages import UseHandset
from firmware.model import CallState, EndReason
from firmware.number import NUMBER_DIGITS, check_digit

_DIGITS = frozenset("0123456789")


def give_dial_tone(line: Line, _fact: events.HookLifted, now_s: float) -> None:
    """The handset was taken up to dial."""
    line.open_earpiece()
    begin(line, now_s)


def begin(line: Line, now_s: float) -> None:
    """Dial tone, with nothing dialled."""
    line.front = line.new_leg()
    line.front.consults = any(leg.is_talking for leg in line.beside)
    line.enter(line.front, CallState.OFF_HOOK, now_s + FIRST_DIGIT_S)


def take_key(line: Line, fact: events.KeyPressed, now_s: float) -> None:
    """A digit or a part of a code; else `#` sends, `*` takes all back, others do nothing."""
    leg = line.front
    digits, sent = leg.view.digits + fact.key, False
    if fact.key not in _DIGITS and line.plan.progress(digits) is Progress.NONE:
        if fact.key == CLEAR_KEY:
            begin(line, now_s)
        if fact.key != SEND_KEY or not leg.view.digits:
            return
        digits, sent = leg.view.digits, True
    leg.view = replace(leg.view, digits=digits)
    _judge(line, now_s, sent=sent)


def time_out(line: Line, _fact: object, now_s: float) -> None:
    """Lifted, but nothing or not enough was dialled; or what could have gone on does not."""
    verdict = judge(line.front.view.digits, line.plan, sent=True)
    if verdict is Verdict.TEST:
        _serve(line, now_s)
    elif verdict is Verdict.MENU:
        line.out.append(services.MenuWanted())
        begin(line, now_s)
    else:
        line.fail(EndReason.TIMED_OUT, now_s)


def wait_for_menu(line: Line, _fact: services.MenuUsed, now_s: float) -> None:
    """Who reads a menu has more time than who is to dial."""
    line.enter(line.front, CallState.OFF_HOOK, now_s + MENU_S)


def leave_service(line: Line, fact: services.ServiceEnded, now_s: float) -> None:
    """What a code asked for is done: dial tone again, and perhaps the first digit."""
    if line.front.session is None:
        line.finish(line.front, EndReason.HUNG_UP, now_s)
        begin(line, now_s)
        if fact.key:
            take_key(line, events.KeyPressed(fact.key), now_s)


def dial(line: Line, command: services.DialNumber, now_s: float) -> None:
    """A service dials in the place of the person, who has lifted the handset."""
    if line.front.session is None:
        line.finish(line.front, EndReason.HUNG_UP, now_s)
        begin(line, now_s)
        line.front.view = replace(line.front.view, digits=command.dialled)
        _judge(line, now_s)


def _judge(line: Line, now_s: float, *, sent: bool = False) -> None:
    digits = line.front.view.digits
    match judge(digits, line.plan, sent=sent):
        case Verdict.INCOMPLETE:
            _, number = line.plan.split(digits)
            if len(number) == NUMBER_DIGITS - 1 and number.isdigit():
                # the check digit is no news
                line.out.append(events.ExpectNumber(number + check_digit(number)))
            line.enter(line.front, CallState.DIALLING, now_s + NEXT_DIGIT_S)
        case Verdict.PAUSE:
            line.enter(line.front, CallState.DIALLING, now_s + PAUSE_S)
        case Verdict.MENU:
            line.enter(line.front, CallState.DIALLING, now_s + MENU_PAUSE_S)
        case Verdict.COMPLETE:
            call(line, digits, now_s)
        case Verdict.WRONG:
            line.fail(EndReason.WRONG_NUMBER, now_s)
        case Verdict.EMERGENCY:
            line.fail(EndReason.EMERGENCY, now_s)
        case Verdict.TEST if line.beside:
            line.fail(EndReason.WRONG_NUMBER, now_s)  # the sound belongs to the call on hold
        case Verdict.TEST:
            _serve(line, now_s)
        case Verdict.CODE:
            _serve(line, now_s)
            line.out.append(services.CodeDialled(digits))


def use_handset(line: Line, _command: UseHandset, now_s: float) -> None:
    """A call has failed, and the box offers something in its place."""
    line.front = line.new_leg()
    _serve(line, now_s)


def _serve(line: Line, now_s: float) -> None:
    """The box itself answers: a call without a peer."""
    line.open_microphone()
    line.front.view = replace(line.front.view, connected_s=now_s)
    line.enter(line.front, CallState.CONNECTED)
