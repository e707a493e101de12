import pytest

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import MalformedError
from firmware.overlay.dht import bencode
from tests.overlay.fuzz import survives

MESSAGE: dict[bytes, object] = {b"b": [1, b"two", {b"c": -3}], b"a": b""}


def test_bencode_dictionary_round_trips_with_sorted_keys() -> None:
    encoded = bencode.encode(MESSAGE)
    assert encoded == b"d1:a0:1:bli1e3:twod1:ci-3eeee"
    assert bencode.decode(encoded) == MESSAGE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"i1e",
        b"le",
        b"de ",
        b"d1:ai1e1:ai1ee",  # repeated
        b"d1:ai01ee",
        b"d1:ai-0ee",
        b"d1:a" * 512,
        b"d1:a" + b"l" * 1000 + b"e" * 1001 + b"x",
        b"d1:ai" + b"9" * 2040 + b"e",
        b"d1:a99999999999999999999:ae",
    ],
)
def test_bencode_broken_input_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        bencode.decode(data)


def test_bencode_unsorted_keys_of_a_sloppy_node_are_read() -> None:
    data = b"d1:y1:q1:t2:aa1:ad2:id1:x1:bl1:v1:weei-7e0:e1:q4:pinge"
    with pytest.raises(MalformedError):
        bencode.decode(data)  # a key that is no string
    data = b"d1:y1:q1:t2:aa1:ad2:id1:x1:bl1:v1:wi-7ei0e0:ee1:q4:pinge"
    assert bencode.decode(data) == {
        b"y": b"q",
        b"t": b"aa",
        b"a": {b"id": b"x", b"b": [b"v", b"w", -7, 0, b""]},
        b"q": b"ping",
    }


@pytest.mark.parametrize(
    "data",
    [
        b"d1:b0:1:a0:1:b0:e",  # repeated
        b"d1:b0:1:ai01ee",
        b"d1:b0:1:ai-0ee",
        b"d1:b0:1:ai99999999999999999999ee",
        b"d1:b0:1:a02:xxe",
        b"d1:b0:1:a9:xxe",
        b"d1:b0:1:axe",
        b"d1:b0:1:a0:",
        b"d1:b0:1:a0:ee",
        b"d1:b0:1:a" + b"l" * 10 + b"e" * 10 + b"e",
        b"d1:b0:1:al" + b"0:" * 500 + b"ee",
    ],
)
def test_bencode_unsorted_keys_excuse_nothing_else(data: bytes) -> None:
    with pytest.raises(MalformedError):
        bencode.decode(data)


def test_bencode_unsorted_input_is_read_up_to_its_limits() -> None:
    depth, values = bencode.UNSORTED_DEPTH_MAX, bencode.UNSORTED_VALUES_MAX
    nested = b"d1:b0:1:a" + b"l" * (depth - 2) + b"e" * (depth - 2) + b"e"
    assert set(bencode.decode(nested)) == {b"a", b"b"}
    wide = b"d1:b0:1:al" + b"0:" * (values - 4) + b"ee"
    assert bencode.decode(wide)[b"a"] == [b""] * (values - 4)


def test_bencode_input_of_the_longest_datagram_is_accepted_and_one_byte_more_is_not() -> None:
    padding = DATAGRAM_BYTES_MAX - len(b"d1:a0000:e")
    longest = b"d1:a" + str(padding).encode() + b":" + bytes(padding) + b"e"
    assert len(longest) == DATAGRAM_BYTES_MAX
    assert bencode.decode(longest) == {b"a": bytes(padding)}
    with pytest.raises(MalformedError):
        bencode.decode(longest + b"e")


def test_bencode_hostile_input_raises_nothing_but_malformed() -> None:
    unsorted = b"d1:bli1e3:twod1:ci-3eee1:a0:e"
    assert bencode.decode(unsorted) == MESSAGE
    survives(bencode.decode, [bencode.encode(MESSAGE), unsorted], seed=5)
