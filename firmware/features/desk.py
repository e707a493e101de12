"""The desk: the one core in which all services are; tells them what happens.

Knows no service by name; which there are is in table.py. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from firmware.events import Message
from firmware.features.table import FEATURES


class Desk:
    """The core of the services."""

    def __init__(self) -> None:
        self._features = [make() for make in FEATURES]

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Tell each service."""
        return [message for feature in self._features for message in feature.handle(fact, now_s)]

    def on_time(self, now_s: float) -> list[Message]:
        """Nothing is ever due."""
        del now_s
        return []

    def deadline_s(self) -> float | None:
        """Never."""
        return None
