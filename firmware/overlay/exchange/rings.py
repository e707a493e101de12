"""Calls that an exchange makes for its boxes (`x_fr_ring`), until the other one has taken them.

Knows no registration. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from firmware import channel as frames
from firmware.errors import MalformedError
from firmware.events import SendDatagram
from firmware.model import Endpoint

RINGS_MAX = 64  # the latest


class Rings:
    """Answers a challenge once."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[Endpoint, bytes], frames.Open] = OrderedDict()

    def make(self, frame: bytes, to: Endpoint) -> SendDatagram:
        """The call that a box has asked for, as it leaves."""
        try:
            opening = frames.decode(frame)
        except MalformedError:
            opening = None
        if isinstance(opening, frames.Open):
            self._made[to, opening.nonce] = opening
            if len(self._made) > RINGS_MAX:
                self._made.popitem(last=False)
        return SendDatagram(frame, to)

    def prove(self, challenge: frames.Challenge, source: Endpoint) -> list[SendDatagram]:
        """The same call with the cookie; nothing if it is not known."""
        opening = self._made.pop((source, challenge.about), None)
        if opening is None:
            return []
        return [SendDatagram(replace(opening, cookie=challenge.cookie).encode(), source)]
