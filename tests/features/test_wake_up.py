from __future__ import annotations

import pytest

from firmware import events
from firmware.codes import Action, Order, Service
from firmware.events.services import Hush, Say, WakeUpShown
from firmware.events.store import Kind, SaveRecord
from firmware.features.feature import IMPOSSIBLE
from firmware.features.wake_up import LATE_S_MAX, RINGS_S, WakeUp
from firmware.model import CallState, CallView

MIDNIGHT_UTC_S = 1_800_057_600.0
assert MIDNIGHT_UTC_S % 86_400 == 0
RING = [SaveRecord(Kind.SETTING, "wake_up", None), events.StartRinging(), WakeUpShown("06:30")]
END = [events.StopRinging(), WakeUpShown("")]


def woken(*, offset_s: float = 0.0, dialled_s: float = 0.0, time: str = "0630") -> WakeUp:
    """A service that was told the time at 0.0, midnight UTC, and for when to wake somebody."""
    wake_up = WakeUp()
    wake_up.handle(events.WallClockRead(MIDNIGHT_UTC_S, offset_s), 0.0)
    answer = wake_up.order(Order(Service.WAKE_UP, Action.ON, (time,)), dialled_s)
    assert answer.words == ("wake_up_on", f"{time[:2]}:{time[2:]}")
    for key, data in answer.save.items():
        assert wake_up.load(key, data)
    return wake_up


def changed(
    wake_up: WakeUp, state: CallState, now_s: float, *, is_by_box: bool = False
) -> list[events.Message]:
    return wake_up.handle(events.CallChanged(CallView(state, is_by_box=is_by_box)), now_s)


@pytest.mark.parametrize(
    ("offset_s", "dialled_s", "due_s"),
    [
        (0.0, 0.0, 6.5 * 3600),
        (7200.0, 0.0, 4.5 * 3600),
        (-36_000.0, 0.0, 16.5 * 3600),
        (0.0, 6.5 * 3600 + 1, 30.5 * 3600),
        (0.0, 6.5 * 3600, 30.5 * 3600),
    ],
)
def test_it_is_due_when_the_clock_on_the_wall_next_shows_the_time(
    offset_s: float, dialled_s: float, due_s: float
) -> None:
    assert woken(offset_s=offset_s, dialled_s=dialled_s).deadline_s() == due_s


def test_change_to_summer_time_is_followed() -> None:
    wake_up = woken(offset_s=3600.0)
    wake_up.handle(events.WallClockRead(MIDNIGHT_UTC_S + 7200.0, 7200.0), 7200.0)
    assert wake_up.deadline_s() == 4.5 * 3600


def test_without_a_clock_it_is_not_possible() -> None:
    assert WakeUp().order(Order(Service.WAKE_UP, Action.ON, ("0630",)), 0.0) is IMPOSSIBLE


def test_what_is_set_is_told_and_can_be_taken_back() -> None:
    wake_up = woken()
    asked = wake_up.order(Order(Service.WAKE_UP, Action.ASK), 1.0)
    assert asked.words == ("wake_up_on", "06:30")
    off = wake_up.order(Order(Service.WAKE_UP, Action.OFF), 1.0)
    assert off.words == ("wake_up_off",)
    wake_up.load("wake_up", off.save["wake_up"])
    assert wake_up.deadline_s() is None


@pytest.mark.parametrize(("late_s", "rings"), [(LATE_S_MAX, True), (LATE_S_MAX + 1, False)])
def test_box_that_had_no_power_rings_if_it_is_not_too_late(late_s: float, *, rings: bool) -> None:
    wake_up = woken()
    assert wake_up.on_time(6.5 * 3600 + late_s) == (RING if rings else RING[:1])


def test_bell_stops_after_a_minute() -> None:
    wake_up = woken()
    assert wake_up.on_time(23_400.0) == RING
    assert wake_up.deadline_s() == 23_400.0 + RINGS_S
    assert wake_up.on_time(23_460.0) == END
    assert wake_up.deadline_s() is None


def test_call_takes_the_bell_and_gives_it_back() -> None:
    wake_up = woken()
    wake_up.on_time(23_400.0)
    assert changed(wake_up, CallState.RINGING, 23_410.0) == []
    assert changed(wake_up, CallState.IDLE, 23_420.0) == [events.StartRinging()]
    assert changed(wake_up, CallState.RINGING, 23_430.0) == []
    assert wake_up.on_time(23_460.0) == []  # the caller's bell
    assert changed(wake_up, CallState.IDLE, 23_470.0) == END


def test_machine_that_answers_wakes_nobody_but_who_answers_is_awake() -> None:
    wake_up = woken()
    wake_up.on_time(23_400.0)
    assert changed(wake_up, CallState.CONNECTED, 23_410.0, is_by_box=True) == []
    assert changed(wake_up, CallState.IDLE, 23_420.0) == [events.StartRinging()]
    assert changed(wake_up, CallState.CONNECTED, 23_430.0) == END
    assert changed(wake_up, CallState.IDLE, 23_440.0) == []


def test_key_ends_what_is_said_to_who_lifts() -> None:
    wake_up = woken()
    wake_up.on_time(23_400.0)
    said = [*END, Say(("wake_up_on", "06:30"))]
    assert changed(wake_up, CallState.OFF_HOOK, 23_410.0) == said
    assert wake_up.handle(events.KeyPressed("4"), 23_411.0) == [Hush()]
    assert wake_up.handle(events.KeyPressed("7"), 23_412.0) == []
