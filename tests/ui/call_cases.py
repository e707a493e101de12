"""One example of every page of several calls, by name."""

from __future__ import annotations

from dataclasses import replace

from firmware.model import (
    CallState,
    CallView,
    Codec,
    EndReason,
    OtherCall,
    Place,
    Screening,
    Transfer,
    Wish,
)
from firmware.ui.call_pages import call_page
from firmware.ui.pages import Page, Status, page
from firmware.ui.texts import ENGLISH, Texts

BERT, CLARA = "238846920571", "471108151234"
READY = Status(number="351108151239", nodes=40, published=True, clock_s=50_700.0)
TALKING = CallView(CallState.CONNECTED, peer_number=BERT, peer_name="Bert", codec=Codec.OPUS)
WAITING = OtherCall(Place.WAITING, CLARA, "Clara")
HELD = OtherCall(Place.HELD, CLARA, "Clara")
JOINED = OtherCall(Place.JOINED, CLARA, "Clara")
RINGING = CallView(CallState.RINGING, incoming=True, peer_number=BERT, peer_name="Bert")
CALLING = CallView(CallState.CALLING, peer_number=BERT, peer_name="Bert")
RINGBACK = replace(CALLING, state=CallState.RINGBACK)
BUSY = CallView(CallState.BUSY, peer_number=BERT, peer_name="Bert", reason=EndReason.BUSY)

CASES: dict[str, CallView] = {
    "waiting": replace(TALKING, others=(WAITING,)),
    "waiting_number": replace(TALKING, others=(replace(WAITING, peer_name=""),)),
    "choice_waiting": replace(TALKING, others=(WAITING,), is_choosing=True),
    "choice_held": replace(TALKING, others=(HELD,), is_choosing=True),
    "held": replace(TALKING, others=(HELD,)),
    "on_hold": replace(TALKING, is_on_hold=True),
    "conference": replace(TALKING, others=(JOINED,)),
    "muted": replace(TALKING, is_muted=True),
    "dial_tone_held": CallView(CallState.OFF_HOOK, others=(HELD,)),
    "over_held": replace(BUSY, others=(HELD,)),
    "ringing_via": replace(RINGING, via="Clara"),
    "working": replace(CALLING, work=0.35),
    "name_wanted": replace(TALKING, screened=Screening.ASKED),
    "name_rings": replace(TALKING, screened=Screening.RINGS),
    "name_asked": replace(TALKING, screening=Screening.ASKED, is_by_box=True),
    "name_ringing": replace(RINGING, screening=Screening.RINGS),
    "name_heard": replace(TALKING, screening=Screening.HEARD),
    "calling_via": replace(CALLING, via="Clara"),
    "put_through": replace(CALLING, via="Anna", transfer=Transfer.PUT_THROUGH),
    "put_through_ringback": replace(RINGBACK, via="Anna", transfer=Transfer.PUT_THROUGH),
    "ringing_put_through": replace(RINGING, via="Anna", transfer=Transfer.PUT_THROUGH),
    "going_back": replace(CALLING, via="Clara", transfer=Transfer.RETURNED),
    "coming_back": replace(RINGING, via=CLARA, transfer=Transfer.RETURNED),
    "still_there": replace(RINGING, transfer=Transfer.RETURNED),
    "wish_offered": replace(BUSY, wish=Wish.OFFERED),
    "wish_asked": replace(BUSY, wish=Wish.ASKED),
    "wish_granted": replace(BUSY, wish=Wish.GRANTED),
    "wish_denied": replace(BUSY, wish=Wish.DENIED),
    "wish_free": replace(RINGING, incoming=False, wish=Wish.FREE),
}


def shown(name: str, texts: Texts = ENGLISH) -> Page:
    """The page of a case."""
    return call_page(page(CASES[name], READY, texts), CASES[name], texts.calls)
