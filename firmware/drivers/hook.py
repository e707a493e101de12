"""Hook switch: the contact under the handset, debounced; a tap of it is a flash.

Knows no telephone: a lifted handset is a fact, what follows from it is decided elsewhere. Each
sample reads the level anew, so a lost edge cannot leave it in the wrong state; an edge notes the
level and its moment, so that a late sample judges as one in time would have.
Units: `_s` seconds. Source: the ranges of exchanges, 0.1 to 0.4 s at least, 0.4 to 1.6 s at most.
"""

from __future__ import annotations

from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.drivers.looks import Looks
from firmware.errors import HardwareError
from firmware.events import Fact, HookFlashed, HookLifted, HookReplaced
from firmware.model import Part

CHANGES_PER_S_MAX = 30  # a hand makes ten, and each of them may bounce
TREMBLES_S = 2  # in a row
FLASH_MIN_S = 0.1  # shorter on the hook: somebody knocked against the telephone


class Hook:
    """Debounced hook switch, on its hook at first; 20 ms outlasts the bounce of the contact.

    On the hook for more than `flash_max_s` it is replaced, for less it was flashed. Call `edge`
    when its pin changes, and `sample` at least twice in each `debounce_s`; before a late one,
    `replay` tells what happened meanwhile.
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
        self._looks: Looks[bool] = Looks()
        self._level = False  # as last seen; True = lifted
        self._contact = False  # debounced
        self._since_s = 0.0  # when `_contact` became what it is
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
        moving = self._changed_s is not None or self._down_s is not None
        return not moving and not self._looks.moments_s

    @property
    def moments_s(self) -> list[float]:
        """Of the edges that `replay` has not told of."""
        return self._looks.moments_s

    def edge(self, now_s: float) -> bool:
        """The contact has changed; from any thread. True: somebody must `sample`."""
        self._looks.look(now_s, self._read)
        return True

    def replay(self, until_s: float) -> list[Fact]:
        """What happened up to then, as the edges have shown it."""
        facts: list[Fact | None] = []
        for at_s, level in self._looks.until(until_s):
            facts += [self._step(self._level, at_s), self._step(level, at_s)]
        facts.append(self._step(self._level, until_s))
        return [fact for fact in facts if fact is not None]

    def sample(self, now_s: float) -> Fact | None:
        """What happened since the last sample; None = nothing."""
        try:
            level = self._read()
        except HardwareError as error:
            self._changed_s = None
            self._looks.forget()
            return self._health.failed(error)
        moved = self._step(level, now_s)
        return self._health.worked() or moved or self._tremor.judge()

    def _read(self) -> bool:
        return self._gpio.read(self._pin) == self._lifted_is_high

    def _step(self, level: bool, now_s: float) -> Fact | None:
        self._level = level
        self._tremor.step(level, now_s)
        return self._judge(self._debounced(level, now_s), now_s)

    def _debounced(self, level: bool, now_s: float) -> bool:
        if level == self._contact:
            self._changed_s = None
        elif self._changed_s is None:
            self._changed_s = now_s
        elif now_s - self._changed_s >= self._debounce_s:
            self._contact, self._since_s, self._changed_s = level, self._changed_s, None
        return self._contact

    def _judge(self, contact: bool, now_s: float) -> Fact | None:
        if contact:
            down_s, self._down_s = self._down_s, None
            if not self._lifted:
                self._lifted = True
                return HookLifted()
            has_flashed = down_s is not None and self._since_s - down_s >= FLASH_MIN_S
            return HookFlashed() if has_flashed else None
        if not self._lifted:
            return None
        if self._down_s is None:
            self._down_s = self._since_s
        if now_s - self._down_s <= self._flash_max_s + self._debounce_s:
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
