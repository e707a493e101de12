import random
import zlib

import pytest

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.dht.acquaintances import (
    NODES_SAVED_MAX,
    KnownNodes,
    decode_nodes,
    encode_nodes,
)
from firmware.overlay.dht.krpc import Contact

OWN_ID, OWN_ID6 = b"\x04" * 20, b"\x06" * 20
CONTACTS = (
    Contact(b"\x01" * 20, Endpoint("81.2.69.142", 6881)),
    Contact(b"\x02" * 20, Endpoint("10.0.0.7", 1)),
    Contact(b"\x03" * 20, Endpoint("2001:db8::7", 65535)),
)


def test_nodes_file_keeps_ids_and_contacts_of_both_families() -> None:
    data = encode_nodes(OWN_ID, OWN_ID6, CONTACTS)
    assert decode_nodes(data) == KnownNodes(OWN_ID, OWN_ID6, CONTACTS)
    assert decode_nodes(encode_nodes(OWN_ID, OWN_ID6, ())).contacts == ()


def test_nodes_file_holds_the_first_contacts_up_to_its_limit() -> None:
    many = [
        Contact(i.to_bytes(20, "big"), Endpoint(f"10.1.{i >> 8}.{i & 255}", 1)) for i in range(500)
    ]
    data = encode_nodes(OWN_ID, OWN_ID6, many)
    assert decode_nodes(data).contacts == tuple(many[:NODES_SAVED_MAX])
    assert len(data) < 12_000


def test_nodes_file_leaves_out_addresses_that_cannot_be_asked() -> None:
    bad = (
        Contact(b"\x01" * 20, Endpoint("224.0.0.1", 1)),
        Contact(b"\x01" * 20, Endpoint("8.8.8.8", 0)),
    )
    assert decode_nodes(encode_nodes(OWN_ID, OWN_ID6, bad)).contacts == ()


def test_nodes_file_truncated_or_with_any_changed_bit_is_malformed() -> None:
    data = encode_nodes(OWN_ID, OWN_ID6, CONTACTS)
    for size in range(len(data)):
        with pytest.raises(MalformedError):
            decode_nodes(data[:size])
    for at in range(len(data)):
        with pytest.raises(MalformedError):
            decode_nodes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def test_nodes_file_of_random_bytes_is_malformed_even_with_a_right_checksum() -> None:
    source = random.Random(12)
    for _ in range(2000):
        body = b"FRN\x01" + source.randbytes(source.randrange(200))
        try:
            decode_nodes(body + zlib.crc32(body).to_bytes(4, "big"))
        except MalformedError:
            continue
        assert (len(body) - 46) % 2 == 0, "seed 12"  # a whole number of nodes, by chance
