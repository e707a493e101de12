"""Hook switch: the contact under the handset, debounced.

Knows no telephone: a lifted handset is a fact, what follows from it is decided elsewhere. Each
sample reads the level anew, so a lost edge cannot leave it in the wrong state.
Units: `_s` seconds.
"""

from __future__ import annotations

from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact, HookLifted, HookReplaced
from firmware.model import Part


class Hook:
    """Debounced hook switch, on its hook at first; 20 ms outlasts the bounce of the contact.

    Call `sample` at least twice in each `debounce_s`.
    """

    def __init__(
        self, gpio: Gpio, pin: int, debounce_s: float = 0.020, *, lifted_is_high: bool = True
    ) -> None:
        self._gpio, self._pin, self._debounce_s = gpio, pin, debounce_s
        self._lifted_is_high = lifted_is_high
        self._lifted = False
        self._changed_s: float | None = None
        self._health = Health(Part.HOOK)
        gpio.set_input(pin)

    def sample(self, now_s: float) -> Fact | None:
        """What happened since the last sample; None = nothing."""
        try:
            lifted = self._gpio.read(self._pin) == self._lifted_is_high
        except HardwareError as error:
            self._changed_s = None
            return self._health.failed(error)
        return self._health.worked() or self._debounce(lifted, now_s)

    def _debounce(self, lifted: bool, now_s: float) -> Fact | None:
        if lifted == self._lifted:
            self._changed_s = None
        elif self._changed_s is None:
            self._changed_s = now_s
        elif now_s - self._changed_s >= self._debounce_s:
            self._lifted, self._changed_s = lifted, None
            return HookLifted() if lifted else HookReplaced()
        return None
