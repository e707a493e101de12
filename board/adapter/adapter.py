"""The adapter: joins the line, the keypad and the session, one `step` at a time.

Knows pins by what they are for, no numbers; main.py makes them. Everything it does is local and
immediate: the bell stops when the handset is lifted, or when the host has been silent for 3 s.
Units: `_ms` milliseconds that have passed since the last step.
"""

from line import DIALLED, FLASHED, LIFTED, NOISY, REPLACED, TOO_MANY, Line, Ring
from link import messages
from link.matrix import Matrix, place
from link.session import Session

LAMP_BLINK_MS = 500


class Adapter:
    """One analog telephone; `pins` has the attributes that main.Pins documents."""

    def __init__(self, pins, nonce, watchdog=False):
        self.pins = pins
        self.session = Session("%d %s" % (messages.VERSION, nonce))
        self.line = self._new_line()
        self.ring = Ring()
        self.matrix = Matrix(20)
        self._reversed = self._lamp = False
        self._lamp_ms = 0
        self._silent_ms = 0
        self._complained = False
        if watchdog:
            self.session.send(messages.TROUBLE, str(messages.WATCHDOG))

    def receive(self, data):
        """Bytes of the serial line."""
        for kind, arguments in self.session.feed(data):
            self._silent_ms = 0
            if not self._obey(kind, arguments) and not self._complained:
                self._complained = True  # once: a host that lies does so often
                self.session.send(messages.TROUBLE, str(messages.NOT_UNDERSTOOD))

    def step(self, elapsed_ms):
        """Look at the contacts, move the bell; the bytes to write."""
        event = self.line.step(bool(self.pins.loop()), elapsed_ms, self.ring.on)
        if event is not None:
            self._tell(event)
        self._scan(elapsed_ms)
        self._silent_ms += elapsed_ms
        if self._silent_ms >= messages.HOST_SILENT_MS:
            self.ring.stop()
            self._reversed = self._lamp = False
        self.ring.step(elapsed_ms)
        self._drive(elapsed_ms)
        return self.session.step(elapsed_ms)

    def _obey(self, kind, arguments):
        if kind == messages.PING:
            self._tell_state()
            return True
        if kind == messages.HELLO:
            self._complained = False
            self.ring.stop()
            self._tell_state()
            return True
        if kind == messages.RING:
            return self._obey_ring(arguments)
        if kind == messages.TIMINGS:
            timings = messages.numbers(arguments, 1, messages.MS_MAX, 4, 4)
            if timings is None:
                return False
            self.line.set_timings(timings[0], timings[1], timings[2], timings[3])
            return True
        wanted = messages.numbers(arguments, 0, 1, 1, 1)
        if wanted is None or kind not in (messages.REVERSAL, messages.LAMP):
            return False
        if kind == messages.LAMP:
            self._lamp = bool(wanted[0])
        else:
            self._reversed = bool(wanted[0])
        return True

    def _obey_ring(self, arguments):
        if not arguments:
            self.ring.stop()
            return True
        wanted = messages.numbers(arguments, 1, messages.MS_MAX, 2, messages.CADENCE_MAX + 1)
        if wanted is None or not messages.RING_HZ_MIN <= wanted[0] <= messages.RING_HZ_MAX:
            return False
        if not self.line.lifted:  # a lifted handset is never rung at somebody's ear
            self.ring.start(wanted[0], wanted[1:])
        return True

    def _tell(self, event):
        kind, number = event
        if kind == LIFTED:
            self.ring.stop()
            self.session.send(messages.HOOK, "1")
        elif kind == REPLACED:
            self.session.send(messages.HOOK, "0")
        elif kind == FLASHED:
            self.session.send(messages.FLASH, str(number))
        elif kind == DIALLED:
            self.session.send(messages.PULSES, str(number))
        elif kind == TOO_MANY:
            self.session.send(messages.TROUBLE, str(messages.TOO_MANY_PULSES))
        elif kind == NOISY:
            self.session.send(messages.HOOK, "0")
            self.session.send(messages.TROUBLE, str(messages.NOISY_LINE))

    def _tell_state(self):
        state = (self.line.lifted, self.ring.active, self.line.noisy)
        noise = self.session.splitter.noise & 0xFFFF
        self.session.send(messages.STATE, "%d %d %d %d" % (state + (noise,)))

    def _scan(self, elapsed_ms):
        """All columns are low while no key is down: then one look at the rows is enough."""
        pins = self.pins
        if self.matrix.quiet and not pins.any_row():
            return
        for key in self.matrix.step(pins.closed(place), elapsed_ms):
            self.session.send(messages.KEY, str(key))

    def _drive(self, elapsed_ms):
        self.pins.ring(1 if self.ring.on else 0)
        forward = self.ring.forward if self.ring.on else not self._reversed
        self.pins.forward(1 if forward else 0)
        self._lamp_ms = (self._lamp_ms + elapsed_ms) % (2 * LAMP_BLINK_MS)
        self.pins.lamp(1 if self._lamp and self._lamp_ms < LAMP_BLINK_MS else 0)

    def _new_line(self):
        return Line(
            messages.DEBOUNCE_MS,
            messages.PULSE_BREAK_MAX_MS,
            messages.FLASH_MIN_MS,
            messages.FLASH_MAX_MS,
            messages.DIGIT_END_MS,
        )
