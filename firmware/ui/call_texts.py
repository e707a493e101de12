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
