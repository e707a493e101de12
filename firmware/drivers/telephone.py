"""What every way to build the telephone can do: contacts on the header, USB phone, adapter.

Knows no way. Facts of hook and keys come out of `open`'s callback, in a thread of the driver.
"""

from __future__ import annotations

from typing import Protocol

from firmware.drivers.attendant import OnFact


class Telephone(Protocol):
    """Hook, keys, bell and lamp; each call returns at once, from any thread."""

    def open(self, on_fact: OnFact) -> None:
        """Start; once."""

    def ring(self, *, on: bool) -> None:
        """Let the bell sound in the cadence of the country, or silence it."""

    def light(self, *, on: bool) -> None:
        """The lamp that says that somebody has called."""

    def in_use(self, *, on: bool) -> None:
        """A call is going on: for telephones that have a lamp or a mode for that."""

    def close(self) -> None:
        """Silence, and give the device back."""

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until the device is released; False if it is not."""
