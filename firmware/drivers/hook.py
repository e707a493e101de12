"""Hook switch: the contact under the handset, debounced; a tap of it is a flash.

Knows no telephone: a lifted handset is a fact, what follows from it is decided elsewhere. Each
sample reads the level anew, so a lost edge cannot leave it in the wrong state.
Units: `_s` seconds. Source: the ranges of exchanges, 0.1 to 0.4 s at least, 0.4 to 1.6 s at most.
"""

from __future__ import annotations

from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact, HookFlashed, HookLifted, HookReplaced
from firmware.model import Part

CHANGES_PER_S_MAX = 30  # a hand makes ten, and each of them may bounce
TREMBLES_S = 2  # in a row
FLASH_MIN_S = 0.1  # shorter on the hook: somebody knocked against the telephone


class Hook:
    """Debounced hook switch, on its hook at first; 20 ms outlasts the bounce of the contact.

    On the hook for more than `flash_max_s` it is replaced, for less it was flashed. Call `sample`
    at least twice in each `debounce_s`.
    """

    def __init__(
        self,
        gpio: Gpio,
        pin: int,
        debounce_s: float = 0.020,
        flash_max_s: float = 0.5,
        *,
        lifted_is_high: bool = True,
    ) -> None:
        self._gpio, self._pin = gpio, pin
        self._debounce_s, self._flash_max_s = debounce_s, flash_max_s
        self._lifted_is_high = lifted_is_high
        self._contact = False  # debounced; True = lifted
        self._changed_s: float | None = None  # when the level left `_contact`
        self._lifted = False  # as reported
        self._down_s: float | None = None  # when the contact closed under a lifted handset
        self._health, self._tremor = Health(Part.HOOK), Tremor()
        gpio.set_input(pin)

    @property
    def pins(self) -> tuple[int, ...]:
        """Whose edges must wake us."""
        return (self._pin,)

    @property
    def quiet(self) -> bool:
        """Nothing bounces, and no flash may come."""
        return self._changed_s is None and self._down_s is None

    def sample(self, now_s: float) -> Fact | None:
        """What happened since the last sample; None = nothing."""
        try:
            level = self._gpio.read(self._pin) == self._lifted_is_high
        except HardwareError as error:
            self._changed_s = None
            return self._health.failed(error)
        self._tremor.step(level, now_s)
        moved = self._judge(self._debounced(level, now_s), now_s)
        recovered = self._health.worked()
        return recovered or moved or self._tremor.judge()

    def _debounced(self, level: bool, now_s: float) -> bool:
        if level == self._contact:
            self._changed_s = None
        elif self._changed_s is None:
            self._changed_s = now_s
        elif now_s - self._changed_s >= self._debounce_s:
            self._contact, self._changed_s = level, None
        return self._contact

    def _judge(self, contact: bool, now_s: float) -> Fact | None:
        if contact:
            down_s, self._down_s = self._down_s, None
            if not self._lifted:
                self._lifted = True
                return HookLifted()
            return HookFlashed() if down_s is not None and now_s - down_s >= FLASH_MIN_S else None
        if not self._lifted:
            return None
        if self._down_s is None:
            self._down_s = now_s
        if now_s - self._down_s <= self._flash_max_s:
            return None
        self._lifted, self._down_s = False, None
        return HookReplaced()


class Tremor:
    """A contact that opens and closes oftener than any hand can make it."""

    def __init__(self) -> None:
        self._health = Health(Part.HOOK)
        self._level, self._changes = False, 0
        self._trembling_s = 0
        self._began_s: float | None = None  # of this second

    def step(self, level: bool, now_s: float) -> None:
        """Count the changes of each second."""
        self._changes += level != self._level
        self._level = level
        if self._began_s is None or now_s - self._began_s >= 1.0:
            trembled = self._changes > CHANGES_PER_S_MAX
            self._trembling_s = self._trembling_s + 1 if trembled else 0
            self._changes, self._began_s = 0, now_s

    def judge(self) -> Fact | None:
        """That it trembles, and that it does so no longer; each said once."""
        if self._trembling_s >= TREMBLES_S:
            return self._health.failed("the contact trembles: a loose wire?")
        return self._health.worked()
