"""Speed dial: a place of one or two digits, then #, stands for a number."""

from __future__ import annotations

from firmware.codes import Action, Order, Service
from firmware.events import Message
from firmware.events.book import BookChanged
from firmware.features.feature import Answer, Feature

_PREFIX = f"{Service.SPEED_DIAL.value}/"


class SpeedDial(Feature):
    """5# dials; *51*5*NUMBER# sets, #51*5# clears, *#51*5# asks; 100 places at most."""

    services = frozenset({Service.SPEED_DIAL})

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}  # set by code
        self._contacts: dict[str, str] = {}  # the phone book's

    def order(self, order: Order, now_s: float) -> Answer:
        """Dial, set, clear, say."""
        del now_s
        place = str(int(order.arguments[0]))
        if order.action is Action.ON:
            number = order.arguments[1]
            words = ("speed_dial_on", place_word(place), f"={number}")
            return Answer(words, save={_PREFIX + place: number.encode()})
        if order.action is Action.OFF:
            return Answer(("speed_dial_off",), save={_PREFIX + place: None})
        number = self._numbers.get(place) or self._contacts.get(place, "")
        if not number:
            return Answer(("speed_dial_off",))
        if order.action is Action.ASK:
            return Answer(("speed_dial_on", place_word(place), f"={number}"))
        return Answer(dial=number)

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Contacts have places, too."""
        del now_s
        if isinstance(fact, BookChanged):
            gone = {*fact.forgotten, *(contact.number for contact in fact.changed)}
            kept = {place: number for place, number in self._contacts.items() if number not in gone}
            new = {
                str(int(contact.speed_dial)): contact.number
                for contact in fact.changed
                if contact.speed_dial
            }
            self._contacts = kept | new
        return []

    def load(self, key: str, data: bytes | None) -> bool:
        """One place."""
        if not key.startswith(_PREFIX):
            return False
        place = key.removeprefix(_PREFIX)
        self._numbers.pop(place, None)
        if data is not None:
            self._numbers[place] = data.decode()
        return True


def place_word(place: str) -> str:
    """As a number while there is a prompt for it."""
    return place if int(place) < 60 else f"={place}"
