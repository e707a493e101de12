import dataclasses
import random

import pytest

from firmware.errors import MalformedError
from firmware.identity import NAME_BYTES_MAX, Identity
from firmware.model import Endpoint
from firmware.overlay.card import CONTENT_BYTES, KEY_BYTES, PLACES_MAX, Card, Place

OWNER = Identity.generate(random.Random(1).randbytes(64))
CERTIFICATE = OWNER.certify(bytes(16), "Anna")
PLACES = (
    Place(Endpoint("198.51.100.7", 6881)),
    Place(Endpoint("2001:db8::7", 6881)),
    Place(Endpoint("203.0.113.9", 4000), b"\x07" * KEY_BYTES),
)
CARD = Card(CERTIFICATE, PLACES, expires_utc_s=1_800_000_000)
DAY = 20_833
SEALED = CARD.seal(DAY, random.Random(2).randbytes)


def test_card_is_read_by_who_knows_the_key_and_the_day() -> None:
    assert Card.unseal(SEALED, OWNER.public_key, DAY) == CARD


def test_card_is_not_read_on_another_day_or_with_another_key() -> None:
    stranger = Identity.generate(random.Random(3).randbytes(64))
    for public_key, day in ((OWNER.public_key, DAY + 1), (stranger.public_key, DAY)):
        with pytest.raises(MalformedError):
            Card.unseal(SEALED, public_key, day)


def test_card_with_another_owners_certificate_is_malformed() -> None:
    stranger = Identity.generate(random.Random(3).randbytes(64))
    foreign = dataclasses.replace(CARD, certificate=stranger.certify(bytes(16), ""))
    assert _unseal_content(foreign._encode(), 0) is None


def test_card_has_the_same_size_whatever_a_usual_one_holds() -> None:
    cards = [
        dataclasses.replace(CARD, certificate=OWNER.certify(bytes(16), name), places=places)
        for name in ("", "n" * NAME_BYTES_MAX)
        for places in ((), PLACES[:1], PLACES)
    ]
    assert {len(card.seal(DAY, random.Random(5).randbytes)) for card in cards} == {360}


def test_card_with_everything_at_its_limit_fits_a_value_of_bep_44() -> None:
    full = Card(
        OWNER.certify(bytes(16), "n" * NAME_BYTES_MAX),
        (Place(Endpoint("2001:db8::7", 6881), b"\x07" * KEY_BYTES),) * PLACES_MAX,
        expires_utc_s=2**63,
    )
    sealed = full.seal(DAY, random.Random(6).randbytes)
    assert len(sealed) == CONTENT_BYTES[-1] + 40 <= 1000 - len("680:")
    assert Card.unseal(sealed, OWNER.public_key, DAY) == full


def test_two_seals_of_one_card_have_nothing_in_common() -> None:
    again = CARD.seal(DAY, random.Random(7).randbytes)
    assert sum(a == b for a, b in zip(SEALED, again, strict=True)) < 12


def test_card_that_was_truncated_or_changed_is_malformed() -> None:
    for length in range(len(SEALED)):
        with pytest.raises(MalformedError):
            Card.unseal(SEALED[:length], OWNER.public_key, DAY)
    for index in range(0, len(SEALED), 7):
        changed = bytearray(SEALED)
        changed[index] ^= 1
        with pytest.raises(MalformedError):
            Card.unseal(bytes(changed), OWNER.public_key, DAY)


def test_content_by_a_hostile_owner_is_read_or_malformed() -> None:
    seed = 8
    source = random.Random(seed)
    content = CARD._encode()
    for _ in range(600):
        mutated = bytearray(content)
        for _ in range(source.randrange(1, 4)):
            mutated[source.randrange(len(mutated))] = source.randrange(256)
        mutated = mutated[: source.randrange(len(mutated) + 1)]
        _unseal_content(bytes(mutated), seed)
        _unseal_content(source.randbytes(source.randrange(300)), seed)


def test_content_of_a_later_version_is_malformed_and_more_fields_are_not() -> None:
    content = CARD._encode()
    assert _unseal_content(b"\x02" + content[1:], 0) is None
    assert _unseal_content(content + b"a later field", 0) == CARD


def test_place_with_a_key_of_wrong_length_or_no_endpoint_is_malformed() -> None:
    head = CARD._encode()[: -sum(2 + n for n in (6, 18, 6 + KEY_BYTES)) - 1]
    for place in (b"\x06\x1f" + bytes(6 + 31), b"\x07\x00" + bytes(7), b"\x00\x00"):
        assert _unseal_content(head + b"\x01" + place, 0) is None
    assert _unseal_content(head + bytes([PLACES_MAX + 1]), 0) is None


def _unseal_content(content: bytes, seed: int) -> Card | None:
    """As if the owner itself had sealed `content`."""

    class Crafted(Card):
        def _encode(self) -> bytes:
            return content

    crafted = Crafted(CERTIFICATE, (), 0).seal(DAY, random.Random(seed).randbytes)
    try:
        return Card.unseal(crafted, OWNER.public_key, DAY)
    except MalformedError:
        return None
