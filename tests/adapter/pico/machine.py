"""The machine of a simulated Pico for the unix port of MicroPython: pins, UART, watchdog.

The world outside the pins is another process at the end of a pty, named by FERNRUF_WORLD: it says
`LEVEL PIN 0|1`, `WIRE PIN PIN 0|1`, `MEMORY` or `HANG`, and hears `OUT PIN 0|1 TICKS`, or
`USED BYTES` for `MEMORY`. The UART is the pty FERNRUF_LINE; USB is standard input and output.
"""

import gc
import os
import select
import sys
import time

WATCHED = (3, 4, 14)  # bell, polarity, lamp
PWRON_RESET, WDT_RESET = 1, 3


def reset_cause():
    return WDT_RESET if os.getenv("FERNRUF_BY_WATCHDOG") else PWRON_RESET


class _Pty:
    def __init__(self, path):
        self.file = open(path, "r+b", 0)
        self._poll = select.poll()
        self._poll.register(self.file, select.POLLIN)
        self._reads = bytearray(256)

    def read(self):
        if not self._poll.poll(0):
            return b""
        size = self.file.readinto(self._reads)
        return bytes(self._reads[:size]) if size else b""


class _World:
    def __init__(self):
        self._pty = _Pty(os.getenv("FERNRUF_WORLD"))
        self._room = select.poll()
        self._room.register(self._pty.file, select.POLLOUT)
        self._text = b""
        self.levels, self.outputs, self.wires = {}, {}, set()

    def look(self):
        data = self._pty.read()
        if not data:
            return
        lines = (self._text + data).split(b"\n")
        self._text = lines.pop()
        for line in lines:
            words = line.decode().split()
            if words[0] == "LEVEL":
                self.levels[int(words[1])] = int(words[2])
            elif words[0] == "WIRE":
                wire = (int(words[1]), int(words[2]))
                self.wires.add(wire) if words[3] == "1" else self.wires.discard(wire)
            elif words[0] == "MEMORY":
                gc.collect()
                self._pty.file.write(b"USED %d\n" % gc.mem_alloc())
            elif words[0] == "HANG":
                while not WDT.bites():
                    pass
                sys.exit(WDT_RESET)

    def output(self, pin, level):
        if self.outputs.get(pin) != level:
            self.outputs[pin] = level
            if pin in WATCHED and self._room.poll(0):  # a test that does not look stops nobody
                self._pty.file.write(b"OUT %d %d %d\n" % (pin, level, time.ticks_ms()))

    def level(self, pin, pulled_up):
        net, new = {pin}, [pin]
        while new:
            one = new.pop()
            for wire in self.wires:
                if one in wire:
                    other = wire[1] if wire[0] == one else wire[0]
                    if other not in net:
                        net.add(other)
                        new.append(other)
        found = [self.outputs[one] for one in net if one in self.outputs]
        found += [self.levels[one] for one in net if one in self.levels]
        return min(found) if found else int(pulled_up)


class Pin:
    IN, OUT, PULL_UP = 0, 1, 1
    world = None

    def __init__(self, number, mode, pull=None, value=None):
        if Pin.world is None:
            Pin.world = _World()
        self._number, self._pull = number, pull
        self.init(mode, value=value)

    def init(self, mode, value=None):
        self._mode = mode
        if mode == Pin.OUT:
            Pin.world.output(self._number, value or 0)
        else:
            Pin.world.outputs.pop(self._number, None)

    def __call__(self, value=None):
        if value is not None:
            return Pin.world.output(self._number, value)
        Pin.world.look()
        return Pin.world.level(self._number, self._pull == Pin.PULL_UP)


class UART:
    def __init__(self, number, baud, timeout, rxbuf, txbuf):
        self._pty = _Pty(os.getenv("FERNRUF_LINE"))

    def read(self, size):
        return self._pty.read() or None

    def write(self, data):
        self._pty.file.write(data)


class WDT:
    """Bites a program that hangs; the reset is the end of the process."""

    fed_ms = None
    timeout_ms = 0

    def __init__(self, timeout):
        WDT.timeout_ms = timeout
        self.feed()

    def feed(self):
        WDT.fed_ms = time.ticks_ms()

    @staticmethod
    def bites():
        fed_ms = WDT.fed_ms
        return fed_ms is not None and time.ticks_diff(time.ticks_ms(), fed_ms) > WDT.timeout_ms


class Timer:
    """Calls back when the test says that its time has passed."""

    started = ()

    def __init__(self, period, callback):
        self.period, self.callback = period, callback
        Timer.started += (self,)
