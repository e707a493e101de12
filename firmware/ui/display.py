"""The display: keeps what the pages need, and shows a new picture when something changed.

Knows no chip; the pages say what is shown, the renderer how. Units: `_s` monotonic seconds, except
`utc_s` (Unix time) and `clock_s` (since local midnight).
"""

from __future__ import annotations

from dataclasses import replace

from firmware import events
from firmware.events import Message, services
from firmware.events.store import StoreChanged
from firmware.events.system import NoticesChanged
from firmware.model import CallState, CallView, EndReason, Part, Picture
from firmware.ui.call_pages import call_page
from firmware.ui.menu.shown import MenuShown
from firmware.ui.notices import NoticeTurns
from firmware.ui.pages import Page, Status, claimed_fraction, page
from firmware.ui.render import render
from firmware.ui.texts import ENGLISH, Texts

PAGE_CODE_S = 60.0  # somebody walks from the computer to the telephone
MISSED_MAX = 99  # missed calls are counted up to here
_DAY_S = 86_400.0
_MINUTE_S = 60.0
_EARLY_S = 0.001  # a timer that fires this much too early counts as due: it need not fire again
_IN_VAIN = (EndReason.MISSED, EndReason.BUSY, EndReason.DO_NOT_DISTURB)
_HANDSET_DOWN = (CallState.IDLE, CallState.RINGING)


class Display:
    """The core of the display; `picture` is what it shows at the moment."""

    def __init__(
        self,
        number: str | None,
        *,
        height: int = 64,
        texts: Texts = ENGLISH,
    ) -> None:
        """`number` is None while it is still being made; `height` is 64 or 32."""
        self._height = height
        self._texts = texts
        self._view = CallView()
        self._status = Status(number=number)
        self._midnight_s: float | None = None  # when the local day began; None = no clock yet
        self._deadline_s: float | None = None
        self._relayed: dict[int, bool] = {}  # by call
        self._page_code_until_s = 0.0
        self._notices = NoticeTurns()
        self._menu: Page | None = None  # goes before all else
        self._shown: Page | None = None  # None = nothing yet, or the display forgot it
        self.picture: Picture = render(page(self._view, self._status, texts), height)

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take one fact; what is not for the eyes is ignored."""
        match fact:
            case events.Started():
                self._shown = None
            case events.CallChanged(view=view):
                self._follow(view)
            case events.MediaReported(call=call) if call != self._view.call:
                return []
            case events.PathChanged(is_relayed=is_relayed, call=call):
                self._relayed[call] = is_relayed
                self._status = replace(self._status, is_relayed=self._relayed.get(self._view.call))
            case events.PageCodeWanted(code=code):
                self._status = replace(self._status, page_code=code)
                self._page_code_until_s = now_s + PAGE_CODE_S
            case MenuShown(page=menu):
                self._menu = menu
            case NoticesChanged(notices=notices):
                self._notices.set(notices, now_s)
            case events.WallClockRead(utc_s=utc_s, local_offset_s=offset_s):
                self._midnight_s = now_s - (utc_s + offset_s) % _DAY_S
            case events.HardwareFailed(part=part):
                self._set_fault(part, failed=True)
            case events.HardwareRecovered(part=part):
                self._set_fault(part, failed=False)
                if part is Part.OLED:
                    self._shown = None
            case _:
                status = _told(self._status, fact)
                if status is None:
                    return []
                self._status = status
        return self._refresh(now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """Advance the clock or the timer of the call."""
        due = self._deadline_s is not None and now_s + _EARLY_S >= self._deadline_s
        return self._refresh(now_s) if due else []

    def deadline_s(self) -> float | None:
        """The next minute of the clock or second of the call; None if neither is shown."""
        return self._deadline_s

    def _follow(self, view: CallView) -> None:
        was_down, self._view = self._view.state in _HANDSET_DOWN, view
        if was_down and view.state not in _HANDSET_DOWN:
            self._status = replace(self._status, missed=0)  # whoever lifts has seen it
        if view.state is not CallState.CONNECTED:
            self._status = replace(
                self._status, loss=None, counters=None, is_measured=False, announced=""
            )
        if view.state is CallState.IDLE:
            self._relayed.clear()
        self._status = replace(self._status, is_relayed=self._relayed.get(view.call))

    def _set_fault(self, part: Part, *, failed: bool) -> None:
        faults = {*self._status.faults, part} if failed else {*self._status.faults} - {part}
        in_order = tuple(known for known in Part if known in faults)
        self._status = replace(self._status, faults=in_order)

    def _refresh(self, now_s: float) -> list[Message]:
        """Draw what is to be seen now; a command only if it is another picture."""
        self._read_clocks(now_s + _EARLY_S)
        wanted = (
            self._menu
            or self._notice(now_s)
            or call_page(page(self._view, self._status, self._texts), self._view, self._texts.calls)
        )
        if wanted == self._shown:
            return []
        picture = render(wanted, self._height)
        first, self._shown = self._shown is None, wanted
        if picture == self.picture and not first:
            return []
        self.picture = picture
        return [events.ShowPicture(picture)]

    def _notice(self, now_s: float) -> Page | None:
        """Only a telephone at rest has something to tell."""
        status = self._status
        if self._view.state is not CallState.IDLE or status.page_code or status.wake_up:
            return None
        turn_s = self._notices.deadline_s(now_s + _EARLY_S)
        if turn_s is not None:
            self._deadline_s = turn_s if self._deadline_s is None else min(turn_s, self._deadline_s)
        return self._notices.page(now_s + _EARLY_S)

    def _read_clocks(self, now_s: float) -> None:
        """Set what the page shows of time, and when it will be something else."""
        view, self._deadline_s = self._view, None
        if self._status.page_code and now_s >= self._page_code_until_s:
            self._status = replace(self._status, page_code="")
        if view.state is CallState.CONNECTED and view.connected_s is not None:
            elapsed_s = max(now_s - view.connected_s, 0.0) // 1.0
            self._status = replace(self._status, elapsed_s=elapsed_s)
            self._deadline_s = view.connected_s + elapsed_s + 1.0
        elif view.state is CallState.IDLE and self._midnight_s is not None:
            minutes = (now_s - self._midnight_s) // _MINUTE_S
            self._status = replace(self._status, clock_s=minutes * _MINUTE_S % _DAY_S)
            if self._status.number is not None:
                self._deadline_s = self._midnight_s + (minutes + 1) * _MINUTE_S
        if self._status.page_code:
            limits = (self._deadline_s, self._page_code_until_s)
            self._deadline_s = min(limit for limit in limits if limit is not None)


def _told(status: Status, fact: Message) -> Status | None:
    """`status` after a fact that concerns nothing else; None if that does not concern it either."""
    match fact:
        case events.CallEnded(incoming=True, reason=reason) if reason in _IN_VAIN:
            return replace(status, missed=min(status.missed + 1, MISSED_MAX))
        case events.MediaReported(loss_fraction=loss, counters=counters):
            return replace(status, loss=loss, counters=counters)
        case services.Announced(text=text):
            return replace(status, announced=text or status.announced)
        case events.LoopMeasured(delay_s=delay_s):
            return replace(status, loop_s=delay_s, is_measured=True)
        case events.ReachabilityChanged():
            return replace(
                status,
                nodes=fact.nodes,
                published=fact.published,
                unreachable=fact.unreachable,
                helped=fact.helped,
            )
        case events.ClaimProgressed(tried=tried, expected=expected):
            return replace(status, claimed=claimed_fraction(tried, expected))
        case services.WakeUpShown(time=time):
            return replace(status, wake_up=time)
        case StoreChanged(condition=condition):
            return replace(status, store=condition)
        case events.NumberClaimed(number=number):
            return replace(status, number=number)
    return None
