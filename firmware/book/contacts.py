"""A contact as a record, and what makes it one."""

from __future__ import annotations

import json
from dataclasses import asdict

from firmware import number
from firmware.errors import MalformedError
from firmware.events.book import NAME_BYTES_MAX, Contact

_FLAGS = ("is_favourite", "is_authenticated", "is_intercom")


def checked(contact: Contact) -> Contact:
    """The contact as it is kept: a name that can be shown; MalformedError with what is wrong."""
    if not number.is_valid(contact.number):
        raise MalformedError(f"{contact.number[:20]!r} is no number of twelve digits")
    shown = "".join(c if c.isprintable() else " " for c in contact.name)
    name = " ".join(shown.split()).encode()[:NAME_BYTES_MAX].decode(errors="ignore").strip()
    speed_dial = contact.speed_dial
    if speed_dial and not (len(speed_dial) <= 2 and speed_dial.isascii() and speed_dial.isdigit()):
        raise MalformedError(f"{speed_dial[:20]!r} is no speed dial of one or two digits")
    return Contact(
        contact.number,
        name or number.display(contact.number),
        speed_dial,
        contact.is_favourite,
        contact.is_authenticated,
        contact.is_intercom,
    )


def encode_contact(contact: Contact) -> bytes:
    """The data of a record; its key is the number. What is not set is left out."""
    content = asdict(contact)
    kept = ("name", "speed_dial", *_FLAGS)
    return json.dumps({key: content[key] for key in kept if content[key]}).encode()


def decode_contact(key: str, data: bytes) -> Contact:
    """MalformedError for what is none; fields of a newer version are passed over."""
    try:
        content = json.loads(data)
        flags = {flag: content.get(flag) is True for flag in _FLAGS}
        name, speed_dial = str(content["name"]), str(content.get("speed_dial", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise MalformedError("no contact") from None
    return checked(Contact(key, name, speed_dial, **flags))
