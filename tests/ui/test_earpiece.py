"""Tones in the earpiece: which tone in which state, key clicks, when a tone was first heard."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.dtmf import KEY_TONE_FRAMES, key_tone
from firmware.codec.tones import TonePlayer
from firmware.errors import ConfigError
from firmware.events import CallChanged, HookLifted, KeyPressed
from firmware.model import CallState, CallView, EndReason, Frame, Tone
from firmware.ui.earpiece import HOWLER_FRAMES, EarTones, tone_of

SILENT = {EndReason.HUNG_UP, EndReason.MISSED, EndReason.DIVERTED}


def ear_in(state: CallState, reason: EndReason | None = None) -> EarTones:
    ear = EarTones("DE")
    ear.handle(CallChanged(CallView(state=state, reason=reason)), 0.0)
    return ear


def frames(ear: EarTones, count: int, start_s: float = 0.0) -> list[Frame]:
    heard = [ear.frame(start_s + 0.02 * n) for n in range(count)]
    assert all(frame is not None for frame in heard)
    return [frame for frame in heard if frame is not None]


def played(tone: Tone, count: int) -> list[Frame]:
    player = TonePlayer("DE")
    player.start(tone)
    return [player.frame() for _ in range(count)]


@pytest.mark.parametrize(
    ("state", "tone"),
    [
        (CallState.OFF_HOOK, Tone.DIAL),
        (CallState.RINGBACK, Tone.RINGBACK),
        (CallState.BUSY, Tone.BUSY),
    ],
)
def test_tone_of_a_state_is_heard_from_its_first_sample(state: CallState, tone: Tone) -> None:
    assert np.array_equal(frames(ear_in(state), 60), played(tone, 60))


@pytest.mark.parametrize(
    "state",
    [
        CallState.IDLE,
        CallState.DIALLING,
        CallState.CALLING,
        CallState.RINGING,
        CallState.CONNECTED,
    ],
)
def test_states_without_a_tone_leave_the_ear_to_speech(state: CallState) -> None:
    assert ear_in(state).frame(0.0) is None


@pytest.mark.parametrize("reason", sorted({*EndReason} - SILENT))
def test_every_failure_a_listener_can_meet_has_a_tone(reason: EndReason) -> None:
    assert tone_of(CallView(state=CallState.FAILED, reason=reason)) is not None


@pytest.mark.parametrize(
    ("reason", "tone"),
    [
        (EndReason.WRONG_NUMBER, Tone.SPECIAL_INFORMATION),
        (EndReason.NUMBER_CHANGED, Tone.SPECIAL_INFORMATION),
        (EndReason.NOT_SECURE, Tone.SPECIAL_INFORMATION),
        (EndReason.EMERGENCY, Tone.SPECIAL_INFORMATION),
        (EndReason.UNREACHABLE, Tone.CONGESTION),
        (EndReason.OFFLINE, Tone.CONGESTION),
        (EndReason.CONNECTION_LOST, Tone.CONGESTION),
        (EndReason.DECLINED, Tone.BUSY),
        (EndReason.NO_ANSWER, Tone.BUSY),
        (EndReason.HUNG_UP_BY_PEER, Tone.BUSY),
        (EndReason.TIMED_OUT, Tone.BUSY),
        (EndReason.MISSED, None),
        (EndReason.HUNG_UP, None),
    ],
)
def test_failure_sounds_like_its_reason(reason: EndReason, tone: Tone | None) -> None:
    assert tone_of(CallView(state=CallState.FAILED, reason=reason)) is tone


def test_handset_left_off_its_hook_howls_until_it_is_replaced() -> None:
    ear = ear_in(CallState.FAILED, EndReason.HUNG_UP_BY_PEER)
    frames(ear, HOWLER_FRAMES)
    assert np.array_equal(frames(ear, 50), played(Tone.HOWLER, 51)[1:])
    ear.handle(CallChanged(CallView(state=CallState.IDLE)), 60.0)
    assert ear.frame(60.0) is None


def test_key_whose_telephone_has_made_its_tone_makes_none() -> None:
    ear = ear_in(CallState.DIALLING)
    ear.handle(KeyPressed("5", has_sounded=True), 0.0)
    assert ear.frame(0.0) is None


def test_reason_of_the_last_call_makes_no_tone_on_the_hook() -> None:
    assert tone_of(CallView(state=CallState.IDLE, reason=EndReason.UNREACHABLE)) is None


def test_key_is_heard_for_100_ms_while_dialling() -> None:
    ear = ear_in(CallState.DIALLING)
    ear.handle(KeyPressed("5"), 0.0)
    assert np.array_equal(frames(ear, KEY_TONE_FRAMES), key_tone("5"))
    assert ear.frame(0.1) is None


def test_second_key_takes_the_place_of_the_first() -> None:
    ear = ear_in(CallState.DIALLING)
    ear.handle(KeyPressed("5"), 0.0)
    frames(ear, 2)
    ear.handle(KeyPressed("#"), 0.04)
    assert np.array_equal(frames(ear, KEY_TONE_FRAMES), key_tone("#"))
    assert ear.frame(0.2) is None


@pytest.mark.parametrize("state", [CallState.IDLE, CallState.RINGING, CallState.CONNECTED])
def test_key_is_not_heard_on_the_hook_or_over_speech(state: CallState) -> None:
    ear = ear_in(state)
    ear.handle(KeyPressed("5"), 0.0)
    assert ear.frame(0.0) is None


def test_first_digit_ends_the_dial_tone_without_a_click_and_is_heard() -> None:
    ear = ear_in(CallState.OFF_HOOK)
    before = frames(ear, 10)[-1]
    ear.handle(KeyPressed("1"), 0.2)
    ear.handle(CallChanged(CallView(state=CallState.DIALLING, digits="1")), 0.2)
    heard = frames(ear, KEY_TONE_FRAMES, 0.2)
    step = abs(int(heard[0][0]) - int(before[-1]))
    assert step <= int(np.abs(np.diff(before.astype(np.int32))).max()) + 100
    assert np.array_equal(heard[1:], key_tone("1")[1:])
    assert ear.frame(0.3) is None


def test_tone_after_the_last_digit_begins_when_the_key_has_been_heard() -> None:
    ear = ear_in(CallState.DIALLING)
    ear.handle(KeyPressed("9"), 0.0)
    failed = CallView(state=CallState.FAILED, reason=EndReason.WRONG_NUMBER)
    ear.handle(CallChanged(failed), 0.0)
    heard = frames(ear, KEY_TONE_FRAMES + 30)
    assert np.array_equal(heard[:KEY_TONE_FRAMES], key_tone("9"))
    assert np.array_equal(heard[KEY_TONE_FRAMES:], played(Tone.SPECIAL_INFORMATION, 30))


def test_key_over_a_tone_is_mixed_without_overflow() -> None:
    ear = ear_in(CallState.BUSY)
    ear.handle(KeyPressed("5"), 0.0)
    both = frames(ear_in(CallState.BUSY), 1)
    ear.handle(KeyPressed("5"), 0.0)
    assert both
    loud = np.abs(np.array(frames(ear, KEY_TONE_FRAMES), dtype=np.int32)).max()
    assert loud < 16_384


def test_answer_ends_ringback_within_one_frame() -> None:
    ear = ear_in(CallState.RINGBACK)
    frames(ear, 5)
    ear.handle(CallChanged(CallView(state=CallState.CONNECTED)), 0.1)
    fading = frames(ear, 1, 0.1)[0]
    assert not fading[80:].any()
    assert ear.frame(0.12) is None


def test_nothing_of_the_last_call_is_heard_after_the_next_lift() -> None:
    ear = ear_in(CallState.BUSY)
    frames(ear, 5)
    ear.handle(CallChanged(CallView(state=CallState.IDLE)), 0.1)
    assert ear.frame(0.12) is None
    ear.handle(CallChanged(CallView(state=CallState.OFF_HOOK)), 1.0)
    assert np.array_equal(frames(ear, 20, 1.0), played(Tone.DIAL, 20))


def test_changed_view_in_the_same_state_does_not_restart_the_tone() -> None:
    ear = ear_in(CallState.RINGBACK)
    heard = frames(ear, 30)
    view = CallView(state=CallState.RINGBACK, peer_name="Müller")
    ear.handle(CallChanged(view), 0.6)
    assert np.array_equal(heard + frames(ear, 30, 0.6), played(Tone.RINGBACK, 60))


def test_first_time_each_tone_is_heard_is_kept_until_the_next_call() -> None:
    ear = ear_in(CallState.CALLING)
    ear.frame(0.5)
    ear.handle(CallChanged(CallView(state=CallState.RINGBACK)), 0.9)
    ear.frame(1.0)
    ear.frame(1.02)
    ear.handle(CallChanged(CallView(state=CallState.IDLE)), 2.0)
    assert ear.heard_first_s == {Tone.RINGBACK: 1.0}
    ear.handle(CallChanged(CallView(state=CallState.OFF_HOOK)), 3.0)
    assert ear.heard_first_s == {}


def test_ear_never_asks_for_a_time_and_ignores_other_facts() -> None:
    ear = EarTones("DE")
    assert ear.handle(HookLifted(), 0.0) == []
    assert ear.on_time(1.0) == []
    assert ear.deadline_s() is None


def test_unknown_country_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="country"):
        EarTones("XX")
