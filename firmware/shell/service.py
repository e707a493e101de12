"""What systemd is told: that the box is ready, that it still lives, and what it is doing.

Without systemd (no NOTIFY_SOCKET) nothing happens. Source: sd_notify(3), sd_watchdog_enabled(3).
Units: seconds.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping

MICROSECONDS = 1e6


class Service:
    """The notify socket of systemd."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / MICROSECONDS

    def ready(self) -> None:
        """Dial tone can be had from now on."""
        self._say("READY=1")

    def stopping(self) -> None:
        """The box is hanging up."""
        self._say("STOPPING=1")

    async def live(self) -> None:
        """Say from the event loop that it turns, twice in each time that systemd grants."""
        while self._watchdog_s:
            self._say("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 2)

    def _say(self, text: str) -> None:
        if not self._address:
            return
        address = self._address.replace("@", "\0", 1)  # an abstract socket
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.sendto(text.encode(), address)
