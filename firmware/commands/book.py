"""`fernruf book`: contacts and block lists from files and into them, while the box is off."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from firmware.book.blocklist import NUMBER_BYTES, read_block_list
from firmware.book.contacts import decode_contact, encode_contact
from firmware.book.vcard import CardReader, encode_card
from firmware.commands.words import counted
from firmware.errors import CommandError, MalformedError
from firmware.events.book import Contact
from firmware.events.store import Kind, Record, SaveRecord, StoreCondition
from firmware.shell.state import IDENTITY, StateDir
from firmware.store.database import CardError, Database
from firmware.store.keeper import BATCH_MAX
from firmware.store.recovery import open_sound
from firmware.store.sealing import KEY_BYTES_MAX, Sealer

FILE_BYTES_MAX = 64 << 20
LINE_BYTES_MAX = 1 << 16  # of what is read at once; a longer line comes in pieces

Opened = tuple[Database, tuple[Record, ...]]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "book",
        help="contacts and block lists of a box that is off",
        description="Change or read contacts and block lists of a box while it is off.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb, run, text, about in (
        ("import", import_cards, "add the contacts of a vCard file", "vCards, version 3.0 or 4.0"),
        (
            "export",
            export_cards,
            "write all contacts as vCards",
            "is replaced; vCards of version 4.0",
        ),
        ("block", block, "block the numbers of a file", "text or CSV, one number a line"),
        ("unblock", unblock, "forget a list of blocked numbers", "the name of its file"),
    ):
        one = verbs.add_parser(verb, help=text, description=f"{text[0].upper()}{text[1:]}.")
        one.add_argument("file", type=Path, metavar="FILE", help=about)
        one.add_argument(
            "--state", type=Path, required=True, metavar="DIR", help="where the box keeps its state"
        )
        one.set_defaults(run=run)


def import_cards(arguments: argparse.Namespace) -> int:
    """Add or change contacts; what the book knows besides name and speed dial stays."""
    reader = CardReader()
    with opened(arguments.state) as (database, records), opened_file(arguments.file) as file:
        known = {record.key: _contact(record) for record in _of(records, Kind.CONTACT)}
        contacts = _merged(reader.contacts(_lines(file)), known)
        saved = save(database, (_save(contact) for contact in contacts))
    _say(counted(saved, "contact"), reader.skipped)
    return 0


def export_cards(arguments: argparse.Namespace) -> int:
    """Write all contacts; the file is replaced."""
    with opened(arguments.state) as (_, records):
        contacts = [contact for each in _of(records, Kind.CONTACT) if (contact := _contact(each))]
    contacts.sort(key=lambda contact: contact.name.casefold())
    try:
        arguments.file.write_bytes(b"".join(map(encode_card, contacts)))
    except OSError as error:
        raise CommandError(f"{arguments.file}: {error.strerror}") from None
    _say(counted(len(contacts), "contact"), {})
    return 0


def block(arguments: argparse.Namespace) -> int:
    """Keep the list under the name of its file; a later one of that name replaces it."""
    with opened(arguments.state) as (database, _), opened_file(arguments.file) as file:
        read = read_block_list(line.decode(errors="replace") for line in _lines(file))
        if not read.numbers:
            raise MalformedError("no number of twelve digits is in it")
        save(database, [SaveRecord(Kind.LIST, _list_name(arguments.file), read.data)])
    _say(f"{counted(read.numbers, 'number')} blocked", {"without a number of ours": read.skipped})
    return 0


def unblock(arguments: argparse.Namespace) -> int:
    """Forget a list."""
    name = _list_name(arguments.file)
    with opened(arguments.state) as (database, records):
        kept = {record.key: record.data for record in _of(records, Kind.LIST)}
        if name not in kept:
            there = ", ".join(sorted(kept)) or "none"
            raise CommandError(f"there is no list of this name; there are: {there}")
        save(database, [SaveRecord(Kind.LIST, name, None)])
    _say(f"{counted(len(kept[name]) // NUMBER_BYTES, 'number')} no longer blocked", {})
    return 0


@contextmanager
def opened(folder: Path) -> Iterator[Opened]:
    """The database of a box that is off."""
    if not (folder / IDENTITY).exists():  # a misspelt folder would swallow a phone book
        raise CommandError(f"{folder}: no box keeps its state here; `fernruf number` begins one")
    state = StateDir(folder)
    with state.locked():
        sealer = Sealer(state.load_identity().identity, os.urandom)
        try:
            database, records, condition = open_sound(folder, sealer)
            if condition is not StoreCondition.GOOD:
                sys.stderr.write(f"the records were damaged; {condition}\n")
            with closing(database):
                yield database, records
        except CardError as error:
            raise CommandError(f"{folder}: {error}") from None


@contextmanager
def opened_file(path: Path) -> Iterator[BinaryIO]:
    """A file of a size that can be believed; whatever is wrong with it names it."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > FILE_BYTES_MAX:
                raise CommandError(f"{path}: larger than {FILE_BYTES_MAX >> 20} MB; split it")
            yield file
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    except MalformedError as error:
        raise CommandError(f"{path}: {error}") from None


def save(database: Database, saves: Iterable[SaveRecord]) -> int:
    """Save in batches; CommandError when one does not fit. Returns how many were saved."""
    saved = 0
    waiting = iter(saves)
    while batch := list(islice(waiting, BATCH_MAX)):
        for failure in database.save(batch):
            if failure is not None:
                raise CommandError(f"after {saved}: {failure.value.replace('_', ' ')}")
            saved += 1
    return saved


def _merged(contacts: Iterable[Contact], known: dict[str, Contact | None]) -> Iterator[Contact]:
    """Each contact with what is known of its number; a speed dial is given once."""
    taken = {each.speed_dial: each.number for each in known.values() if each}
    for contact in contacts:
        former = known.get(contact.number)
        speed_dial = contact.speed_dial
        if speed_dial and taken.setdefault(speed_dial, contact.number) != contact.number:
            speed_dial = ""
        yield replace(
            contact,
            speed_dial=speed_dial or (former.speed_dial if former else ""),
            is_favourite=contact.is_favourite or (former is not None and former.is_favourite),
            is_intercom=contact.is_intercom or (former is not None and former.is_intercom),
            is_authenticated=former is not None and former.is_authenticated,
        )


def _save(contact: Contact) -> SaveRecord:
    return SaveRecord(Kind.CONTACT, contact.number, encode_contact(contact))


def _contact(record: Record) -> Contact | None:
    try:
        return decode_contact(record.key, record.data)
    except MalformedError:
        return None


def _of(records: Iterable[Record], kind: Kind) -> Iterator[Record]:
    return (record for record in records if record.kind is kind)


def _list_name(path: Path) -> str:
    return path.name.encode()[:KEY_BYTES_MAX].decode(errors="ignore")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LINE_BYTES_MAX):
        yield line


def _say(done: str, skipped: dict[str, int]) -> None:
    left_out = [f"{count} {reason}" for reason, count in skipped.items() if count]
    sys.stdout.write(done + (f"; left out: {', '.join(left_out)}" if left_out else "") + "\n")
