import json
import random

import pytest

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.contacts import (
    CONTACTS_MAX,
    ENDPOINTS_MAX,
    LastReached,
    decode_contacts,
    encode_contacts,
)
from tests.overlay.network import certified

NUMBER, CERTIFICATE = certified(1, "Anna")
PLACES = (Endpoint("192.0.2.1", 6881), Endpoint("2001:db8::1", 1))
CONTACT = LastReached(NUMBER, CERTIFICATE, PLACES)


def test_contacts_survive_being_written_and_read() -> None:
    other = LastReached(certified(2)[0], certified(2)[1], ())
    assert decode_contacts(encode_contacts([CONTACT, other])) == [CONTACT, other]
    assert decode_contacts(encode_contacts([])) == []


def test_contacts_above_their_limit_are_cut_and_the_last_ones_stay() -> None:
    many = [LastReached(NUMBER, CERTIFICATE, PLACES[:1])] * CONTACTS_MAX + [CONTACT]
    kept = decode_contacts(encode_contacts(many))
    assert len(kept) == CONTACTS_MAX
    assert kept[-1] == CONTACT
    crowded = json.loads(encode_contacts([CONTACT]))
    crowded["contacts"][0]["endpoints"] *= 10
    (contact,) = decode_contacts(json.dumps(crowded).encode())
    assert len(contact.endpoints) == ENDPOINTS_MAX


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"version": 2, "contacts": []}',
        b'{"version": 1, "contacts": 7}',
        b'{"version": 1, "contacts": [7]}',
        b'{"version": 1, "contacts": [{"number": "1"}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_contacts_of_another_shape_are_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_contacts(content)


def test_contacts_that_were_damaged_are_malformed_or_still_verified() -> None:
    seed = 5
    source = random.Random(seed)
    good = encode_contacts([CONTACT])
    for length in range(len(good) - 1):
        with pytest.raises(MalformedError):
            decode_contacts(good[:length])
    for _ in range(300):
        damaged = bytearray(good)
        damaged[source.randrange(len(damaged))] = source.randrange(256)
        try:
            contacts = decode_contacts(bytes(damaged))
        except MalformedError:
            continue
        assert all(contact.certificate == CERTIFICATE for contact in contacts), f"seed {seed}"
