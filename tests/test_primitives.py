"""Ciphers: the published vectors, and what hostile keys and bytes cause."""

from __future__ import annotations

import pytest

from firmware.errors import MalformedError
from firmware.primitives import (
    agree,
    agreement_public_key,
    derive,
    is_signed,
    seal,
    sign,
    signing_public_key,
    unseal,
)

KEY, NONCE = bytes(range(32)), bytes(12)


def test_signature_is_that_of_rfc_8032() -> None:
    """Section 7.1, TEST 2."""
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert signing_public_key(seed) == public
    assert sign(seed, b"\x72") == signature
    assert is_signed(signature, b"\x72", public)


@pytest.mark.parametrize("cut", ["signature", "key"])
def test_signature_and_key_of_another_length_sign_nothing(cut: str) -> None:
    public, signature = signing_public_key(KEY), sign(KEY, b"said")
    for length in range(len(public if cut == "key" else signature)):
        signature_now = signature[:length] if cut == "signature" else signature
        assert not is_signed(signature_now, b"said", public[:length] if cut == "key" else public)
    assert not is_signed(signature, b"sais", public)


def test_agreement_is_that_of_rfc_7748() -> None:
    """Section 6.1, Bob's keys."""
    bert = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    assert agreement_public_key(bert) == bytes.fromhex(
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    )
    assert agree(KEY, agreement_public_key(bert)) == agree(bert, agreement_public_key(KEY))


@pytest.mark.parametrize("public_key", [bytes(32), b"\x01" + bytes(31), b"", bytes(31), bytes(33)])
def test_key_of_small_order_or_another_length_is_malformed(public_key: bytes) -> None:
    with pytest.raises(MalformedError):
        agree(KEY, public_key)


def test_sealing_is_that_of_rfc_8439() -> None:
    """Section 2.8.2."""
    key = bytes(range(0x80, 0xA0))
    nonce = bytes.fromhex("070000004041424344454647")
    also = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    plain = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
        b"the future, sunscreen would be it."
    )
    sealed = seal(key, nonce, plain, also)
    assert sealed[-16:] == bytes.fromhex("1ae10b594f09e26a7e902ecbd0600691")
    assert unseal(key, nonce, sealed, also) == plain


def test_sealed_bytes_that_are_cut_or_changed_are_malformed() -> None:
    sealed = seal(KEY, NONCE, b"said", b"also")
    for length in range(len(sealed)):
        with pytest.raises(MalformedError):
            unseal(KEY, NONCE, sealed[:length], b"also")
    for at in range(len(sealed)):
        wrong = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(MalformedError):
            unseal(KEY, NONCE, wrong, b"also")
    with pytest.raises(MalformedError):
        unseal(KEY, NONCE, sealed, b"")


def test_derivation_is_that_of_rfc_5869() -> None:
    """Appendix A, test cases 1 and 3 (no salt)."""
    secret = b"\x0b" * 22
    info = bytes(range(0xF0, 0xFA))
    assert derive(secret, 42, bytes(range(13)), info) == bytes.fromhex(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert derive(secret, 42, b"", b"") == bytes.fromhex(
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
    assert len(derive(secret, 1, b"", b"")) == 1
