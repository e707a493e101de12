"""Pins: which key a number had at the first call; another key never rings through silently.

Each is a record of the store. The file of former versions (PEERS of shell/state.py) is still read:
what it says and no record does becomes a record. It stays as it is, for a box that goes back.
Source: RFC 7469's idea (pin at first use), for numbers instead of hosts.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping

from firmware import number
from firmware.errors import ConfigError
from firmware.events.store import RECORDS_MAX, Kind, Record, SaveRecord

PINS_MAX = RECORDS_MAX[Kind.PIN]  # beyond it calls go on, but their keys are not pinned

_VERSION = 1
_KEY_BYTES = 32


class Pins:
    """The pinned keys of this telephone; none is ever replaced."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` are those of the file."""
        self.keys = dict(keys)  # number to Ed25519 public key

    def contradict(self, peer_number: str, public_key: bytes) -> bool:
        """True if `peer_number` is pinned to another key."""
        pinned = self.keys.get(peer_number)
        return pinned is not None and not hmac.compare_digest(pinned, public_key)

    def add(self, peer_number: str, public_key: bytes) -> SaveRecord | None:
        """A new pin, to be kept; None if there is one, or PINS_MAX are there."""
        if peer_number in self.keys or len(self.keys) >= PINS_MAX:
            return None
        self.keys[peer_number] = public_key
        return _saved(peer_number, public_key)

    def load(self, records: Iterable[Record]) -> list[SaveRecord]:
        """The records of the store go before what was known; what they lack is to be saved."""
        kept = pins_of(records)
        missing = {peer: key for peer, key in self.keys.items() if peer not in kept}
        self.keys |= kept
        return [_saved(peer, key) for peer, key in missing.items()]


def pins_of(records: Iterable[Record]) -> dict[str, bytes]:
    """Number to Ed25519 public key; a record of a later version is left alone."""
    pins = (record for record in records if record.kind is Kind.PIN)
    return {record.key: record.data for record in pins if len(record.data) == _KEY_BYTES}


def decode_pins(data: bytes, source: str) -> dict[str, bytes]:
    """The file of former versions; ConfigError naming `source`: lost pins would protect nobody."""
    try:
        content = json.loads(data)
        if content["version"] != _VERSION:
            raise ValueError("version")
        pins = {str(peer): bytes.fromhex(key) for peer, key in content["pins"].items()}
        if not all(number.is_valid(peer) and len(key) == _KEY_BYTES for peer, key in pins.items()):
            raise ValueError("number or key")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{source}: not a file of pinned keys ({error})") from None
    return pins


def _saved(peer_number: str, public_key: bytes) -> SaveRecord:
    return SaveRecord(Kind.PIN, peer_number, public_key)
