import json
import random
from pathlib import Path
from typing import Any

import pytest

from firmware.overlay.dht.node_id import crc32c, distance, fits_address, for_address, shared_bits

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "bep42.json").read_text())


def test_crc32c_of_the_check_input_is_the_check_value() -> None:
    check = VECTORS["crc32c"]
    assert crc32c(check["input"].encode()) == int(check["out"], 16)


@pytest.mark.parametrize("vector", VECTORS["ids"], ids=lambda vector: vector["id"][:8])
def test_node_id_of_bep42_fits_its_address_as_the_table_says(vector: dict[str, Any]) -> None:
    assert fits_address(bytes.fromhex(vector["id"]), vector["ip"]) == vector["valid"]


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS["ids"] if v["valid"]], ids=lambda vector: vector["id"][:8]
)
def test_node_id_generated_from_bep42_randomness_is_the_id_of_the_table(
    vector: dict[str, Any],
) -> None:
    expected = bytes.fromhex(vector["id"])
    assert expected[19] == vector["rand"]
    assert for_address(vector["ip"], expected) == expected


def test_node_id_generated_for_any_address_fits_it_and_hardly_any_other() -> None:
    source = random.Random(42)
    for _ in range(50):
        host = f"5.{source.randrange(256)}.{source.randrange(256)}.{source.randrange(256)}"
        node_id = for_address(host, source.randbytes(20))
        assert fits_address(node_id, host), f"seed 42: {host}"
        assert not fits_address(node_id, "81.2.69.142"), f"seed 42: {host}"


@pytest.mark.parametrize(
    "host", [network.replace("0/", "1/").split("/")[0] for network in VECTORS["exempt"]]
)
def test_node_id_at_an_address_without_global_meaning_always_fits(host: str) -> None:
    assert fits_address(b"\x11" * 20, host)


def test_distance_is_exclusive_or_and_shared_bits_count_from_the_left() -> None:
    one, other = bytes(20), bytes(19) + b"\x05"
    assert distance(one, other) == 5
    assert shared_bits(one, other) == 157
    assert shared_bits(one, one) == 160
    assert shared_bits(one, b"\x80" + bytes(19)) == 0
