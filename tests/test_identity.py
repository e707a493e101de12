"""Identities and certificates: round trips, and what a hostile certificate can do (nothing)."""

import random

import pytest

from firmware.errors import ConfigError, MalformedError
from firmware.identity import (
    CERTIFICATE_BYTES_MAX,
    NAME_BYTES_MAX,
    Certificate,
    Identity,
    IdentityFile,
)

MODIFIER = bytes(range(16))


def identity() -> Identity:
    return Identity.generate(bytes(range(64)))


def test_public_keys_are_those_of_the_rfcs() -> None:
    # RFC 8032 section 7.1 test 1; RFC 7748 section 6.1, Alice
    signing = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    agreeing = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
    keys = Identity(bytes.fromhex(signing), bytes.fromhex(agreeing))
    assert keys.public_key.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert keys.noise_key.hex() == (
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    )


def test_certificate_decodes_to_what_was_certified() -> None:
    certificate = identity().certify(MODIFIER, "Oma Käthe")
    assert Certificate.decode(certificate.encode()) == certificate
    assert certificate.name == "Oma Käthe"
    assert certificate.noise_key == identity().noise_key


def test_certificate_with_the_longest_name_has_the_greatest_length() -> None:
    encoded = identity().certify(MODIFIER, "x" * NAME_BYTES_MAX).encode()
    assert len(encoded) == CERTIFICATE_BYTES_MAX


def test_certificate_cut_anywhere_is_malformed() -> None:
    encoded = identity().certify(MODIFIER, "Anna").encode()
    for length in range(len(encoded)):
        with pytest.raises(MalformedError):
            Certificate.decode(encoded[:length])


def test_certificate_with_any_bit_flipped_is_malformed() -> None:
    encoded = identity().certify(MODIFIER, "Anna").encode()
    for i in range(len(encoded)):
        with pytest.raises(MalformedError):
            Certificate.decode(encoded[:i] + bytes([encoded[i] ^ 1]) + encoded[i + 1 :])


def test_certificate_of_random_bytes_is_malformed() -> None:
    dice = random.Random(7)
    for _ in range(2000):
        data = dice.randbytes(dice.randrange(0, 2 * CERTIFICATE_BYTES_MAX))
        with pytest.raises(MalformedError):
            Certificate.decode(b"\x01" + data)


def test_certificate_with_control_characters_in_the_name_is_malformed() -> None:
    encoded = identity().certify(MODIFIER, "a\x1b[2Jb").encode()
    with pytest.raises(MalformedError):
        Certificate.decode(encoded)


def test_identity_file_gives_back_the_identity() -> None:
    kept = IdentityFile(identity(), MODIFIER)
    assert IdentityFile.decode(kept.encode(), "file") == kept
    fresh = IdentityFile(identity())
    assert IdentityFile.decode(fresh.encode(), "file") == fresh


def test_damaged_identity_file_is_an_error_that_names_the_file() -> None:
    good = IdentityFile(identity(), MODIFIER).encode()
    for damaged in (b"", b"{}", b"[]", good[:-9], good.replace(b'"version": 1', b'"version": 2')):
        with pytest.raises(ConfigError, match=r"identity\.json"):
            IdentityFile.decode(damaged, "identity.json")


def test_identity_never_shows_its_private_keys() -> None:
    shown = repr(IdentityFile(identity(), MODIFIER))
    assert identity().ed25519_private.hex() not in shown
    assert repr(identity().ed25519_private) not in shown
