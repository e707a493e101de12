"""One example of every page of the menu, by name: the keys that lead to it."""

from __future__ import annotations

import json
from itertools import islice

from firmware.events.book import Contact
from firmware.events.store import Kind, SaveFailure, SaveRecord
from firmware.ui.menu.texts import MenuTexts
from firmware.ui.pages import Page
from tests.book.numbers import valid_numbers
from tests.ui.menu.hand import UTC_S, Hand

ANNA, BERT, CARL, DORA, EMIL, NEW, *_ = islice(valid_numbers(), 9)
PEOPLE = (
    Contact(ANNA, "Anna Groß", "1", is_favourite=True),
    Contact(BERT, "Bert Bär"),
    Contact(CARL, "Carl"),
    Contact(DORA, "Dora Maier-Lüdenscheidt"),
    Contact(EMIL, "Emil"),
)

WRONG = NEW[:-1] + str((int(NEW[-1]) + 1) % 10)

KEYS = {
    "menu": "#",
    "book": "##",
    "book_letters": "##237",
    "book_nobody": "##999",
    "book_chosen": "###88",
    "contact": "####",
    "contact_actions": "####" + "#8",
    "contact_speed_dial": "####" + "#88#7",
    "contact_name": "####" + "#888#***",
    "contact_intercom": "####" + "#8888#",
    "contact_block": "####" + "#22#",
    "contact_delete": "####" + "#2#",
    "saved": "###8##" + "8#",
    "not_saved": "###8##" + "8#",
    "new_number": "#88#" + NEW[:7],
    "new_name": "#88#" + NEW + "265",
    "calls": "#8#",
    "call": "#8##",
    "call_actions": "#8##" + "#",
    "no_calls": "#8#",
    "rules": "#888#",
    "rules_quiet": "#888#8#2200",
    "rules_blocked": "#888#2",
    "rules_name": "#888##",
    "helping": "#2#",
    "refused_number": "#888#888#" + WRONG,
}
_CALLS = (  # oldest first
    (NEW, "busy", False, 90_000, 0),
    (ANNA, "hung_up", False, 5400, 754),
    (BERT, "missed", True, 600, 0),
)


def menu_page(name: str, texts: MenuTexts) -> Page:
    """The page that KEYS lead to, in the language of `texts`."""
    hand = Hand(*PEOPLE, texts=texts)
    for peer, reason, incoming, ago_s, duration_s in () if name == "no_calls" else _CALLS:
        entry = {
            "ended_utc_s": UTC_S - ago_s,
            "peer": peer,
            "incoming": incoming,
            "reason": reason,
            "duration_s": duration_s,
        }
        hand.kept.perform(SaveRecord(Kind.CALL, f"{peer}{ago_s}", json.dumps(entry).encode()))
    hand.kept.failure = SaveFailure.FULL if name == "not_saved" else None
    return hand.press(KEYS[name])
