import json
import random
from pathlib import Path

import nacl.bindings as sodium
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.errors import MalformedError
from firmware.identity import Identity
from firmware.overlay.blind import BlindedKey, blinded_key, blinded_public_key

VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "ed25519_blinding.json").read_text()
)
SEED = bytes.fromhex(VECTORS["seed"])
PUBLIC_KEY = bytes.fromhex(VECTORS["pk"])
CASES = [
    {key: bytes.fromhex(hexes[key]) for key in hexes if key != "msg"} for hexes in VECTORS["tests"]
]
MESSAGE = VECTORS["tests"][0]["msg"].encode()


@pytest.mark.parametrize("case", CASES)
def test_blinded_key_is_that_of_the_vectors(case: dict[str, bytes]) -> None:
    key = blinded_key(SEED, case["period"])
    assert key.public_key == case["blinded_pk"]
    assert key.scalar == case["blinded_scalar"]
    assert blinded_public_key(PUBLIC_KEY, case["period"]) == case["blinded_pk"]


@pytest.mark.parametrize("case", CASES)
def test_signature_with_the_prefix_of_the_vectors_is_theirs(case: dict[str, bytes]) -> None:
    key = BlindedKey(case["blinded_pk"], case["blinded_scalar"], case["prefix"])
    assert key.sign(MESSAGE) == case["sig"]


def test_signature_of_a_blinded_key_verifies_as_any_other() -> None:
    source = random.Random(1)
    for day in range(40):
        identity = Identity.generate(source.randbytes(64))
        period = str(20_000 + day).encode()
        key = blinded_key(identity.ed25519_private, period)
        assert key.public_key == blinded_public_key(identity.public_key, period)
        message = source.randbytes(day)
        signature = key.sign(message)
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
        assert sodium.crypto_sign_open(signature + message, key.public_key) == message


def test_one_message_signed_on_two_days_does_not_share_its_nonce() -> None:
    first, second = (blinded_key(SEED, period).sign(MESSAGE) for period in (b"20000", b"20001"))
    assert first[:32] != second[:32]


def test_blinded_keys_of_two_days_and_the_unblinded_one_are_all_different() -> None:
    keys = {blinded_public_key(PUBLIC_KEY, str(day).encode()) for day in range(50)}
    assert len(keys | {PUBLIC_KEY}) == 51


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        bytes(31),
        bytes(33),
        bytes(32),  # of order 4
        b"\x01" + bytes(31),  # the neutral element
        b"\xec" + b"\xff" * 30 + b"\x7f",  # of order 2
        b"\x02" + bytes(31),  # on no curve
        b"\xff" * 32,  # not canonical
    ],
)
def test_public_key_outside_the_prime_order_group_is_malformed(public_key: bytes) -> None:
    with pytest.raises(MalformedError):
        blinded_public_key(public_key, b"20000")


def test_random_public_keys_are_blinded_or_malformed() -> None:
    source = random.Random(2)
    for _ in range(200):
        try:
            blinded_public_key(source.randbytes(32), b"1")
        except MalformedError:
            continue


def test_public_key_with_a_part_of_small_order_is_malformed() -> None:
    torsion = b"\xec" + b"\xff" * 30 + b"\x7f"
    mixed = sodium.crypto_core_ed25519_add(PUBLIC_KEY, torsion)
    with pytest.raises(MalformedError):
        blinded_public_key(mixed, b"20000")
