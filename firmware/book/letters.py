"""Search by letters on the keypad: which names do these digits spell?

Each word of a name is found by its beginning, a whole name by its words in order with `0` or
nothing between them. Umlauts count as their letter or spelled out: Jürgen is 5 8 7 and 5 8 3 7.
Source: ITU-T E.161 (letters of the keys); ISO 9 is not followed: other alphabets have no keys.
"""

from __future__ import annotations

import heapq
import unicodedata
from bisect import bisect_left, insort
from collections.abc import Iterable

from firmware.events.book import Contact

SPACE_KEY = "0"
WORDS_MAX = 6  # of a name
KEYS_MAX = 16
SHORT_KEYS = 2  # so few keys find half a book: what they find is kept ready
_KEYS = {
    letter: str(key)
    for key, letters in enumerate("abc def ghi jkl mno pqrs tuv wxyz".split(), 2)
    for letter in letters
}
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
_AFTER_ALL = "~"  # comes after each digit

Place = tuple[bool, str, str]  # of a contact in the book: favourites first, then name and number


class Letters:
    """The contacts of a phone book, found by keys in the order of the book."""

    def __init__(self, contacts: Iterable[Contact] = ()) -> None:
        self._contacts = {contact.number: contact for contact in contacts}
        self._places = {number: _place(each) for number, each in self._contacts.items()}
        self._in_order = sorted(self._places.values())
        self._spellings: list[tuple[str, str]] = []  # keys and number
        self._short: dict[str, list[Place]] = {}  # in the order of the book, by one or two keys
        for place in self._in_order:
            found = spellings(self._contacts[place[2]].name)
            self._spellings += [(keys, place[2]) for keys in found]
            for keys in _beginnings(found):
                self._short.setdefault(keys, []).append(place)
        self._spellings.sort()

    def __len__(self) -> int:
        return len(self._contacts)

    def put(self, contact: Contact) -> None:
        """Add a contact, or replace the one with its number."""
        self.remove(contact.number)
        self._contacts[contact.number] = contact
        self._places[contact.number] = _place(contact)
        place, found = self._places[contact.number], spellings(contact.name)
        insort(self._in_order, place)
        for keys in found:
            insort(self._spellings, (keys, contact.number))
        for keys in _beginnings(found):
            insort(self._short.setdefault(keys, []), place)

    def remove(self, number: str) -> None:
        """Take a contact out, if it is there."""
        contact = self._contacts.pop(number, None)
        if contact is None:
            return
        place, found = self._places.pop(number), spellings(contact.name)
        del self._in_order[bisect_left(self._in_order, place)]
        for keys in found:
            del self._spellings[bisect_left(self._spellings, (keys, number))]
        for keys in _beginnings(found):
            del self._short[keys][bisect_left(self._short[keys], place)]

    def search(self, keys: str, first: int, count: int) -> tuple[int, tuple[Contact, ...]]:
        """How many contacts `keys` spell, and `count` of them from the one at place `first` on."""
        if len(keys) <= SHORT_KEYS:
            all_found = self._short.get(keys, []) if keys else self._in_order
            return len(all_found), self._of(all_found[first : first + count])
        start = bisect_left(self._spellings, (keys, ""))
        end = bisect_left(self._spellings, (keys + _AFTER_ALL, ""))
        numbers = {number for _, number in self._spellings[start:end]}
        places = (self._places[number] for number in numbers)
        return len(numbers), self._of(heapq.nsmallest(first + count, places)[first:])

    def _of(self, places: Iterable[Place]) -> tuple[Contact, ...]:
        return tuple(self._contacts[number] for _, _, number in places)


def spellings(name: str) -> set[str]:
    """The keys that lead to a name: from each word on to its end, with and without spaces."""
    folded = unicodedata.normalize("NFC", name).casefold()
    found: set[str] = set()
    for text in {folded, folded.translate(_SPELLED_OUT)}:
        words = [keys for word in text.replace("-", " ").split() if (keys := _keys(word))]
        for i in range(min(len(words), WORDS_MAX)):
            found.add(SPACE_KEY.join(words[i:])[:KEYS_MAX])
            found.add("".join(words[i:])[:KEYS_MAX])
    return found


def _beginnings(found: set[str]) -> set[str]:
    return {keys[:length] for keys in found for length in range(1, SHORT_KEYS + 1)}


def _keys(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.translate(_LETTERS))
    return "".join(_KEYS.get(letter, letter if letter in "0123456789" else "") for letter in plain)


def _place(contact: Contact) -> Place:
    return not contact.is_favourite, contact.name.casefold(), contact.number
