"""Pins: which key a number had at the first call; another key never rings through silently.

Knows no file: `encode_pins` and `decode_pins` are the content of one.
Source: RFC 7469's idea (pin at first use), for numbers instead of hosts.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

from firmware import number
from firmware.errors import ConfigError

PINS_FILE = "peers.json"
PINS_MAX = 4096  # about 400 kB; beyond it calls go on, but their keys are not pinned

_VERSION = 1
_KEY_BYTES = 32


class Pins:
    """The pinned keys of this telephone; none is ever replaced."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self.keys = dict(keys)  # number to Ed25519 public key

    def contradict(self, peer_number: str, public_key: bytes) -> bool:
        """True if `peer_number` is pinned to another key."""
        pinned = self.keys.get(peer_number)
        return pinned is not None and not hmac.compare_digest(pinned, public_key)

    def add(self, peer_number: str, public_key: bytes) -> bool:
        """True if this is a new pin; False if there is one, or PINS_MAX are there."""
        if peer_number in self.keys or len(self.keys) >= PINS_MAX:
            return False
        self.keys[peer_number] = public_key
        return True

    def encode(self) -> bytes:
        """The content of PINS_FILE."""
        return encode_pins(self.keys)


def encode_pins(pins: Mapping[str, bytes]) -> bytes:
    """JSON, number to Ed25519 key in hex, so that a person can take one out by hand."""
    keys = {peer_number: key.hex() for peer_number, key in sorted(pins.items())}
    return json.dumps({"version": _VERSION, "pins": keys}, indent=2).encode() + b"\n"


def decode_pins(data: bytes, source: str) -> dict[str, bytes]:
    """Raises ConfigError naming `source`: pins that were lost silently would protect nobody."""
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
