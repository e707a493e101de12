"""Every text of the menu, in English; the other languages are translations of it (language.py).

A title has at most 11 characters beside the place in a list, a row 21.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware.events.book import STAMP_DIFFICULTIES, Ring
from firmware.model import EndReason
from firmware.ui.helping_page import ENGLISH as HELPING
from firmware.ui.helping_page import HelpingTexts


@dataclass(frozen=True, slots=True)
class MenuTexts:
    """The texts of one language; `{}` is filled in."""

    menu: str = "Menu"
    book: str = "Phone book"
    new_contact: str = "New contact"
    calls: str = "Calls"
    ringing: str = "Who may ring"
    number: str = "Number"
    name: str = "Name"
    nobody: str = "Nobody found"
    nobody_hint: str = "Keys spell a name, * takes one back."
    no_calls: str = "No calls yet."
    reading: str = "Please wait"
    lift: str = "Lift to call"
    call: str = "Call"
    speed_dial: str = "Speed dial {}"
    favourite: str = "Favourite: {}"
    intercom: str = "Intercom: {}"
    intercom_hint: str = "This box will answer by itself. #\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}yes"
    rename: str = "Change name"
    block: str = "Block"
    delete: str = "Delete"
    delete_hint: str = "Delete this contact? #\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}yes"
    block_hint: str = "Block this number? #\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}yes"
    yes: str = "yes"
    no: str = "no"
    off: str = "off"
    none: str = "-"
    to_book: str = "Into phone book"
    strangers: str = "Strangers: {}"
    work: str = "Work: {}"
    works: Mapping[int, str] = field(
        default_factory=lambda: dict(
            zip(STAMP_DIFFICULTIES, ("little", "medium", "much"), strict=True)
        )
    )
    quiet: str = "Quiet {}"
    quiet_from: str = "Quiet from"
    quiet_to: str = "Quiet until"
    in_quiet: str = "Then: {}"
    block_number: str = "Block a number"
    unblock_number: str = "Unblock a number"
    blocked: str = "{} blocked"
    saving: str = "Saving"
    saved: str = "Saved"
    saved_hint: str = "It is on the card."
    not_saved: str = "Not saved"
    rings: Mapping[Ring, str] = field(
        default_factory=lambda: {
            Ring.RINGS: "ring",
            Ring.NAME: "name first",
            Ring.STAMP: "work first",
            Ring.SILENT: "silent",
            Ring.REFUSED: "refused",
        }
    )
    refusals: Mapping[str, str] = field(
        default_factory=lambda: {
            "full": "The card is full.",
            "card": "The card cannot be written.",
            "too_many": "The phone book is full.",
            "too_large": "It is too long.",
            "number": "This is no number. Please check it.",
            "fixed": "It stands in box.toml.",
        }
    )
    reasons: Mapping[EndReason, str] = field(
        default_factory=lambda: {
            EndReason.MISSED: "missed",
            EndReason.BUSY: "busy",
            EndReason.DECLINED: "declined",
            EndReason.NO_ANSWER: "no answer",
            EndReason.UNREACHABLE: "not reachable",
            EndReason.CONNECTION_LOST: "cut off",
            EndReason.WRONG_NUMBER: "wrong number",
            EndReason.EMERGENCY: "emergency",
        }
    )
    helping: HelpingTexts = HELPING
    incoming: str = "in"
    outgoing: str = "out"


ENGLISH = MenuTexts()
