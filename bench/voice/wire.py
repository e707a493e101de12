"""The line between two telephones: UDP over loopback, with the fates of line.py in real time.

Each telephone sees the other one at a port of the wire. What is RTP or RTCP (first byte 128 to 191)
meets the line's losses and delays; signalling passes unharmed.
Units: `_s` seconds of the event loop.
"""

from __future__ import annotations

import asyncio
from typing import cast

from bench.voice.line import Line, LineModel

HOST = "127.0.0.1"


class Wire:
    """Two faces; what is sent to one face comes to its telephone, from the other face."""

    def __init__(self, line: Line, seed: int) -> None:
        self.faces = (_Face(line.model(2 * seed)), _Face(line.model(2 * seed + 1)))
        self.faces[0].other, self.faces[1].other = self.faces[1], self.faces[0]

    async def open(self) -> tuple[int, int]:
        """The ports at which the second telephone sees the first, and the first the second."""
        loop = asyncio.get_running_loop()
        for face in self.faces:
            await loop.create_datagram_endpoint(lambda face=face: face, local_addr=(HOST, 0))
        return self.faces[0].port, self.faces[1].port

    def connect(self, first_port: int, second_port: int) -> None:
        """Where the telephones themselves are."""
        self.faces[0].telephone, self.faces[1].telephone = first_port, second_port

    def close(self) -> None:
        """Nothing passes any more."""
        for face in self.faces:
            face.transport.close()


class _Face(asyncio.DatagramProtocol):
    """Stands for one telephone; carries to it what is sent to its face."""

    transport: asyncio.DatagramTransport

    def __init__(self, model: LineModel) -> None:
        self._model = model
        self.other = self
        self.telephone = 0  # port; 0 = not known yet
        self.packets = 0

    @property
    def port(self) -> int:
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        if not self.telephone:
            return
        if not 128 <= data[0] <= 191:
            self._deliver(data)
            return
        self.packets += 1
        loop = asyncio.get_running_loop()
        for transit_s in self._model.transits_s(loop.time(), len(data)):
            loop.call_later(transit_s, self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.sendto(data, (HOST, self.telephone))
