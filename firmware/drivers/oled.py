"""OLED: shows the latest picture in a thread of its own, because the I2C bus is slow.

Knows no text: pictures come ready drawn. A full picture takes 23.5 ms at 400 kHz; pictures that
come faster are skipped, the latest wins. A panel that fails is initialised anew until it answers.
Units: `_s` seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from firmware.drivers.chips import Panel
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact
from firmware.model import Part, Picture


class Oled:
    """A display that may be missing; `open_panel` initialises it, or raises HardwareError."""

    def __init__(self, open_panel: Callable[[], Panel]) -> None:
        self.shown = 0  # pictures that reached the panel
        self._open_panel = open_panel
        self._latest: Picture | None = None
        self._closing = False
        self._changed = threading.Condition()
        self._health = Health(Part.OLED)
        self._thread: threading.Thread | None = None

    def open(self, on_fact: Callable[[Fact], None]) -> None:
        """Start; `on_fact` is called in the driver's thread, once per failure and recovery."""
        assert self._thread is None, "opened once"
        self._thread = threading.Thread(target=self._run, args=(on_fact,), name="oled", daemon=True)
        self._thread.start()

    def show(self, picture: Picture) -> None:
        """Show `picture` as soon as the bus allows; returns at once."""
        with self._changed:
            self._latest = picture
            self._changed.notify()

    def close(self) -> None:
        """Go dark and stop; returns at once, harmless when closed."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until the panel is dark; False if it is not."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, on_fact: Callable[[Fact], None]) -> None:
        while not self._closing:
            try:
                self._drive_panel(on_fact)
            except HardwareError as error:
                failed = self._health.failed(error)
                if failed:
                    on_fact(failed)
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, self._health.retry_s())

    def _drive_panel(self, on_fact: Callable[[Fact], None]) -> None:
        panel = self._open_panel()
        on_panel: Picture | None = None
        try:
            while not self._closing:
                picture = self._latest
                if picture is not None and picture is not on_panel:
                    if on_panel is None or picture.pixels != on_panel.pixels:
                        panel.show(picture.pixels)
                        self.shown += 1
                    on_panel = picture
                recovered = self._health.worked()
                if recovered:
                    on_fact(recovered)
                self._wait_for_news(picture)
        finally:
            panel.close()

    def _wait_for_news(self, seen: Picture | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._latest is not seen)
