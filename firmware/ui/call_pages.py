"""Pages of several calls: who waits, who is on hold, what a flash can do, who is in conference.

Pure functions from the call's view and the page it would have alone; knows no font and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware import number
from firmware.model import Asks, CallState, CallView, OtherCall, Place
from firmware.ui.pages import ROWS_MAX, Page


@dataclass(frozen=True, slots=True)
class CallTexts:
    """The texts of one language; a row has at most 21 characters, a title 13."""

    waiting: str
    waiting_hint: str
    on_hold: str
    on_hold_hint: str
    held: str
    muted: str
    conference: str
    back: str
    refuse: str
    end: str
    take: str
    swap: str
    join: str
    hand_over: str
    via: str
    transfer: str
    transfer_hint: str
    handing_over: str
    handing_over_hint: str
    call_back: str
    free: str
    free_hint: str
    wake_up: str
    wake_up_hint: str


ENGLISH = CallTexts(
    waiting="Call waiting",
    waiting_hint="Flash to take it.",
    on_hold="On hold",
    on_hold_hint="Please wait, they come back.",
    held="held: {}",
    muted="Mic is off",
    conference="Conference",
    back="Flash: back",
    refuse="0 refuse {}",
    end="0 end {}",
    take="1 end, take {}",
    swap="2 swap",
    join="3 all together",
    hand_over="4 connect the two",
    via="via {}",
    transfer="Talk to",
    transfer_hint="# yes, * no",
    handing_over="Connecting",
    handing_over_hint="You may hang up.",
    call_back="5: call back",
    free="Free again",
    free_hint="Lift to call",
    wake_up="Good morning",
    wake_up_hint="This is your wake-up call.",
)
GERMAN = CallTexts(
    waiting="Anklopfen",
    waiting_hint="Taste R nimmt an.",
    on_hold="Gehalten",
    on_hold_hint="Bitte warten, es geht gleich weiter.",
    held="hält: {}",
    muted="Mikro aus",
    conference="Konferenz",
    back="R: zurück",
    refuse="0 abweisen {}",
    end="0 beenden {}",
    take="1 Ende, zu {}",
    swap="2 makeln",
    join="3 alle zusammen",
    hand_over="4 beide verbinden",
    via="über {}",
    transfer="Sprechen mit",
    transfer_hint="# ja, * nein",
    handing_over="Verbinde",
    handing_over_hint="Sie können auflegen.",
    call_back="5: Rückruf",
    free="Wieder frei",
    free_hint="Abheben ruft an",
    wake_up="Guten Morgen",
    wake_up_hint="Dies ist Ihr Weckruf.",
)


def call_page(alone: Page, view: CallView, texts: CallTexts = ENGLISH) -> Page:
    """`alone`, or what is more important because there are other calls."""
    if view.asks is not None:
        return _asking(alone, view, view.asks, texts)
    if view.is_choosing:
        return _choice(view, texts)
    if view.state is CallState.CONNECTED:
        return _talking(alone, view, texts)
    if view.state is CallState.RINGING and view.via:
        return replace(alone, foot=texts.via.format(view.via))
    if view.others and view.state in (CallState.BUSY, CallState.FAILED):
        return replace(alone, body="", banner=texts.back)
    if view.others:
        return replace(alone, foot=texts.held.format(_who(view.others[0])))
    return alone


def _talking(alone: Page, view: CallView, texts: CallTexts) -> Page:
    waiting = [other for other in view.others if other.place is Place.WAITING]
    if waiting:
        hint = texts.waiting_hint
        return Page(icon="bell", title=texts.waiting, subject=_who(waiting[0]), body=hint)
    if view.is_on_hold:
        return Page(icon="wait", title=texts.on_hold, subject=_peer(view), body=texts.on_hold_hint)
    joined = [_who(other) for other in view.others if other.place is Place.JOINED]
    if joined:
        rows = (_peer(view), *joined)[:ROWS_MAX]
        return Page(icon="handset", title=texts.conference, rows=rows)
    if view.is_muted:
        return replace(alone, title=texts.muted, foot=_peer(view), foot_right="")
    if view.others:
        return replace(alone, foot=texts.held.format(_who(view.others[0])), foot_right="")
    return alone


def _choice(view: CallView, texts: CallTexts) -> Page:
    """What each digit does now."""
    other = min(view.others, key=lambda other: other.place is not Place.WAITING)
    name = _who(other)
    is_waiting = other.place is Place.WAITING
    last = texts.swap if is_waiting else texts.hand_over
    rows = [(texts.refuse if is_waiting else texts.end).format(name), texts.take.format(name)]
    rows += [last] if is_waiting else [texts.join, last]
    return Page(rows=tuple(rows))


def _asking(alone: Page, view: CallView, asks: Asks, texts: CallTexts) -> Page:
    match asks:
        case Asks.TRANSFER:
            subject = number.display(view.target)
            return Page("handset", texts.transfer, subject=subject, body=texts.transfer_hint)
        case Asks.HANDING_OVER:
            return Page(icon="wait", title=texts.handing_over, body=texts.handing_over_hint)
        case Asks.CALL_BACK:
            return replace(alone, body="", banner=texts.call_back)
        case Asks.FREE:
            return Page(icon="bell", title=texts.free, subject=_peer(view), body=texts.free_hint)
        case Asks.WAKE_UP:
            return Page(icon="bell", title=texts.wake_up, body=texts.wake_up_hint)


def _peer(view: CallView) -> str:
    return view.peer_name.strip() or number.display(view.peer_number)


def _who(other: OtherCall) -> str:
    return other.peer_name.strip() or number.display(other.peer_number)
