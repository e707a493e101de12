"""Pages of several calls: who waits, who is on hold, what a flash can do, who is in conference.

Pure functions from the call's view and the page it would have alone; knows no font and no clock.
"""

from __future__ import annotations

from dataclasses import replace

from firmware import number
from firmware.model import CallState, CallView, OtherCall, Place, Screening, Transfer, Wish
from firmware.ui.call_texts import ENGLISH, CallTexts
from firmware.ui.pages import ROWS_MAX, Page


def call_page(alone: Page, view: CallView, texts: CallTexts = ENGLISH) -> Page:
    """`alone`, or what is more important because there are other calls."""
    if view.is_choosing:
        return _choice(view, texts)
    if view.screening or view.screened:
        return _name(alone, view, texts)
    if view.work is not None:
        hint = texts.working_hint
        return Page("wait", texts.working, subject=_peer(view), body=hint, progress=view.work)
    if view.state is CallState.CONNECTED:
        return _talking(alone, view, texts)
    if view.wish is not None:
        return _wish(alone, view, texts)
    if view.transfer is not None:
        return _transfer(alone, view, texts)
    if view.via:
        return replace(alone, foot=texts.via.format(_shown(view.via)))
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
        return replace(alone, title=_peer(view), foot=texts.muted, foot_right="")
    if view.others:
        return replace(alone, foot=texts.held.format(_who(view.others[0])), foot_right="")
    return alone


def _wish(alone: Page, view: CallView, texts: CallTexts) -> Page:
    """The line is busy, and can be waited for; or it is free now."""
    match view.wish:
        case Wish.OFFERED:
            is_spoken = not alone.icon  # the box itself says what can be done
            return alone if is_spoken else replace(alone, body=texts.wish_offered)
        case Wish.ASKED:
            return replace(alone, body=texts.wish_asked)
        case Wish.GRANTED:
            return replace(alone, body=texts.wish_granted)
        case Wish.DENIED:
            return replace(alone, body=texts.wish_denied)
    return replace(alone, title=texts.is_free, foot=texts.is_free_hint)


def _name(alone: Page, view: CallView, texts: CallTexts) -> Page:
    """A stranger is to say a name: here, or we are the stranger.

    What a stranger calls itself is not shown before it is accepted; its number is proved.
    """
    stranger = number.display(view.peer_number)
    if view.screened is Screening.ASKED:
        return Page("handset", texts.name_wanted, body=texts.name_wanted_hint)
    if view.screened is not None:
        return Page("bell", texts.name_rings, large=_peer(view))
    if view.screening is Screening.ASKED:
        return Page("wait", texts.name_asked, subject=stranger)
    if view.screening is Screening.RINGS:
        return replace(alone, large=stranger, foot=texts.name_ringing_hint)
    keys = texts.name_talk, texts.name_refuse, texts.name_block
    return Page("handset", texts.name_asked, rows=(stranger, *keys))


def _transfer(alone: Page, view: CallView, texts: CallTexts) -> Page:
    """Somebody has put this call through; or it comes back, because that was in vain."""
    via = _shown(view.via)
    is_ringing = view.state is CallState.RINGING
    if view.transfer is Transfer.RETURNED:
        title = texts.coming_back if is_ringing else texts.going_back
        whom = f"..{via[-4:]}" if view.via.isdigit() else via  # a whole number has no room
        foot = texts.not_reached.format(whom) if via else texts.still_there
        return replace(alone, title=title, foot=foot)
    if is_ringing:
        return replace(alone, foot=texts.via.format(via))
    return replace(alone, title=texts.put_through, foot=texts.put_through_by.format(via))


def _choice(view: CallView, texts: CallTexts) -> Page:
    """What each digit does now."""
    other = min(view.others, key=lambda other: other.place is not Place.WAITING)
    name = _who(other)
    is_waiting = other.place is Place.WAITING
    rows = [(texts.refuse if is_waiting else texts.end).format(name), texts.take.format(name)]
    rows += [texts.swap] if is_waiting else [texts.swap, texts.join]
    return Page(rows=tuple(rows))


def _peer(view: CallView) -> str:
    return view.peer_name.strip() or number.display(view.peer_number)


def _shown(who: str) -> str:
    """A name, or a number in groups."""
    return number.display(who) if who.isdigit() else who.strip()


def _who(other: OtherCall) -> str:
    return other.peer_name.strip() or number.display(other.peer_number)
