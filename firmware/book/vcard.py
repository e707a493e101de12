"""vCards: contacts out of a file of any telephone or mail program, and into one.

Knows no file: lines of bytes come in one by one, so the longest file takes no more memory than one
card. Whether the four digits were compared is never believed of a file.
Sources: RFC 6350 (version 4.0), RFC 2426 (3.0); X-FERNRUF-... are ours, as both allow.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from firmware import number
from firmware.book.contacts import checked
from firmware.errors import MalformedError
from firmware.events.book import Contact

CARDS_MAX = 20_000  # as many as the book takes
LINE_BYTES_MAX = 4096  # of a logical line; what is longer is a photograph
NUMBERS_PER_CARD_MAX = 16
VERSIONS = ("3.0", "4.0")
SPEED_DIAL, FLAGS = "X-FERNRUF-SPEED-DIAL", "X-FERNRUF-FLAGS"
_LINE_OCTETS = 75  # RFC 6350 section 3.2
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class CardReader:
    """Reads one file; `skipped` counts by reason what became no contact."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()

    def contacts(self, lines: Iterable[bytes]) -> Iterator[Contact]:
        """Each contact as its card ends; MalformedError if this is no file of vCards."""
        cards = 0
        card: list[tuple[str, str]] | None = None
        for line in unfolded(lines):
            name, value = _property(line)
            if name == "BEGIN" and value.upper() == "VCARD":
                card, cards = [], cards + 1
                if cards > CARDS_MAX:
                    raise MalformedError(f"more than {CARDS_MAX} cards: split the file")
            elif name == "END" and card is not None:
                yield from self._contacts_of(card)
                card = None
            elif card is not None:
                card.append((name, value))
                if len(card) > LINE_BYTES_MAX:
                    raise MalformedError("a card has no end")
            elif cards == 0 and line:
                raise MalformedError("no vCards: it does not begin with BEGIN:VCARD")
        if cards == 0:
            raise MalformedError("no vCards: the file is empty")
        if card is not None:
            self.skipped["cut off at the end of the file"] += 1

    def _contacts_of(self, card: list[tuple[str, str]]) -> Iterator[Contact]:
        said = dict(reversed(card))  # the first of each counts
        if said.get("VERSION") not in VERSIONS:
            self.skipped["of another version than 3.0 and 4.0"] += 1
            return
        name = _unescaped(said.get("FN", "")) or _name_in_parts(said.get("N", ""))
        flags = said.get(FLAGS, "").lower().split(",")
        numbers = dict.fromkeys(_digits(value) for name, value in card if name == "TEL")
        ours = [each for each in numbers if number.is_valid(each)][:NUMBERS_PER_CARD_MAX]
        if not ours:
            self.skipped["without a number of twelve digits"] += 1
        for place, each in enumerate(ours):
            contact = Contact(
                each,
                name,
                "" if place else said.get(SPEED_DIAL, ""),
                is_favourite="favourite" in flags,
                is_intercom="intercom" in flags,
            )
            try:
                yield checked(contact)
            except MalformedError:
                yield checked(replace(contact, speed_dial=""))


def unfolded(lines: Iterable[bytes]) -> Iterator[str]:
    """Logical lines (RFC 6350 section 3.2); one that is too long is left out, not kept."""
    waiting = b""
    for line in lines:
        text = line.rstrip(b"\r\n")
        if text[:1] in (b" ", b"\t"):
            waiting = (waiting + text[1:])[: LINE_BYTES_MAX + 1]
            continue
        if waiting and len(waiting) <= LINE_BYTES_MAX:
            yield waiting.decode(errors="replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
        waiting = text[: LINE_BYTES_MAX + 1]
    if waiting and len(waiting) <= LINE_BYTES_MAX:
        yield waiting.decode(errors="replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")


def encode_card(contact: Contact) -> bytes:
    """One card of version 4.0."""
    flags = ["favourite"] * contact.is_favourite + ["intercom"] * contact.is_intercom
    lines = [
        "BEGIN:VCARD",
        "VERSION:4.0",
        f"FN:{_escaped(contact.name)}",
        f"TEL;TYPE=voice:{contact.number}",
        *([f"{SPEED_DIAL}:{contact.speed_dial}"] if contact.speed_dial else []),
        *([f"{FLAGS}:{','.join(flags)}"] if flags else []),
        "END:VCARD",
    ]
    return b"".join(_folded(line.encode()) for line in lines)


def _property(line: str) -> tuple[str, str]:
    """Name in capitals, without group and parameters, and the value."""
    head, _, value = line.partition(":")
    while head.count('"') % 2:  # a colon in a quoted parameter is none
        more, colon, value = value.partition(":")
        head += ":" + more
        if not colon:
            break
    return head.partition(";")[0].rpartition(".")[2].strip().upper(), value.strip()


def _name_in_parts(value: str) -> str:
    """Given and family name of N, for programs that leave FN empty."""
    parts = [_unescaped(part) for part in re.split(r"(?<!\\);", value)]
    family, given = [*parts, "", ""][:2]
    return f"{given} {family}".strip()


def _digits(value: str) -> str:
    return re.sub(r"[^0-9]", "", value.removeprefix("tel:").partition(";")[0])


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda match: " " if match[1] in "nN" else match[1], value)


def _escaped(value: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", value)


def _folded(line: bytes) -> bytes:
    """At most 75 octets a line, never in the middle of a character."""
    pieces = []
    while len(line) > _LINE_OCTETS:
        cut = _LINE_OCTETS
        while line[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(line[:cut])
        line = b" " + line[cut:]
    return b"\r\n".join([*pieces, line]) + b"\r\n"
