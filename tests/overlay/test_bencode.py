import pytest

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import MalformedError
from firmware.overlay import bencode
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
        b"d1:bi1e1:ai1ee",  # unsorted
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


def test_bencode_input_of_the_longest_datagram_is_accepted_and_one_byte_more_is_not() -> None:
    padding = DATAGRAM_BYTES_MAX - len(b"d1:a0000:e")
    longest = b"d1:a" + str(padding).encode() + b":" + bytes(padding) + b"e"
    assert len(longest) == DATAGRAM_BYTES_MAX
    assert bencode.decode(longest) == {b"a": bytes(padding)}
    with pytest.raises(MalformedError):
        bencode.decode(longest + b"e")


def test_bencode_hostile_input_raises_nothing_but_malformed() -> None:
    survives(bencode.decode, [bencode.encode(MESSAGE)], seed=5)
