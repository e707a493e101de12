"""Simulated GPIO: pins, wires and switches, with the world outside the box.

Models levels, not time: a pin is an input with pull-up or an output, a switch connects two pins
while it is closed, and whatever is connected has one level. So keys that are held together ghost
as copper does.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable


class SimGpio:
    """The methods of `chips.Gpio`, and of the world: `drive`, `connect`, `disconnect`."""

    def __init__(self) -> None:
        self.shorts = 0  # how often a high output met a low one: on a board that burns a pin
        self._lock = threading.RLock()  # the hand is another thread than the driver
        self._watched: dict[int, tuple[bool, Callable[[], object]]] = {}
        self.outputs: dict[int, bool] = {}
        self._driven: dict[int, bool] = {}  # from outside
        self._wires: defaultdict[int, set[int]] = defaultdict(set)

    def set_input(self, pin: int) -> None:
        """Input with the pull-up on."""
        with self._lock:
            self.outputs.pop(pin, None)
        self._tell_edges()

    def set_output(self, pin: int, level: bool) -> None:
        """Output, driving `level` from the first moment."""
        with self._lock:
            self.outputs[pin] = level
            self._check_shorts(pin)
        self._tell_edges()

    def read(self, pin: int) -> bool:
        """Level of a pin: an output or the outside wins over the pull-up, low over high."""
        with self._lock:
            if pin in self.outputs:
                return self.outputs[pin]
            return False not in self._sources(pin)

    def write(self, pin: int, level: bool) -> None:
        """Drive an output."""
        assert pin in self.outputs, f"pin {pin} is no output"
        self.set_output(pin, level)

    def watch(self, pin: int, on_edge: Callable[[], object]) -> None:
        """From now on call `on_edge` whenever an input changes."""
        with self._lock:
            self._watched[pin] = (self.read(pin), on_edge)

    def unwatch(self, pin: int) -> None:
        """No more calls for this pin."""
        with self._lock:
            self._watched.pop(pin, None)

    def close(self) -> None:
        """Give all pins back as inputs."""
        with self._lock:
            self.outputs.clear()
            self._watched.clear()

    def drive(self, pin: int, level: bool | None) -> None:
        """From outside: connect a pin to 3.3 V or ground; None = let it float."""
        with self._lock:
            if level is None:
                self._driven.pop(pin, None)
            else:
                self._driven[pin] = level
        self._tell_edges()

    def connect(self, pin: int, other: int) -> None:
        """From outside: close a switch between two pins."""
        with self._lock:
            self._wires[pin].add(other)
            self._wires[other].add(pin)
            self._check_shorts(pin)
        self._tell_edges()

    def disconnect(self, pin: int, other: int) -> None:
        """From outside: open that switch."""
        with self._lock:
            self._wires[pin].discard(other)
            self._wires[other].discard(pin)
        self._tell_edges()

    def _tell_edges(self) -> None:
        """In the thread that moved something, with no lock held: a driver may look at once."""
        edges: list[Callable[[], object]] = []
        with self._lock:
            for pin, (level, on_edge) in list(self._watched.items()):
                if pin not in self.outputs and self.read(pin) != level:
                    self._watched[pin] = (not level, on_edge)
                    edges.append(on_edge)
        for on_edge in edges:
            on_edge()

    def _sources(self, pin: int) -> set[bool]:
        """The levels that outputs and the outside put on what is connected to `pin`."""
        net, new = {pin}, [pin]
        while new:
            found = self._wires[new.pop()] - net
            net |= found
            new += found
        levels = {self.outputs[one] for one in net if one in self.outputs}
        return levels | {self._driven[one] for one in net if one in self._driven}

    def _check_shorts(self, pin: int) -> None:
        self.shorts += len(self._sources(pin)) > 1
