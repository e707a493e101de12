"""Rotary dial: which digit a number of pulses means, and the dial of the GPIO header.

The pulse contact opens once for each pulse, the off-normal contact is closed while the dial is not
at rest; a dial without that contact ends its digit with the pause. Knows no telephone.
Units: `_s` seconds. Source: ITU-T Q.23's predecessor dials: 10 pulses/s, break/make 60/40 to 67/33.
"""

from __future__ import annotations

from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.drivers.looks import Looks
from firmware.errors import HardwareError
from firmware.events import Fact, KeyPressed
from firmware.model import Part

PULSES_MAX = 10
PULSE_MAX_S = 0.15  # an open contact for longer than this is no pulse
DIGIT_END_S = 0.24  # a pause as long as this ends the digit

DIAL_MAPS = {  # of pulses 1 to 10
    "": "1234567890",
    "SE": "0123456789",  # Sweden: one pulse more than the digit
    "NZ": "9876543210",  # New Zealand: ten less the digit
}


def digit_of(pulses: int, country: str) -> str | None:
    """The digit that `pulses` mean on a dial of `country`; None if no dial gives so many."""
    if not 1 <= pulses <= PULSES_MAX:
        return None
    return DIAL_MAPS.get(country, DIAL_MAPS[""])[pulses - 1]


class RotaryDial:
    """Counts the pulses of one turn; call `sample` every 5 ms while it is not `quiet`.

    Call `edge` when a pin changes; `replay` and late samples count what the edges have shown.
    """

    def __init__(
        self,
        gpio: Gpio,
        pulse_pin: int,
        off_normal_pin: int | None,
        country: str,
        debounce_s: float = 0.008,
    ) -> None:
        self._gpio, self._pulse_pin, self._off_normal_pin = gpio, pulse_pin, off_normal_pin
        self._country, self._debounce_s = country, debounce_s
        self._pulse = _Contact(debounce_s)
        self._off_normal = _Contact(debounce_s)
        self._pulses = 0
        self._looks: Looks[tuple[bool, bool]] = Looks()  # pulse contact open, dial at rest
        self._levels = (False, True)  # the same, as last seen
        self._health = Health(Part.KEYPAD)
        gpio.set_input(pulse_pin)
        if off_normal_pin is not None:
            gpio.set_input(off_normal_pin)

    @property
    def pins(self) -> tuple[int, ...]:
        """Whose edges must wake us."""
        pin = self._off_normal_pin
        return (self._pulse_pin,) if pin is None else (self._pulse_pin, pin)

    @property
    def quiet(self) -> bool:
        """At rest, and nothing counted."""
        return (
            not (self._pulses or self._pulse.high or self._off_normal_closed)
            and all(contact.steady for contact in (self._pulse, self._off_normal))
            and not self._looks.moments_s
        )

    @property
    def moments_s(self) -> list[float]:
        """Of the edges that neither `replay` nor `sample` has told of."""
        return self._looks.moments_s

    def edge(self, now_s: float) -> bool:
        """A contact has changed; from any thread. True: somebody must `sample`."""
        self._looks.look(now_s, self._read)
        return True

    def replay(self, until_s: float) -> list[Fact]:
        """The digits that were complete by then, as the edges have shown them."""
        facts: list[Fact] = []
        for at_s, levels in self._looks.until(until_s):
            facts += self._count(*self._levels, at_s) + self._count(*levels, at_s)
            self._levels = levels
        return facts

    def sample(self, now_s: float) -> list[Fact]:
        """A digit, if one is complete; a failure or recovery, if any."""
        try:
            levels = self._read()
        except HardwareError as error:
            self._pulses = 0
            self._looks.forget()
            failed = self._health.failed(error)
            return [failed] if failed else []
        recovered = self._health.worked()
        facts = self.replay(now_s) + self._count(*levels, now_s)
        self._levels = levels
        return ([recovered] if recovered else []) + facts

    def _read(self) -> tuple[bool, bool]:
        pin = self._off_normal_pin  # low = closed: the pulse contact at rest, this one in a turn
        return self._gpio.read(self._pulse_pin), pin is None or self._gpio.read(pin)

    def _count(self, pulse: bool, rests: bool, now_s: float) -> list[Fact]:
        opened_s = self._pulse.changed_s
        moved = self._off_normal.step(not rests, now_s)
        if self._pulse.step(pulse, now_s) and not self._pulse.high:
            has_turned = self._off_normal_pin is None or self._off_normal.high
            self._pulses += has_turned and self._pulse.changed_s - opened_s <= PULSE_MAX_S
        is_over = (
            moved and not self._off_normal.high
            if self._off_normal_pin is not None
            else self._pulses > 0 and not self._pulse.high
            and now_s - self._pulse.changed_s >= DIGIT_END_S
        )  # fmt: skip
        if not is_over:
            return []
        digit, self._pulses = digit_of(self._pulses, self._country), 0
        return [KeyPressed(digit)] if digit is not None else []

    @property
    def _off_normal_closed(self) -> bool:
        return self._off_normal_pin is not None and self._off_normal.high


class _Contact:
    """A level that counts when it has stood for the debounce time."""

    def __init__(self, debounce_s: float) -> None:
        self.high = False
        self._debounce_s = debounce_s
        self._raw = False
        self._raw_s = 0.0
        self.changed_s = 0.0  # when the level that counts began

    @property
    def steady(self) -> bool:
        return self._raw == self.high

    def step(self, raw: bool, now_s: float) -> bool:
        """True if `high` changed."""
        if raw != self._raw:
            self._raw, self._raw_s = raw, now_s
        if raw == self.high or now_s - self._raw_s < self._debounce_s:
            return False
        self.high, self.changed_s = raw, self._raw_s
        return True
