"""Who was reached where: kept across restarts, so that the next call takes one round trip.

Knows no file: `encode_contacts` and `decode_contacts` are the content of one. Source: ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from firmware import number as numbers
from firmware.channel import TARGET_BYTES
from firmware.errors import MalformedError
from firmware.identity import Certificate
from firmware.model import Endpoint

CONTACTS_FILE = "contacts.json"
CONTACTS_MAX = 256  # about 150 kB
ENDPOINTS_MAX = 4  # of one contact
_VERSION = 1


@dataclass(frozen=True, slots=True)
class LastReached:
    """The certificate that proved `number`, and where; only verified ones are kept."""

    number: str
    certificate: Certificate
    endpoints: tuple[Endpoint, ...]


def encode_contacts(contacts: Iterable[LastReached]) -> bytes:
    """JSON; at most CONTACTS_MAX, the last ones."""
    content = [
        {
            "number": contact.number,
            "certificate": contact.certificate.encode().hex(),
            "endpoints": [str(endpoint) for endpoint in contact.endpoints],
        }
        for contact in list(contacts)[-CONTACTS_MAX:]
    ]
    return json.dumps({"version": _VERSION, "contacts": content}, indent=1).encode() + b"\n"


def decode_contacts(data: bytes) -> list[LastReached]:
    """Raises MalformedError: nothing is lost but time if the file is thrown away."""
    try:
        content = json.loads(data)
        if content["version"] != _VERSION:
            raise MalformedError("contacts of unknown version")
        contacts = [
            LastReached(
                str(entry["number"]),
                Certificate.decode(bytes.fromhex(entry["certificate"])),
                tuple(_endpoint(text) for text in entry["endpoints"][:ENDPOINTS_MAX]),
            )
            for entry in content["contacts"][:CONTACTS_MAX]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedError(f"not a file of contacts ({error})") from None
    if not all(numbers.is_valid(contact.number) for contact in contacts):
        raise MalformedError("contacts with a number that is none")
    return contacts


def _endpoint(text: str) -> Endpoint:
    """As `str` writes it: the target of a box behind an exchange comes after a slash."""
    address, _, target = text.partition("/")
    host, port, _ = Endpoint.parse(address)
    channel = bytes.fromhex(target)
    if len(channel) not in (0, TARGET_BYTES):
        raise MalformedError(f"{text!r} is no endpoint of a contact")
    return Endpoint(host, port, channel)
