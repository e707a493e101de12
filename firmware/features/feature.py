"""What a service is: answers a code, keeps a setting, has a say when somebody calls.

Knows no call and no store; desk.py carries its answers out. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from firmware.events import Message


class Feature:
    """One service; each overrides what it needs."""

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Anything that happens and that routes.py sends to the desk."""
        del fact, now_s
        return []
