"""An hour of the adapter in virtual time: calls, digits, keys, pings, noise. Prints memory in use.

`micropython hour.py MINUTES`: bytes in use after each tenth of that time, garbage collected.
"""

import gc
import sys

from adapter import Adapter
from link.session import Session

STEP_MS = 5


class FakePins:
    """A telephone that somebody uses without pause."""

    def __init__(self):
        self.time_ms = 0
        self.rang = 0

    def loop(self):
        second, ms = self.time_ms // 1000 % 20, self.time_ms % 1000
        if second < 5 or second > 15:  # on the hook: it rings
            return 0
        return 0 if second % 2 and ms < 500 and ms % 100 < 60 else 1  # five pulses every second

    def ring(self, level):
        self.rang += level

    def forward(self, level):
        pass

    def lamp(self, level):
        pass

    def any_row(self):
        return self.time_ms % 500 < 60

    def closed(self, place):
        return {place(self.time_ms // 500 % 4, 1)} if self.any_row() else set()


def run(minutes):
    pins = FakePins()
    adapter, host = Adapter(pins, "aa"), Session("1 bb")
    used, heard = [], 0
    steps = minutes * 60000 // STEP_MS
    for step in range(steps):
        pins.time_ms += STEP_MS
        if step % 200 == 0:
            host.send("Q")
        if step % 4000 == 0:
            host.send("R", "25 1000 4000")
        if step % 777 == 0:
            adapter.receive(b"noise\xff\n")
        data = adapter.step(STEP_MS)
        if data:
            heard += len(host.feed(data))
        data = host.step(STEP_MS)
        if data:
            adapter.receive(data)
        if (step + 1) % (steps // 10) == 0:
            gc.collect()
            used.append(gc.mem_alloc())
    print(heard, pins.rang, adapter.session.lost, *used)


run(int(sys.argv[1]))
