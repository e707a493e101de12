"""Wake-up call: the bell sounds once at a local time, though nobody calls.

It waits until the line is free, and is over when the handset is lifted. After a power cut it still
rings if it is at most LATE_S_MAX too late. Units: `_s` monotonic seconds, `utc_s` Unix time,
`local_s` the same by the clock on the wall.
"""

from __future__ import annotations

from firmware.codes import Action, Order, Service
from firmware.events import (
    CallChanged,
    KeyPressed,
    Message,
    StartRinging,
    StopRinging,
    WallClockRead,
)
from firmware.events.services import Hush, Said, Say, WakeUpShown
from firmware.events.store import Kind, SaveRecord
from firmware.features.feature import IMPOSSIBLE, Answer, Switch
from firmware.model import CallState, CallView

RINGS_S = 60.0
LATE_S_MAX = 3600.0  # who was to be woken an hour ago, is not woken any more
_DAY_S = 86_400.0


class WakeUp(Switch):
    """*55*HHMM# and #55#; kept are the time and the `utc_s` at which it was dialled."""

    service = Service.WAKE_UP

    def __init__(self) -> None:
        super().__init__()
        self._clock: WallClockRead | None = None
        self._clock_s = 0.0  # when it was read
        self._view = CallView()
        self._until_s: float | None = None  # the bell sounds, or would if nobody called
        self._time = ""  # that is rung for, as 06:30
        self._is_over = False  # while somebody calls: the bell is the caller's
        self._speaks = False

    def order(self, order: Order, now_s: float) -> Answer:
        """Impossible as long as nobody knows what time it is."""
        if order.action is not Action.ON:
            return super().order(order, now_s)
        if self._clock is None:
            return IMPOSSIBLE
        set_utc_s = round(self._clock.utc_s + now_s - self._clock_s)
        values = (*order.arguments, str(set_utc_s))
        return Answer(self.words(values), save={self.service.value: ",".join(values).encode()})

    def value_words(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The time."""
        return (_shown(values[0]),)

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """The clock, the calls, the handset."""
        match fact:
            case WallClockRead():
                self._clock, self._clock_s = fact, now_s
            case CallChanged(view=view):
                before, self._view = self._view.state, view
                return self._follow(before)
            case KeyPressed() if self._speaks:
                self._speaks = False
                return [Hush()]
            case Said():
                self._speaks = False
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Begin, or end because nobody lifts."""
        if self._until_s is not None and now_s >= self._until_s:
            self._until_s = None
            self._is_over = self._view.state is not CallState.IDLE
            return [] if self._is_over else self._end()
        due_s = self._due_s()
        if due_s is None or now_s < due_s or self._view.state is not CallState.IDLE:
            return []
        assert self.values is not None
        self._time, self.values = _shown(self.values[0]), None
        forget = SaveRecord(Kind.SETTING, self.service.value, None)
        if now_s > due_s + LATE_S_MAX:
            return [forget]
        self._until_s = now_s + RINGS_S
        return [forget, StartRinging(), WakeUpShown(self._time)]

    def deadline_s(self) -> float | None:
        """The time; while somebody telephones it is only remembered."""
        due_s = self._due_s() if self._view.state is CallState.IDLE else None
        known = (due_s, self._until_s)
        return min((deadline for deadline in known if deadline is not None), default=None)

    def _follow(self, before: CallState) -> list[Message]:
        state = self._view.state
        is_lifted = state is not CallState.RINGING and not self._view.is_by_box
        if self._speaks and state is not CallState.OFF_HOOK:
            self._speaks = False
            return [Hush()]
        if state is CallState.IDLE:
            if self._is_over:
                return self._end()
            if self._until_s is not None and before is not CallState.IDLE:
                return [StartRinging()]  # the end of a call has silenced it
        elif is_lifted and (self._until_s is not None or self._is_over):
            self._speaks = state is CallState.OFF_HOOK
            words = self.words((self._time.replace(":", ""),))
            return [*self._end(), *([Say(words)] if self._speaks else [])]
        return []

    def _end(self) -> list[Message]:
        self._until_s, self._is_over = None, False
        return [StopRinging(), WakeUpShown("")]

    def _due_s(self) -> float | None:
        """When the clock on the wall first shows the time after it was dialled."""
        if self.values is None or self._clock is None:
            return None
        time, set_utc_s = self.values[0], int(self.values[1])
        set_local_s = set_utc_s + self._clock.local_offset_s
        time_s = 3600.0 * int(time[:2]) + 60.0 * int(time[2:])
        wait_s = (time_s - set_local_s) % _DAY_S or _DAY_S
        return self._clock_s + set_utc_s + wait_s - self._clock.utc_s


def _shown(time: str) -> str:
    return f"{time[:2]}:{time[2:]}"
