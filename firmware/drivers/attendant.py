"""Attendant: a thread that serves a device, and opens it again when it has failed.

Knows no device: `serve` opens it, serves it until `closing` is set, and raises HardwareError when
it is gone. Each failure and each recovery is reported once. Units: `_s` seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact
from firmware.model import Part

ABSENT_MAX_S = 5.0  # a plug that was touched is back by then

OnFact = Callable[[Fact], None]


class Attendant:
    """One thread for one device; `works` is what `serve` calls when the device answers.

    `absent` is called when it has failed for ABSENT_MAX_S: what it last said is true no longer.
    """

    def __init__(
        self, part: Part, serve: Callable[[], None], absent: Callable[[], None] | None = None
    ) -> None:
        self.closing = threading.Event()
        self._part, self._serve, self._absent = part, serve, absent
        self._failing_s: float | None = None  # since when
        self._health = Health(part)
        self._on_fact: OnFact | None = None
        self._thread: threading.Thread | None = None

    def open(self, on_fact: OnFact) -> None:
        """Start; `on_fact` is called in the attendant's thread."""
        assert self._thread is None, "opened once"
        self._on_fact = on_fact
        self._thread = threading.Thread(target=self._run, name=self._part, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; returns at once. Wake what `serve` waits for."""
        self.closing.set()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until the device is released; False if it is not."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def report(self, fact: Fact | None) -> None:
        """Hand a fact over; only from within `serve`."""
        if fact is not None and self._on_fact is not None:
            self._on_fact(fact)

    def works(self) -> None:
        """The device has answered."""
        self._failing_s = None
        self.report(self._health.worked())

    def _miss(self) -> None:
        now_s = time.monotonic()
        if self._failing_s is None:
            self._failing_s = now_s
        elif self._absent is not None and now_s - self._failing_s >= ABSENT_MAX_S:
            self._absent()

    def _run(self) -> None:
        while not self.closing.is_set():
            try:
                self._serve()
            except HardwareError as error:
                self.report(self._health.failed(error))
                self._miss()
                self.closing.wait(self._health.retry_s())
