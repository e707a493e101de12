"""Test numbers: echo, milliwatt, record and play back, the delay of the own sound."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.call.dialplan import TEST_NUMBERS, Verdict, judge
from firmware.codes import plan_of
from firmware.events import CallChanged, KeyPressed, LoopMeasured
from firmware.model import FRAME_S, FRAME_SAMPLES, CallState, CallView, Frame, silence
from firmware.ui.selftest import ECHO_FRAMES, RECORDED_FRAMES_MAX, TESTS, SelfTest
from firmware.ui.texts import ENGLISH
from tests.codec.speech import frames_of, level_dbm0, load_speech
from tests.world import PhoneActor, World, loudest_hz


def connected(number: str) -> SelfTest:
    test = SelfTest()
    test.handle(CallChanged(CallView(state=CallState.CONNECTED, digits=number)), 0.0)
    assert test.is_running
    return test


def heard(test: SelfTest) -> Frame:
    frame = test.heard(0.0)
    assert frame is not None
    return frame


def test_each_test_number_has_its_verdict_its_test_and_its_title() -> None:
    assert set(TEST_NUMBERS) == set(TESTS) == set(ENGLISH.tests)
    plan = plan_of("DE")
    sent = [judge(number, plan, sent=True) for number in TEST_NUMBERS]
    assert sent == [Verdict.TEST] * len(TEST_NUMBERS)
    assert judge("*", plan) is Verdict.INCOMPLETE
    assert judge("*1", plan) is Verdict.TEST  # no code begins like this: no pause
    assert judge("*2", plan) is Verdict.PAUSE


def test_echo_comes_back_after_half_a_second_as_it_was() -> None:
    test, said = connected("*1"), frames_of(load_speech("kennedy"))
    back = []
    for frame in said:
        test.spoken(frame, 0.0)
        back.append(heard(test))
    assert not np.concatenate(back[:ECHO_FRAMES]).any()
    np.testing.assert_array_equal(back[ECHO_FRAMES:], said[:-ECHO_FRAMES])


def test_milliwatt_is_1004_hz_at_0_dbm0() -> None:
    test = connected("*2")
    second = np.concatenate([heard(test) for _ in range(51)])[FRAME_SAMPLES:]
    assert loudest_hz([second]) == pytest.approx(1004, abs=1)
    assert level_dbm0(second) == pytest.approx(0.0, abs=0.05)


def test_recording_is_played_after_a_key_and_after_ten_seconds() -> None:
    said = frames_of(load_speech("kennedy"))
    test = connected("*3")
    for frame in said[:40]:
        test.spoken(frame, 0.0)
        assert not heard(test).any()
    test.handle(KeyPressed("#"), 0.0)
    np.testing.assert_array_equal([heard(test) for _ in range(40)], said[:40])
    assert not heard(test).any()
    for frame in said[:RECORDED_FRAMES_MAX]:
        test.spoken(frame, 0.0)
    np.testing.assert_array_equal(heard(test), said[0])


@pytest.mark.parametrize("delay_samples", [0, 160, 1111, 9000])
def test_delay_of_the_own_sound_is_measured_to_the_sample(delay_samples: int) -> None:
    test = connected("*4")
    noise = np.random.default_rng(3)
    air = np.zeros(4 * 16_000)
    measured: list[float | None] = []
    for tick in range(150):
        now_s, begin = 10.0 + tick * FRAME_S, tick * FRAME_SAMPLES
        frame = heard_at(test, now_s)
        end = begin + delay_samples + FRAME_SAMPLES
        air[end - FRAME_SAMPLES : end] += 0.1 * frame
        listened = np.rint(air[begin : begin + FRAME_SAMPLES] + noise.normal(0, 20, FRAME_SAMPLES))
        told = test.spoken(listened.astype(np.int16), now_s + FRAME_S)
        measured += [one.delay_s for one in told if isinstance(one, LoopMeasured)]
    assert measured == [pytest.approx(delay_samples / 16_000, abs=0.0001)] * 3


def heard_at(test: SelfTest, now_s: float) -> Frame:
    frame = test.heard(now_s)
    assert frame is not None
    return frame


def test_microphone_that_hears_nothing_has_no_delay() -> None:
    test = connected("*4")
    told = []
    for tick in range(60):
        test.heard(tick * FRAME_S)
        told += test.spoken(silence(), tick * FRAME_S)
    assert told == [LoopMeasured(None)]


def test_test_ends_when_the_handset_is_replaced() -> None:
    test = connected("*2")
    test.handle(CallChanged(CallView(state=CallState.IDLE)), 1.0)
    assert test.heard(1.0) is None and test.spoken(silence(), 1.0) == []


def test_telephone_dials_the_milliwatt_hears_it_and_is_free_again() -> None:
    world = World(seed=4)
    world.add_nodes(1)
    anna = world.add_phone("Anna")
    world.lift(anna)
    world.dial(anna, "*2")
    assert state_of(anna) is CallState.DIALLING  # it could become *21*
    world.wait(anna, CallState.CONNECTED, timeout_s=4.0)
    assert state_of(anna) is CallState.CONNECTED and anna.microphone_open
    since_s = world.now_s
    world.run(1.0)
    assert loudest_hz([frame for at_s, frame in anna.heard if at_s > since_s]) == pytest.approx(
        1004, abs=2
    )
    assert anna.phone.status().picture.lines[0] == "Milliwatt"
    world.replace(anna)
    assert state_of(anna) is CallState.IDLE and not anna.microphone_open and anna.ended == []


def state_of(who: PhoneActor) -> CallState:
    return who.view.state
