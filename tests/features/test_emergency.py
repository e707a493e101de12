from __future__ import annotations

from firmware.events import CallChanged
from firmware.events.services import Said, Say
from firmware.features.emergency import TIMES, Emergency
from firmware.model import CallState, CallView, EndReason

DIALLED = CallChanged(CallView(CallState.FAILED, digits="112", reason=EndReason.EMERGENCY))


def test_warning_is_said_three_times() -> None:
    emergency = Emergency()
    said, times = emergency.handle(DIALLED, 0.0), 0
    while said:
        assert said == [Say(("emergency",))]
        times += 1
        said = emergency.handle(Said(), 0.0)
    assert times == TIMES


def test_replaced_handset_ends_the_warning() -> None:
    emergency = Emergency()
    emergency.handle(DIALLED, 0.0)
    emergency.handle(CallChanged(CallView()), 1.0)
    assert emergency.handle(Said(), 2.0) == []
    assert emergency.handle(DIALLED, 3.0) == [Say(("emergency",))]


def test_ordinary_failure_is_not_spoken_over() -> None:
    view = CallView(CallState.FAILED, reason=EndReason.UNREACHABLE)
    assert Emergency().handle(CallChanged(view), 0.0) == []
