"""The analog line: what a contact that opens and closes means, and when the bell sounds.

Pure: levels and the time that has passed come in, events come out; knows no pin, clock or serial
line, and runs on CPython and MicroPython. Events are tuples of a kind and a number.
Units: `_ms` milliseconds that have passed. Source: Ag1171 data sheet (SHK, RM, F/R); ITU-T Q.24 and
the ranges of exchanges for breaks and flashes (docs/protocol.md).
"""

LIFTED, REPLACED, FLASHED, DIALLED, TOO_MANY, NOISY = range(6)

PULSES_MAX = 10
KNOCK_MS = 20  # a shorter break is a knock against the telephone, no pulse
EDGES_MAX = 150  # a second: a dial makes 20, and bounces
RING_SETTLE_MS = 5  # the SLIC raises its voltage before F/R is toggled
RING_TRIP_MS = 30  # while it rings, SHK follows the ringing voltage for half a period


class Contact:
    """A level that counts when it has stood for `debounce_ms`; `broke` tells of loose wires."""

    def __init__(self, debounce_ms):
        self.debounce_ms = debounce_ms
        self.closed = False
        self.edges = 0  # since somebody set it to 0
        self._raw = False
        self._stood_ms = 0

    def step(self, raw, elapsed_ms, debounce_ms=None):
        """True if `closed` changed."""
        if raw != self._raw:
            self._raw = raw
            self._stood_ms = 0
            self.edges += 1
        else:
            self._stood_ms += elapsed_ms
        if self._raw == self.closed or self._stood_ms < (debounce_ms or self.debounce_ms):
            return False
        self.closed = self._raw
        return True


class Line:
    """Hook, flash and pulse digits out of the one contact that a telephone is to an exchange."""

    def __init__(self, debounce_ms, pulse_max_ms, flash_min_ms, flash_max_ms, digit_end_ms):
        self.contact = Contact(debounce_ms)
        self.lifted = False
        self.digit_end_ms = digit_end_ms
        self.set_timings(debounce_ms, pulse_max_ms, flash_min_ms, flash_max_ms)
        self._since_ms = 0  # the contact changed, as it was debounced
        self._pulses = 0
        self._second_ms = 0
        self.noisy = False

    def set_timings(self, debounce_ms, pulse_max_ms, flash_min_ms, flash_max_ms):
        """Of the country; a flash is always longer than a pulse."""
        self.contact.debounce_ms = debounce_ms
        self.pulse_max_ms = pulse_max_ms
        self.flash_min_ms = max(flash_min_ms, pulse_max_ms + 1)
        self.flash_max_ms = max(flash_max_ms, self.flash_min_ms)

    def step(self, raw, elapsed_ms, ringing=False):
        """The event that happened, as (kind, number); None = nothing."""
        event = self._watch_noise(elapsed_ms)
        changed = self.contact.step(raw, elapsed_ms, RING_TRIP_MS if ringing else None)
        self._since_ms += elapsed_ms
        if event is not None or self.noisy:
            return event
        if changed:
            lasted_ms, self._since_ms = self._since_ms, 0
            return self._closed(lasted_ms) if self.contact.closed else None
        return self._wait()

    def _closed(self, open_ms):
        if not self.lifted:
            self.lifted = True
            self._pulses = 0
            return (LIFTED, 0)
        if KNOCK_MS <= open_ms <= self.pulse_max_ms:
            self._pulses += 1
        elif self.flash_min_ms <= open_ms:
            self._pulses = 0
            return (FLASHED, open_ms)
        return None

    def _wait(self):
        if not self.lifted:
            return None
        if self.contact.closed:
            if not self._pulses or self._since_ms < self.digit_end_ms:
                return None
            pulses, self._pulses = self._pulses, 0
            return (DIALLED if pulses <= PULSES_MAX else TOO_MANY, pulses)
        if self._since_ms <= self.flash_max_ms:
            return None
        self.lifted = False
        self._pulses = 0
        return (REPLACED, 0)

    def _watch_noise(self, elapsed_ms):
        """A line that opens and closes without end is on the hook until it is quiet again."""
        self._second_ms += elapsed_ms
        if self._second_ms < 1000:
            return None
        self._second_ms = 0
        was_noisy, self.noisy = self.noisy, self.contact.edges > EDGES_MAX
        self.contact.edges = 0
        if was_noisy or not self.noisy:
            if was_noisy and not self.noisy:
                self.lifted = self.contact.closed
                self._since_ms = 0
                return (LIFTED, 0) if self.lifted else None
            return None
        self.lifted = False
        self._pulses = 0
        return (NOISY, 0)


class Ring:
    """The bell: RM while a sound of the cadence lasts, F/R toggled at the ringing frequency."""

    def __init__(self):
        self.on = False  # RM
        self.forward = True  # F/R while ringing
        self._cadence_ms = ()
        self._half_ms = 25
        self._part = 0
        self._into_ms = 0
        self._toggle_ms = 0

    @property
    def active(self):
        """The bell was asked for and not stopped, pauses included."""
        return bool(self._cadence_ms)

    def start(self, hertz, cadence_ms):
        """Ring from now on, the first sound first."""
        self._cadence_ms = cadence_ms
        self._half_ms = 500 // hertz
        self._part = self._into_ms = 0
        self._begin()

    def stop(self):
        """Silence at once."""
        self._cadence_ms = ()
        self.on = False
        self.forward = True

    def step(self, elapsed_ms):
        """Let time pass; `on` and `forward` say what the pins are to be."""
        if not self._cadence_ms:
            return
        self._into_ms += elapsed_ms
        while self._into_ms >= self._cadence_ms[self._part]:
            self._into_ms -= self._cadence_ms[self._part]
            self._part = (self._part + 1) % len(self._cadence_ms)
            self._begin()
        if self.on:
            self._toggle_ms -= elapsed_ms
            while self._toggle_ms <= 0:
                self._toggle_ms += self._half_ms
                self.forward = not self.forward

    def _begin(self):
        self.on = self._part % 2 == 0
        self.forward = True
        self._toggle_ms = RING_SETTLE_MS + self._half_ms
