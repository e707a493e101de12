"""The silent self-ring: does a call to us come through, from outside, by each of our exchanges?

One exchange is asked to call us through another, as any caller would: the one in the middle cannot
tell such a call from a real one. Sounds nothing. Units: `_s` monotonic seconds.
Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from firmware.channel import ID_BYTES, Open
from firmware.demux import SEALED_FIRST_BYTE
from firmware.events import Message, SendDatagram
from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Ring
from firmware.overlay.dht.node import Node
from firmware.overlay.registrar.link import Link

RING_S = 480.0  # 360 to 600: 9 bit/s for each exchange
RING_SOON_S = 20.0  # after one that did not come from outside
WAIT_MIN_S, WAIT_MAX_S = 0.6, 2.0
FAILURES_MAX = 3  # in a row: then the exchange is not to be counted on
_HEAD = bytes((SEALED_FIRST_BYTE, 1, 1))  # as an INVITE begins (section 4)
_SEALED_BYTES = 250, 110  # at least, and at random up to so many more


@dataclass(slots=True, eq=False)
class _Call:
    link: Link
    via: Link | None  # who calls for us; None = we ourselves
    due_s: float


class Ringer:
    """Rings by the links it is given."""

    def __init__(self, node: Node, random_bytes: Callable[[int], bytes]) -> None:
        self._node = node
        self._random_bytes = random_bytes
        self._calls: dict[bytes, _Call] = {}  # by payload

    def advance(self, links: list[Link], target: bytes, now_s: float) -> list[Message]:
        """Ring by those `links` that are due; `target` is ours."""
        for payload, call in list(self._calls.items()):
            if call.link not in links or now_s >= call.due_s:
                del self._calls[payload]
                if call.link in links:
                    self._failed(call, now_s)
        ringing = [call.link for call in self._calls.values()]
        out: list[Message] = []
        for link in links:
            if link not in ringing and now_s >= link.ring_due_s:
                out += self._ring(link, self._via(link, links), target, now_s)
        return out

    def heard(self, payload: bytes, source: Endpoint, now_s: float) -> bool:
        """True if it was our own call that came in through `source`."""
        call = self._calls.get(payload)
        if call is None or call.link.endpoint != source:
            return False
        del self._calls[payload]
        link = call.link
        link.rung_s, link.rings_failed, link.is_suspect = now_s, 0, False
        dice = int.from_bytes(self._random_bytes(2), "big") / 65536
        from_outside_s = RING_S * (0.75 + 0.5 * dice)
        link.ring_due_s = now_s + (RING_SOON_S if call.via is None else from_outside_s)
        return True

    def deadline_s(self, links: list[Link]) -> float | None:
        """Of the next call, or of one that does not come through."""
        ringing = [call.link for call in self._calls.values()]
        due = [call.due_s for call in self._calls.values()]
        due += [link.ring_due_s for link in links if link not in ringing]
        return min(due, default=None)

    def _via(self, link: Link, links: list[Link]) -> Link | None:
        """Another one, at each failure the next; rather one that has proved itself.

        One that lets no call through may lose those that it shall make, too: asked by it, the good
        would look bad.
        """
        others = [other for other in links if other is not link and not other.is_leaving]
        proved = [other for other in others if other.rung_s > -math.inf and not other.rings_failed]
        others = proved or others
        if not others:
            return None
        return others[(self._random_bytes(1)[0] + link.rings_failed) % len(others)]

    def _ring(self, link: Link, via: Link | None, target: bytes, now_s: float) -> list[Message]:
        least, more = _SEALED_BYTES
        payload = _HEAD + self._random_bytes(least + self._random_bytes(1)[0] % more)
        frame = Open(target, self._random_bytes(ID_BYTES), payload).encode()
        way_s = link.rtt_s + (0.0 if via is None else via.rtt_s)
        wait_s = min(max(WAIT_MIN_S, 4 * way_s), WAIT_MAX_S)
        self._calls[payload] = _Call(link, via, now_s + wait_s)
        if via is None:
            return [SendDatagram(frame, link.endpoint)]
        self._node.ask(Ring(via.registration_id, link.endpoint, frame), via.endpoint, now_s)
        return []

    def _failed(self, call: _Call, now_s: float) -> None:
        link = call.link
        link.rings_failed += 1
        if link.rings_failed >= FAILURES_MAX:
            link.is_suspect = True
        pause_s = min(2.0 ** min(link.rings_failed, 10), RING_S)
        dice = int.from_bytes(self._random_bytes(2), "big") / 65536
        link.ring_due_s = now_s + pause_s * dice
