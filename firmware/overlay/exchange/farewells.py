"""Taking leave: an exchange that stops tells its boxes where else to go, not all at once.

Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections.abc import Iterable

from firmware.channel import ELSEWHERE_MAX, Elsewhere
from firmware.events import SendDatagram
from firmware.model import Endpoint
from firmware.overlay.dht.address import may_name

AT_ONCE = 200  # 20,000 boxes in two seconds


class Farewells:
    """Who is still to be told: identifier of the registration, and address."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes, Endpoint]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def begin(self, registered: Iterable[tuple[bytes, Endpoint]]) -> None:
        """All of these."""
        self._waiting = list(registered)

    def some(self, others: Iterable[Endpoint]) -> list[SendDatagram]:
        """The next of them; `others` are exchanges, the latest last."""
        latest = tuple(others)[-ELSEWHERE_MAX:]
        told, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        frames = (
            (Elsewhere(one, tuple(other for other in latest if may_name(other, to))), to)
            for one, to in told
        )
        return [SendDatagram(frame.encode(), to) for frame, to in frames]
