"""A telephone behind the adapter that may dial by tones, for `fernruf wiring`: its keys are heard.

Pulses the adapter counts and tells; tones are nothing but sound on the line, so a thread reads the
sound card of the box and looks for them. Knows no earpiece: while wires are tried it is silent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from firmware.drivers.attendant import OnFact
from firmware.drivers.chips import PERIOD_BYTES, CapturePcm
from firmware.drivers.telephone import Telephone
from firmware.errors import HardwareError
from firmware.events import KeyPressed
from firmware.ui.line_keys import LineKeys


class ToneKeys:
    """The methods of `telephone.Telephone`: those of `telephone`, and keys that sound as well."""

    def __init__(
        self,
        telephone: Telephone,
        open_capture: Callable[[], CapturePcm],
        say: Callable[[str], None],
    ) -> None:
        """`say` is told, in the thread, when there is no sound to hear keys in."""
        self._telephone, self._open_capture, self._say = telephone, open_capture, say
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, on_fact: OnFact) -> None:
        """Start both; once."""
        assert self._thread is None, "opened once"
        self._telephone.open(on_fact)
        self._thread = threading.Thread(
            target=self._listen, args=(on_fact,), name="tone keys", daemon=True
        )
        self._thread.start()

    def ring(self, *, on: bool) -> None:
        """The telephone's own bell."""
        self._telephone.ring(on=on)

    def light(self, *, on: bool) -> None:
        """The telephone's own lamp."""
        self._telephone.light(on=on)

    def in_use(self, *, on: bool) -> None:
        """As the telephone shows it."""
        self._telephone.in_use(on=on)

    def close(self) -> None:
        """Give back telephone and sound card."""
        self._closing.set()
        self._telephone.close()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait for each so long."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        is_silent = self._thread is None or not self._thread.is_alive()
        return self._telephone.join(timeout_s) and is_silent

    def _listen(self, on_fact: OnFact) -> None:
        try:
            pcm = self._open_capture()
            try:
                self._read(pcm, on_fact)
            finally:
                pcm.close()
        except HardwareError as error:
            self._say(f"  keys that sound cannot be heard: {error}")

    def _read(self, pcm: CapturePcm, on_fact: OnFact) -> None:
        keys = LineKeys()
        while not self._closing.is_set():
            length, data = pcm.read()
            if length < 0 or len(data) != PERIOD_BYTES:
                continue
            for key in keys.spoken(np.frombuffer(data, "<i2").astype(np.int16))[1]:
                on_fact(KeyPressed(key, has_sounded=True))
