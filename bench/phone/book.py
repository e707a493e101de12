"""A key and its picture with a full phone book and a full log; the search by letters alone.

The telephone and the store are the product's own, and the database lies on the disk. A key counts
until the last picture that it causes is drawn, the answer of the store included; what the display's
wire takes (20 ms for a whole SSD1306 at 400 kHz) comes on top.
"""

from __future__ import annotations

import json
import os
import queue
import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from firmware import events, number
from firmware.book.contacts import encode_contact
from firmware.book.letters import Letters
from firmware.events import Fact, Message
from firmware.events.book import Contact
from firmware.events.store import Kind, ReadRecord, ReadRecords, SaveRecord
from firmware.identity import Identity
from firmware.model import Codec
from firmware.phone import Phone, PhoneSetup
from firmware.store.database import Database
from firmware.store.keeper import Store
from firmware.store.recovery import RECORDS
from firmware.store.sealing import Sealer

CONTACTS, CALLS = 10_000, 100_000
BATCH = 5000
SEARCHES = 300
FIRST = "Anna Bert Carl Dora Emil Jürgen Ludwig Zoë Ömer Irène Hans Petra Svenja Timo".split()
LAST = "Müller Schmidt Groß Lüdenscheidt Meier Öztürk Wagner Vogel Yıldız Brandt Klein".split()
IDENTITY = Identity(bytes(range(32)), bytes(range(32, 64)))
MENU_KEYS = "##5" + "8" + "3" + "*2#" + "88882222" + "****" + "#8#" + "8888" * 6 + "2#*"


class Telephone:
    """A phone and its store, and a hand at the keys."""

    def __init__(self, folder: Path) -> None:
        setup = PhoneSetup(
            identity=IDENTITY,
            certificate=None,
            number=None,
            name="",
            bootstrap=(),
            country="DE",
            display_height=64,
            codecs=(Codec.PCMA,),
            names={},
            pins={},
        )
        self.phone = Phone(setup, os.urandom)
        self.facts: queue.Queue[Fact] = queue.Queue()
        self.store = Store(folder, Sealer(IDENTITY, os.urandom), self.facts.put)
        self.pictures = 0
        self._asked = 0
        began_s = time.perf_counter()
        self.store.open()
        self.tell(events.WallClockRead(1_800_000_000.0))
        self.tell(self.facts.get())
        self.loaded_s = time.perf_counter() - began_s
        self.tell(events.Started())
        self.settle()

    def key_s(self, key: str) -> float:
        """Press a key; the time until its last picture."""
        began_s = time.perf_counter()
        self.tell(events.KeyPressed(key))
        self.settle()
        return time.perf_counter() - began_s

    def tell(self, fact: Message) -> None:
        """One fact; what is for the store goes there."""
        for message in self.phone.handle(fact, time.monotonic()):
            self.pictures += isinstance(message, events.ShowPicture)
            if isinstance(message, SaveRecord | ReadRecord | ReadRecords):
                self._asked += 1
                self.store.perform(message)

    def settle(self) -> None:
        """Until the store has answered everything."""
        while self._asked:
            self._asked -= 1
            self.tell(self.facts.get(timeout=60))


def keys_and_search() -> dict[str, Any]:
    """Figures of a full book and a full log."""
    dice = random.Random(1)
    contacts = people(dice)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, contacts, dice)
        telephone = Telephone(folder)
        telephone.pictures = 0
        in_menu = [telephone.key_s(key) for _ in range(5) for key in MENU_KEYS]
        assert telephone.pictures > len(in_menu) // 2, "the keys are seen"
        dialled = []
        for _ in range(5):
            telephone.tell(events.HookLifted())
            dialled += [until_tone_s(telephone, key) for key in "4711"]
            telephone.tell(events.HookReplaced())
        telephone.store.close()
        size_bytes = (folder / RECORDS).stat().st_size
    letters = Letters(contacts)
    searched = []
    for _ in range(SEARCHES):
        keys = "".join(dice.choices("23456789", k=dice.randint(1, 5)))
        began_s = time.perf_counter()
        letters.search(keys, 0, 4)
        searched.append(time.perf_counter() - began_s)
    return {
        "contacts": CONTACTS,
        "calls": CALLS,
        "database_mb": round(size_bytes / 1e6, 1),
        "start_with_full_book_s": round(telephone.loaded_s, 2),
        "key_to_picture_ms": {"wanted": 50, **milliseconds(in_menu)},
        "key_to_picture_and_tone_when_dialling_ms": {"wanted": 50, **milliseconds(dialled)},
        "search_ms": {"wanted": 30, **milliseconds(searched)},
    }


def until_tone_s(telephone: Telephone, key: str) -> float:
    """A digit: its picture is drawn, and the next frame of the ear holds its tone."""
    began_s = time.perf_counter()
    telephone.key_s(key)
    assert telephone.phone.playout(time.monotonic()).any()
    return time.perf_counter() - began_s


def people(dice: random.Random) -> list[Contact]:
    """CONTACTS of them, many with the same beginnings."""
    return [
        Contact(each, f"{dice.choice(FIRST)} {dice.choice(LAST)} {i}", is_favourite=i % 100 == 0)
        for i, each in enumerate(islice(numbers(), CONTACTS))
    ]


def fill(folder: Path, contacts: list[Contact], dice: random.Random) -> None:
    """A database with all of it."""
    database = Database(folder / RECORDS, Sealer(IDENTITY, os.urandom))
    database.save(SaveRecord(Kind.CONTACT, each.number, encode_contact(each)) for each in contacts)
    for start in range(0, CALLS, BATCH):
        database.save(
            SaveRecord(Kind.CALL, f"u{i}", call(contacts[dice.randrange(CONTACTS)].number, i))
            for i in range(start, start + BATCH)
        )
    database.close()


def call(peer: str, i: int) -> bytes:
    """One line of the log."""
    entry = {
        "ended_utc_s": 1_700_000_000 + 900 * i,
        "peer": peer,
        "incoming": i % 2 == 0,
        "reason": "hung_up",
        "duration_s": float(i % 600),
    }
    return json.dumps(entry).encode()


def numbers() -> Iterator[str]:
    """Valid numbers, far from each other."""
    digits = 20_000_000_007
    while True:
        digits += 7_654_321
        yield f"{digits}{number.check_digit(str(digits))}"


def milliseconds(times_s: list[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum."""
    in_order = sorted(times_s)
    chosen = {
        "median": in_order[len(in_order) // 2],
        "p99": in_order[int(0.99 * (len(in_order) - 1))],
        "max": in_order[-1],
    }
    return {name: round(1000 * each, 2) for name, each in chosen.items()}
