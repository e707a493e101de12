"""OLED: shows the latest picture in a thread of its own, because the I2C bus is slow.

Knows no text: pictures come ready drawn. Pictures that come faster than the bus carries them are
skipped, the latest wins. While nobody uses it the panel dims, then goes blank (burn_in.py). A panel
that fails is initialised anew until it answers.
Units: `_s` seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from firmware.drivers.burn_in import BurnIn, Look, shifted
from firmware.drivers.chips import Panel
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact
from firmware.model import Part, Picture


class Oled:
    """A display that may be missing; `open_panel` initialises it, or raises HardwareError."""

    def __init__(
        self, open_panel: Callable[[], Panel], dim_s: float = 30.0, blank_s: float = 300.0
    ) -> None:
        self.shown = 0  # pictures that reached the panel
        self._open_panel = open_panel
        self._latest: Picture | None = None
        self._burn_in = BurnIn(dim_s, blank_s)
        self._burn_in.use(time.monotonic(), on=False)
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

    def use(self, *, on: bool) -> None:
        """Somebody uses the telephone from now on, or has just ceased to: bright, later dim."""
        with self._changed:
            self._burn_in.use(time.monotonic(), on=on)
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
        drawn: tuple[bytes, int] | None = None  # pixels and shift
        contrast = -1
        try:
            while not self._closing:
                picture, look = self._latest, self._burn_in.look(time.monotonic())
                if picture is not None and (picture.pixels, look.shift) != drawn:
                    panel.show(shifted(picture.pixels, picture.width, look.shift))
                    drawn = (picture.pixels, look.shift)
                    self.shown += 1
                if look.contrast != contrast:
                    contrast = look.contrast
                    panel.contrast(contrast)
                recovered = self._health.worked()
                if recovered:
                    on_fact(recovered)
                self._wait_for_news(picture, look)
        finally:
            panel.close()

    def _wait_for_news(self, seen: Picture | None, look: Look) -> None:
        with self._changed:
            now_s = time.monotonic()
            same_look = self._burn_in.look(now_s) == look
            if not self._closing and self._latest is seen and same_look:
                self._changed.wait(self._burn_in.wait_s(now_s))
