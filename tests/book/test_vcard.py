"""vCards of other programs are understood, hostile ones refused in bounded memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from itertools import islice

import pytest

from firmware.book.vcard import CARDS_MAX, CardReader, encode_card
from firmware.errors import MalformedError
from firmware.events.book import NAME_BYTES_MAX, Contact
from tests.book.numbers import valid_numbers

ANNA, BERT, *_ = islice(valid_numbers(), 3)

PHONE_FILE = f"""BEGIN:VCARD\r
VERSION:3.0\r
N:Groß;Anna;;;\r
FN:Anna\\, geborene G\r
 roß\r
item1.TEL;TYPE=CELL:+49 170 1234567\r
item2.TEL;TYPE="voice:home",WORK;PREF=1:{ANNA[:4]}-{ANNA[4:8]}-{ANNA[8:]}\r
PHOTO;ENCODING=b;TYPE=JPEG:{"A" * 9000}\r
X-FERNRUF-FLAGS:favourite,verified\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:4.0\r
N:Bär;Bert\r
TEL;VALUE=uri:tel:{BERT};ext=1\r
X-FERNRUF-SPEED-DIAL:seven\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:2.1\r
FN:Old\r
TEL:{BERT}\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:3.0\r
FN:Nobody\r
TEL:+49 30 123456\r
END:VCARD\r
BEGIN:VCARD\r
"""


def test_cards_of_other_programs_become_contacts_and_the_rest_is_counted() -> None:
    reader = CardReader()
    contacts = list(reader.contacts(PHONE_FILE.encode().splitlines(keepends=True)))
    assert contacts == [
        Contact(ANNA, "Anna, geborene Groß", is_favourite=True),
        Contact(BERT, "Bert Bär"),
    ]
    assert reader.skipped == {
        "of another version than 3.0 and 4.0": 1,
        "without a number of twelve digits": 1,
        "cut off at the end of the file": 1,
    }


def test_what_was_written_is_read_again() -> None:
    contacts = [
        Contact(ANNA, "Ä" * 40 + "; \\ , ß", "7", is_favourite=True, is_intercom=True),
        Contact(BERT, "Bert"),
    ]
    data = b"".join(map(encode_card, contacts))
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert list(CardReader().contacts(data.splitlines(keepends=True))) == contacts


def test_comparison_of_digits_is_not_believed_of_a_file() -> None:
    data = encode_card(Contact(ANNA, "Anna", is_authenticated=True))
    (contact,) = CardReader().contacts(data.splitlines(keepends=True))
    assert not contact.is_authenticated


def test_name_is_cut_and_freed_of_what_cannot_be_shown() -> None:
    card = f"BEGIN:VCARD\nVERSION:4.0\nFN:\x07A\\nna{'ä' * 500}\nTEL:{ANNA}\nEND:VCARD\n"
    (contact,) = CardReader().contacts(card.encode().splitlines(keepends=True))
    assert contact.name.startswith("A na") and contact.name.isprintable()
    assert NAME_BYTES_MAX - 1 <= len(contact.name.encode()) <= NAME_BYTES_MAX


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"name,number\nAnna,1\n"])
def test_file_of_another_kind_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(MalformedError, match="no vCards"):
        list(CardReader().contacts(data.splitlines(keepends=True)))


def test_hundred_megabytes_take_no_more_memory_than_a_card() -> None:
    def lines() -> Iterator[bytes]:
        yield from (b"BEGIN:VCARD\n", b"VERSION:4.0\n", b"FN:Anna\n", b"PHOTO:\n")
        for _ in range(1600):
            yield b" " + b"A" * 65_535
        yield from (f"TEL:{ANNA}\n".encode(), b"END:VCARD\n")

    tracemalloc.start()
    contacts = list(CardReader().contacts(lines()))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert contacts == [Contact(ANNA, "Anna")]
    assert peak_bytes < 2_000_000


def test_too_many_cards_are_refused() -> None:
    cards = b"BEGIN:VCARD\nEND:VCARD\n" * (CARDS_MAX + 1)
    with pytest.raises(MalformedError, match="split the file"):
        list(CardReader().contacts(cards.splitlines(keepends=True)))


def test_card_without_an_end_is_refused() -> None:
    lines = (b"X:%d\n" % i for i in range(1_000_000))
    with pytest.raises(MalformedError, match="no end"):
        list(CardReader().contacts(iter([b"BEGIN:VCARD\n", *islice(lines, 5000)])))


def test_random_bytes_are_malformed_or_nothing() -> None:
    seed = 3
    dice = random.Random(seed)
    good = PHONE_FILE.encode()
    for _ in range(300):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 20)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            contacts = list(CardReader().contacts(bytes(data).splitlines(keepends=True)))
        except MalformedError:
            continue
        assert all(contact.number in (ANNA, BERT) for contact in contacts), f"seed {seed}"
