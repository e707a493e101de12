"""A backup gives back what was saved, and nothing for wrong words, files and passphrases."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from firmware.errors import CommandError
from firmware.identity import IdentityFile
from firmware.web.backup import TEXT_CHARACTERS_MAX, WORDS, from_words, seal, to_words, unseal

IDENTITIES = Path(__file__).parent.parent / "vectors" / "identities.json"
ANNA = IdentityFile.decode(
    json.dumps(json.loads(IDENTITIES.read_text())["anna"]).encode(), "identities.json"
)
PASSPHRASE = "a long passphrase"


def sealed() -> str:
    return seal(ANNA, PASSPHRASE, random.Random(3).randbytes)


def test_words_give_the_identity_back_however_they_were_typed() -> None:
    words = to_words(ANNA)
    assert len(words.split()) == WORDS
    assert from_words(words) == ANNA
    assert from_words("  " + words.upper().replace(" ", "-")) == ANNA


def test_first_words_are_those_of_the_proposal() -> None:
    from firmware.web.backup import _word

    pairs = {0x7F00: "lusab", 0x0001: "babad", 0x3F54: "gutih", 0xDCC1: "tugad"}
    assert {number: _word(number) for number in pairs} == pairs, "127.0.0.1 and 63.84.220.193"


@pytest.mark.parametrize("change", ["swap", "miss", "letter", "short", "more", "empty"])
def test_wrong_words_are_refused(change: str) -> None:
    words = to_words(ANNA).split()
    match change:
        case "swap":
            words[3], words[4] = words[4], words[3]
        case "miss":
            del words[7]
        case "letter":
            words[2] = "x" + words[2][1:]
        case "short":
            words[2] = words[2][1:]
        case "more":
            words *= 20
        case "empty":
            words = []
    with pytest.raises(CommandError):
        from_words(" ".join(words))


def test_file_gives_the_identity_back_to_its_passphrase_alone() -> None:
    text = sealed()
    assert ANNA.identity.ed25519_private.hex() not in text
    assert unseal(text, PASSPHRASE) == ANNA
    with pytest.raises(CommandError, match="passphrase"):
        unseal(text, PASSPHRASE + "!")


def test_changed_file_is_refused() -> None:
    content = json.loads(sealed())
    flipped = content["sealed"][:-1] + ("0" if content["sealed"][-1] != "0" else "1")
    with pytest.raises(CommandError):
        unseal(json.dumps(content | {"sealed": flipped}), PASSPHRASE)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"salt": 1}', "[" * TEXT_CHARACTERS_MAX, "x" * 100_000,
     '{"fernruf_backup": 1, "salt": "00", "sealed": "00"}',
     '{"fernruf_backup": 2, "salt": "' + "00" * 16 + '", "sealed": "00"}'],
)  # fmt: skip
def test_file_that_is_no_backup_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="not a backup"):
        unseal(text, PASSPHRASE)


def test_short_passphrase_and_number_not_made_yet_are_refused() -> None:
    with pytest.raises(CommandError):
        seal(ANNA, "short", random.Random(3).randbytes)
    unfinished = IdentityFile(ANNA.identity)
    with pytest.raises(CommandError):
        to_words(unfinished)
    with pytest.raises(CommandError):
        seal(unfinished, PASSPHRASE, random.Random(3).randbytes)
