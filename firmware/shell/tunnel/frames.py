"""What goes through a tunnel: datagrams with an address, one after the other in a stream.

Knows no socket. Integers are big-endian. Source: ours, docs/protocol.md section 7.
"""

from __future__ import annotations

import ipaddress

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import MalformedError
from firmware.model import Endpoint

VERSION = 1
FRAME_BYTES_MAX = 1 + 18 + DATAGRAM_BYTES_MAX  # after the length
_GREETING, _V4, _V6 = 0, 4, 6  # the first byte of a frame: what follows it
_ADDRESS_BYTES = {_V4: 6, _V6: 18}

Datagram = tuple[bytes, Endpoint]


def encode(data: bytes, endpoint: Endpoint) -> bytes:
    """`data` to `endpoint` on the way out, from it on the way back."""
    host = ipaddress.ip_address(endpoint.host).packed
    kind = _V4 if len(host) == 4 else _V6
    length = 1 + len(host) + 2 + len(data)
    return b"%b%c%b%b%b" % (
        length.to_bytes(2, "big"),
        kind,
        host,
        endpoint.port.to_bytes(2, "big"),
        data,
    )


def encode_greeting(port: int) -> bytes:
    """The first frame of an exchange: its UDP port, at the address that was called."""
    return bytes((0, 4, _GREETING, VERSION)) + port.to_bytes(2, "big")


class Deframer:
    """Takes a stream as it comes, in pieces. `greeting` is the port in it, once it was there."""

    def __init__(self) -> None:
        self.greeting: int | None = None
        self._rest = b""

    def feed(self, data: bytes) -> list[Datagram]:
        """The datagrams that are complete now; MalformedError ends the stream."""
        data = self._rest + data
        found: list[Datagram] = []
        at = 0
        while len(data) - at >= 2:
            length = int.from_bytes(data[at : at + 2], "big")
            if not 0 < length <= FRAME_BYTES_MAX:
                raise MalformedError("frame of impossible length")
            if len(data) - at - 2 < length:
                break
            self._take(data[at + 2 : at + 2 + length], found)
            at += 2 + length
        self._rest = data[at:]
        return found

    def _take(self, frame: bytes, found: list[Datagram]) -> None:
        kind = frame[0]
        if kind == _GREETING:
            if len(frame) != 4 or frame[1] != VERSION:
                raise MalformedError("greeting of an unknown version")
            self.greeting = int.from_bytes(frame[2:], "big")
            return
        address_bytes = _ADDRESS_BYTES.get(kind)
        if address_bytes is None or len(frame) < 1 + address_bytes:
            raise MalformedError("frame without an address")
        host = str(ipaddress.ip_address(frame[1 : address_bytes - 1]))
        port = int.from_bytes(frame[address_bytes - 1 : address_bytes + 1], "big")
        found.append((frame[1 + address_bytes :], Endpoint(host, port)))
