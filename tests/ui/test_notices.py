"""Notices take turns with the page at rest, and never disturb a call."""

from __future__ import annotations

from firmware import events
from firmware.events.system import Notice, NoticesChanged
from firmware.model import CallState, CallView
from firmware.ui.display import Display
from firmware.ui.notices import TURN_S, NoticeTurns

ONE, TWO = Notice("Updated", "Version 2 runs."), Notice("Settings", "fernruf.toml:3: unknown key")


def titles(turns: NoticeTurns, *times_s: float) -> list[str]:
    return [page.title if (page := turns.page(now_s)) else "" for now_s in times_s]


def test_each_notice_has_its_turn_after_the_page_at_rest() -> None:
    turns = NoticeTurns()
    turns.set((ONE, TWO), 100.0)
    seen = titles(turns, *(100.0 + count * TURN_S for count in range(6)))
    assert seen == ["Updated", "Settings", "", "Updated", "Settings", ""]
    assert turns.deadline_s(100.0) == 100.0 + TURN_S


def test_without_notices_nothing_is_shown_and_nobody_wakes_up() -> None:
    turns = NoticeTurns()
    assert titles(turns, 0.0, TURN_S, 5 * TURN_S) == ["", "", ""]
    assert turns.deadline_s(0.0) is None


def test_display_turns_to_a_notice_and_back_by_itself() -> None:
    display = Display("471108151234")
    rest = display.picture
    assert display.handle(NoticesChanged((ONE,)), 10.0)
    notice = display.picture
    assert notice != rest
    assert display.deadline_s() == 10.0 + TURN_S
    assert display.on_time(10.0 + TURN_S)
    assert display.picture == rest
    assert display.on_time(10.0 + 2 * TURN_S)
    assert display.picture == notice


def test_notice_waits_while_somebody_telephones() -> None:
    display = Display("471108151234")
    display.handle(events.CallChanged(CallView(state=CallState.OFF_HOOK)), 1.0)
    dialling = display.picture
    assert display.handle(NoticesChanged((ONE,)), 2.0) == []
    assert display.picture == dialling
