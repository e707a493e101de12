"""Bencoding with limits: a thin wrapper that turns every fault of the input into MalformedError.

Knows no message. The library `bencode2` does all the work but one: it refuses dictionaries with
unsorted keys, which some nodes of the Mainline send and libtorrent accepts. Those alone are read
again by the small reader below; in everything else it is as strict as the library.
Source: BEP 3, section "bencoding".
"""

from __future__ import annotations

import re

from bencode2 import BencodeDecodeError, bdecode, bencode

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import MalformedError

UNSORTED_DEPTH_MAX = 10  # as libtorrent
UNSORTED_VALUES_MAX = 128  # twice what an answer of a node has; keeps a hostile one cheap
_INTEGER = re.compile(rb"i(0|-?[1-9][0-9]{0,18})e")
_LENGTH = re.compile(rb"(0|[1-9][0-9]{0,3}):")


def encode(value: dict[bytes, object]) -> bytes:
    """Canonical form of a dictionary of int, bytes, list and dict; keys are sorted here."""
    return bencode(value)


def encode_value(value: object) -> bytes:
    """Canonical form of any int, bytes, list or dict."""
    return bencode(value)


def decode(data: bytes) -> dict[bytes, object]:
    """The dictionary in `data`, at most DATAGRAM_BYTES_MAX bytes; that also limits its depth."""
    value = decode_value(data)
    if not isinstance(value, dict):
        raise MalformedError("not a dictionary")
    return value


def decode_value(data: bytes) -> object:
    """The int, bytes, list or dict in `data`, at most DATAGRAM_BYTES_MAX bytes."""
    if not 0 < len(data) <= DATAGRAM_BYTES_MAX:
        raise MalformedError("bencoded message is empty or too long")
    try:
        return bdecode(data)
    except BencodeDecodeError as error:
        if "not sorted" not in str(error):
            raise MalformedError("not bencoded") from None
    except ValueError:  # an integer of thousands of digits
        raise MalformedError("not bencoded") from None
    return _Unsorted(data).decode()


class _Unsorted:
    """Reads what is right but for the order of keys; its cost is bounded by the limits above."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._values_left = UNSORTED_VALUES_MAX

    def decode(self) -> object:
        value = self._value(UNSORTED_DEPTH_MAX)
        if self._at != len(self._data):
            raise MalformedError("bytes after the end")
        return value

    def _value(self, depth_left: int) -> object:
        self._values_left -= 1
        if not self._values_left or not depth_left:
            raise MalformedError("unsorted and too large")
        match self._data[self._at : self._at + 1]:
            case b"d":
                return self._dictionary(depth_left)
            case b"l":
                self._at += 1
                items = []
                while not self._ends():
                    items.append(self._value(depth_left - 1))
                return items
            case b"i":
                return int(self._matched(_INTEGER))
        return self._bytes()

    def _dictionary(self, depth_left: int) -> dict[bytes, object]:
        self._at += 1
        dictionary: dict[bytes, object] = {}
        while not self._ends():
            key = self._bytes()
            if key in dictionary:
                raise MalformedError("repeated key")
            dictionary[key] = self._value(depth_left - 1)
        return dictionary

    def _bytes(self) -> bytes:
        size = int(self._matched(_LENGTH))
        value = self._data[self._at : self._at + size]
        if len(value) != size:
            raise MalformedError("truncated")
        self._at += size
        return value

    def _matched(self, pattern: re.Pattern[bytes]) -> bytes:
        match = pattern.match(self._data, self._at)
        if match is None:
            raise MalformedError("not bencoded")
        self._at = match.end()
        return match.group(1)

    def _ends(self) -> bool:
        """True, and a step on, at the end of a list or dictionary."""
        if self._data[self._at : self._at + 1] != b"e":
            return False
        self._at += 1
        return True
