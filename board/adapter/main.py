"""The program of the analog phone adapter: pins, serial line, watchdog and the two tasks.

Raspberry Pi Pico with MicroPython 1.23 or later, and an Ag1171 or KS0835F. The pins below are those
of the wiring diagram. The line is UART 0 by default; `USB = True` in a file settings.py takes the
USB port instead. A Ctrl-C, which no frame holds, stops the program for who puts a new one on it.
"""

import asyncio
import os
import select
import sys
import time
from binascii import hexlify

import machine
from adapter import Adapter
from machine import Pin

SHK, RM, FR, LAMP = 2, 3, 4, 14
ROWS = (6, 7, 8, 9)
COLUMNS = (10, 11, 12, 13)
BAUD = 115200
WATCH_MS = 1  # between two looks at the contacts: a moved hook is told 10 to 13 ms later
LISTEN_MS = 2
WATCHDOG_MS = 2000
READ_BYTES_MAX = 64
STOPPED_MS_MAX = 600000  # long enough to copy a program; then the watchdog starts the old one again


class Pins:
    """What the adapter may do with its pins."""

    def __init__(self):
        self.loop = Pin(SHK, Pin.IN)  # 1 = current flows: off the hook
        self.ring = Pin(RM, Pin.OUT, value=0)
        self.forward = Pin(FR, Pin.OUT, value=1)
        self.lamp = Pin(LAMP, Pin.OUT, value=0)
        self._rows = [Pin(number, Pin.IN, Pin.PULL_UP) for number in ROWS]
        self._columns = [Pin(number, Pin.OUT, value=0) for number in COLUMNS]

    def any_row(self):
        """Some key is down; true only while all columns are low."""
        for row in self._rows:
            if not row():
                return True
        return False

    def closed(self, place):
        """The places whose contact is closed; one column is low at a time, the others float."""
        found = set()
        for column in self._columns:
            column.init(Pin.IN)
        for column_number, column in enumerate(self._columns):
            column.init(Pin.OUT, value=0)
            for row_number, row in enumerate(self._rows):
                if not row():
                    found.add(place(row_number, column_number))
            column.init(Pin.IN)
        for column in self._columns:
            column.init(Pin.OUT, value=0)
        return found


class Usb:
    """The USB port as a serial line: the REPL's, so what MicroPython prints is noise on it."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def read(self):
        """What has arrived, at most READ_BYTES_MAX; b"" = nothing."""
        data = bytearray()
        while len(data) < READ_BYTES_MAX and self._poll.poll(0):
            byte = sys.stdin.buffer.read(1)
            if not byte:  # nobody has plugged it in
                break
            data += byte
        return bytes(data)

    def write(self, data):
        """Send; a host that does not read loses it."""
        sys.stdout.buffer.write(data)


class Uart:
    """The UART on GP0 and GP1."""

    def __init__(self):
        self._uart = machine.UART(0, BAUD, timeout=0, rxbuf=512, txbuf=512)

    def read(self):
        """What has arrived; b"" = nothing."""
        return self._uart.read(READ_BYTES_MAX) or b""

    def write(self, data):
        """Send."""
        self._uart.write(data)


async def watch(adapter, serial, alive):
    """Contacts and bell, every WATCH_MS."""
    before_ms = time.ticks_ms()
    while True:
        now_ms = time.ticks_ms()
        data = adapter.step(time.ticks_diff(now_ms, before_ms))
        before_ms = now_ms
        if data:
            serial.write(data)
        alive[0] = True
        await asyncio.sleep_ms(WATCH_MS)


async def listen(adapter, serial, alive):
    """The host."""
    while True:
        data = serial.read()
        while data:
            adapter.receive(data)
            data = serial.read() if len(data) >= READ_BYTES_MAX else b""
        alive[1] = True
        await asyncio.sleep_ms(LISTEN_MS)


async def guard(alive, watchdog):
    """Feeds the watchdog as long as both tasks live."""
    while True:
        if alive[0] and alive[1]:
            watchdog.feed()
            alive[0] = alive[1] = False
        await asyncio.sleep_ms(WATCHDOG_MS // 4)


async def main(serial, watchdog):
    """Serve one telephone for ever."""
    by_watchdog = machine.reset_cause() == machine.WDT_RESET
    adapter = Adapter(Pins(), hexlify(os.urandom(4)).decode(), by_watchdog)
    alive = [False, False]
    await asyncio.gather(
        watch(adapter, serial, alive), listen(adapter, serial, alive), guard(alive, watchdog)
    )


def stay_stopped(watchdog):
    """The REPL has the Pico now: nothing else would feed a watchdog that cannot be stopped."""
    stopped_ms = [0]

    def feed(_timer):
        stopped_ms[0] += WATCHDOG_MS // 4
        if stopped_ms[0] <= STOPPED_MS_MAX:
            watchdog.feed()

    return machine.Timer(period=WATCHDOG_MS // 4, callback=feed)


def run():
    """Read settings.py, if there is one, and begin."""
    try:
        from settings import USB
    except ImportError:
        USB = False  # noqa: N806 - the name in settings.py
    serial = Usb() if USB else Uart()
    watchdog = machine.WDT(timeout=WATCHDOG_MS)
    try:
        asyncio.run(main(serial, watchdog))
    except KeyboardInterrupt:
        Pins()  # bell and lamp off
        stay_stopped(watchdog)


if __name__ == "__main__":
    run()
