"""What call_pages.py says, in English; translated like texts.py, of which it is a part."""

from __future__ import annotations

from dataclasses import dataclass


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
    via: str
    working: str
    working_hint: str
    name_wanted: str
    name_wanted_hint: str
    name_rings: str
    name_asked: str
    name_ringing_hint: str
    name_talk: str
    name_refuse: str
    name_block: str
    put_through: str
    put_through_by: str
    going_back: str
    coming_back: str
    not_reached: str
    still_there: str
    wish_offered: str
    wish_asked: str
    wish_granted: str
    wish_denied: str
    is_free: str
    is_free_hint: str


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
    via="via {}",
    working="Working",
    working_hint="You are a stranger.",
    name_wanted="Your name",
    name_wanted_hint="Say it after the tone, and wait.",
    name_rings="Rings there",
    name_asked="Who is there?",
    name_ringing_hint="Lift to hear the name",
    name_talk="1 talk",
    name_refuse="2 refuse",
    name_block="3 block for ever",
    put_through="Put through",
    put_through_by="by {}",
    going_back="Going back",
    coming_back="Back again",
    not_reached="not reached: {}",
    still_there="is still there",
    wish_offered="5: ring me when free",
    wish_asked="Asking to be told ...",
    wish_granted="Hang up, it will ring.",
    wish_denied="They cannot tell you.",
    is_free="Free now",
    is_free_hint="Lift to call",
)
