"""The mouthpiece: gains, volume keys, side tone, echo only in a call."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.echo import PROOF_FRAMES
from firmware.events import CallChanged, KeyPressed
from firmware.model import FRAME_SAMPLES, CallState, CallView, Frame
from firmware.ui.mouthpiece import VOLUME_MAX_DB, VOLUME_MIN_DB, Echo, HandsetSound, Mouthpiece


def frame(peak: int = 300) -> Frame:
    wave: Frame = np.rint(peak * np.sin(np.arange(FRAME_SAMPLES) / 5)).astype(np.int16)
    return wave


def in_call(sound: HandsetSound | None = None) -> Mouthpiece:
    mouth = Mouthpiece(sound or HandsetSound())
    mouth.handle(CallChanged(CallView(state=CallState.CONNECTED)), 0.0)
    return mouth


def louder_db(one: Frame, other: Frame) -> float:
    power = [np.mean(np.square(sound.astype(np.float64))) for sound in (one, other)]
    return float(10 * np.log10(power[0] / power[1]))


def press(mouth: Mouthpiece, keys: str) -> None:
    for key in keys:
        mouth.handle(KeyPressed(key), 0.0)


def test_sound_passes_unchanged_where_nothing_is_configured() -> None:
    mouth = in_call()
    assert mouth.spoken(frame()) is not None
    np.testing.assert_array_equal(mouth.spoken(frame()), frame())
    np.testing.assert_array_equal(mouth.heard(frame(), 0.03), frame())


@pytest.mark.parametrize(("keys", "db"), [("A", 5), ("AAAA", 20), ("AAAAAAA", 20), ("B", -5)])
def test_volume_keys_change_what_is_heard_in_steps_of_5_db(keys: str, db: float) -> None:
    mouth = in_call()
    press(mouth, keys)
    assert louder_db(mouth.heard(frame(), 0.03), frame()) == pytest.approx(db, abs=0.2)
    np.testing.assert_array_equal(mouth.spoken(frame()), frame())


def test_volume_has_its_limits() -> None:
    mouth = in_call()
    press(mouth, "A" * 20)
    assert mouth.volume_db == VOLUME_MAX_DB
    press(mouth, "B" * 20)
    assert mouth.volume_db == VOLUME_MIN_DB


def test_volume_is_normal_again_after_the_call_and_other_keys_do_not_change_it() -> None:
    mouth = in_call()
    press(mouth, "AA5*#")
    assert mouth.volume_db == 10.0
    mouth.handle(CallChanged(CallView(state=CallState.IDLE)), 1.0)
    assert mouth.volume_db == 0.0
    press(mouth, "A")
    assert mouth.volume_db == 0.0  # no call


def test_loud_speech_at_full_volume_does_not_hurt() -> None:
    mouth = in_call()
    press(mouth, "AAAA")
    loud = mouth.heard(frame(20_000), 0.03)
    assert louder_db(loud, frame(20_000)) < 0.0


def test_gains_of_the_handset_reach_ear_and_peer() -> None:
    mouth = in_call(HandsetSound(microphone_db=6, earpiece_db=-6))
    assert louder_db(mouth.spoken(frame()), frame()) == pytest.approx(6, abs=0.1)
    assert louder_db(mouth.heard(frame(), 0.03), frame()) == pytest.approx(-6, abs=0.2)


def test_side_tone_is_the_own_voice_and_only_in_a_call() -> None:
    mouth = in_call(HandsetSound(side_tone_db=-20))
    mouth.spoken(frame(10_000))
    silent = np.zeros(FRAME_SAMPLES, dtype=np.int16)
    assert louder_db(mouth.heard(silent, 0.03), frame(10_000)) == pytest.approx(-20, abs=0.2)
    mouth.handle(CallChanged(CallView(state=CallState.IDLE)), 1.0)
    assert not mouth.heard(silent, 0.03).any()


def test_echo_is_cancelled_in_a_call_only_and_where_it_is_wanted() -> None:
    assert in_call(HandsetSound(echo=Echo.AUTO)).needs_whole_frames
    assert in_call(HandsetSound(echo=Echo.ON)).needs_whole_frames
    assert not in_call(HandsetSound(echo=Echo.OFF)).needs_whole_frames
    mouth = in_call(HandsetSound(echo=Echo.AUTO))
    mouth.handle(CallChanged(CallView(state=CallState.IDLE)), 1.0)
    assert not mouth.needs_whole_frames


def test_whole_frames_are_needed_only_where_ear_and_mouth_are_put_together() -> None:
    assert not in_call(HandsetSound()).needs_whole_frames
    assert in_call(HandsetSound(side_tone_db=-20)).needs_whole_frames
    mouth = in_call(HandsetSound(echo=Echo.AUTO))
    assert mouth.needs_whole_frames
    dice = np.random.Generator(np.random.PCG64(3))
    for _ in range(PROOF_FRAMES + 20):  # a far voice that does not come back
        mouth.heard(dice.normal(0, 3_000, FRAME_SAMPLES).astype(np.int16), 0.03)
        mouth.spoken(dice.normal(0, 30, FRAME_SAMPLES).astype(np.int16))
    assert not mouth.needs_whole_frames
