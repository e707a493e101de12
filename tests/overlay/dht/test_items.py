import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from firmware.overlay.dht import items
from firmware.overlay.dht.items import (
    Item,
    immutable,
    signed,
    signed_bytes,
    target_of_key,
    verified,
)

BEP44 = json.loads((Path(__file__).parents[2] / "vectors" / "bep44.json").read_text())
PUBLIC_KEY = bytes.fromhex(BEP44["public_key"])
KEY = SigningKey(bytes(range(32)))
OWNER = bytes(KEY.verify_key)

# Every encoding of a point of order 1, 2, 4 or 8, canonical or not, with either sign.
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


def sign(message: bytes) -> bytes:
    return KEY.sign(message).signature


def vector_item(vector: dict[str, Any]) -> Item:
    value = vector["v_bencoded"].encode()
    if vector["kind"] == "immutable":
        return Item(value)
    signature = bytes.fromhex(vector["sig"])
    return Item(value, PUBLIC_KEY, vector["seq"], vector["salt"].encode(), signature)


@pytest.mark.parametrize("vector", BEP44["tests"], ids=lambda vector: vector["target"][:8])
def test_item_of_bep44_has_the_target_of_the_table_and_is_authentic(vector: dict[str, Any]) -> None:
    item = vector_item(vector)
    assert item.target.hex() == vector["target"]
    assert item.is_authentic()
    assert item.content == b"Hello World!"
    if item.public_key is not None:
        assert signed_bytes(item.value, item.seq, item.salt).decode() == vector["signed"]
        assert target_of_key(PUBLIC_KEY, item.salt) == item.target


def test_item_with_any_part_changed_is_not_authentic() -> None:
    item = signed([b"a", 1], OWNER, 7, sign, b"salt")
    assert item.is_authentic()
    for changed in (
        replace(item, value=b"le"),
        replace(item, seq=8),
        replace(item, salt=b""),
        replace(item, salt=b"tlas"),
        replace(item, public_key=PUBLIC_KEY),
        replace(item, public_key=OWNER[:-1]),
        replace(item, signature=item.signature[:-1]),
        replace(item, signature=bytes(64)),
        replace(item, signature=b""),
    ):
        assert not changed.is_authentic()


@pytest.mark.parametrize("key", SMALL_ORDER)
@pytest.mark.parametrize("point", SMALL_ORDER)
def test_item_under_a_key_of_small_order_is_not_authentic(key: str, point: str) -> None:
    # With S = 0 and R of small order such a signature passes a check that does not look at orders.
    signature = bytes.fromhex(point) + bytes(32)
    assert not Item(b"0:", bytes.fromhex(key), 1, b"", signature).is_authentic()


def test_answered_item_is_taken_only_for_its_target_and_gets_its_salt() -> None:
    item = signed(b"card", OWNER, 3, sign, b"day")
    on_the_wire = replace(item, salt=b"")
    assert verified(on_the_wire, item.target, b"day") == item
    assert verified(on_the_wire, item.target) is None
    assert verified(on_the_wire, target_of_key(OWNER), b"") is None
    assert verified(replace(on_the_wire, signature=bytes(64)), item.target, b"day") is None
    assert verified(None, item.target, b"day") is None
    blob = immutable({b"b": 1, b"a": b"x"})
    assert verified(blob, blob.target) == blob
    assert verified(blob, item.target, b"day") is None


def test_item_is_made_up_to_its_limits() -> None:
    assert len(immutable(bytes(items.VALUE_BYTES_MAX - 4)).value) == items.VALUE_BYTES_MAX
    with pytest.raises(AssertionError):
        immutable(bytes(items.VALUE_BYTES_MAX - 3))
    longest = b"s" * items.SALT_BYTES_MAX
    assert signed(0, OWNER, items.SEQ_MAX, sign, longest).is_authentic()
    with pytest.raises(AssertionError):
        signed(0, OWNER, 1, sign, longest + b"s")
    with pytest.raises(AssertionError):
        signed(0, OWNER, items.SEQ_MAX + 1, sign)
