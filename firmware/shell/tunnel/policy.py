"""What a box may do with the address of an exchange: speak our protocols, to who wants to hear it.

An exchange with a tunnel lends its address to strangers. So nothing leaves but datagrams of our
protocols, to no network that the stranger could not reach by itself, and whoever does not answer
hears little. Knows no socket. Units: `_s` monotonic seconds. Source: ours, docs/protocol.md 7.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from firmware.bucket import Bucket
from firmware.demux import Protocol, protocol_of
from firmware.model import Endpoint
from firmware.overlay.dht.address import may_name

BYTES_PER_S = 25_000  # each way; a call with G.711 and all headers takes 11,000
BURST_BYTES = 50_000
NEW_PER_S = 20.0  # destinations; a lookup in the directory asks some 30 nodes
NEW_BURST = 300
DESTINATIONS_MAX = 1024  # at the limit whoever was spoken to longest ago is forgotten
SILENT_DATAGRAMS_MAX = 24  # to who has not answered, in SILENT_S; path probes need the most
SILENT_BYTES_MAX = 12_000
SILENT_S = 30.0


@dataclass(slots=True)
class _Destination:
    since_s: float
    datagrams: int = 0
    size_bytes: int = 0
    heard_s: float | None = None


class Policy:
    """Of one tunnel, whose box is at `client`."""

    def __init__(self, client: Endpoint, now_s: float) -> None:
        self._client = client
        self._out = Bucket(BURST_BYTES, BYTES_PER_S, now_s)
        self._in = Bucket(BURST_BYTES, BYTES_PER_S, now_s)
        self._new = Bucket(NEW_BURST, NEW_PER_S, now_s)
        self._destinations: OrderedDict[Endpoint, _Destination] = OrderedDict()

    def may_leave(self, data: bytes, to: Endpoint, now_s: float) -> bool:
        """True if `data` is sent on to `to`; what is not is dropped."""
        if protocol_of(data) is Protocol.UNKNOWN or not may_name(to, self._client):
            return False
        destination = self._destinations.get(to)
        if destination is None:
            if not self._new.take(1, now_s):
                return False
            destination = self._destinations[to] = _Destination(now_s)
            if len(self._destinations) > DESTINATIONS_MAX:
                self._destinations.popitem(last=False)
        self._destinations.move_to_end(to)
        return self._may_hear(destination, len(data), now_s) and self._out.take(len(data), now_s)

    def may_enter(self, data: bytes, source: Endpoint, now_s: float) -> bool:
        """True if `data` is carried back to the box, from whomever it is."""
        destination = self._destinations.get(source)
        if destination is not None:
            destination.heard_s = now_s
        return self._in.take(len(data), now_s)

    def _may_hear(self, destination: _Destination, size: int, now_s: float) -> bool:
        if destination.heard_s is not None and now_s - destination.heard_s < SILENT_S:
            return True
        if now_s - destination.since_s >= SILENT_S:
            destination.since_s, destination.datagrams, destination.size_bytes = now_s, 0, 0
        destination.datagrams += 1
        destination.size_bytes += size
        return (
            destination.datagrams <= SILENT_DATAGRAMS_MAX
            and destination.size_bytes <= SILENT_BYTES_MAX
        )
