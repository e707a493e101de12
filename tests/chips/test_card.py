"""The real ALSA path on a card that keeps time, loses sound, drifts and can be pulled out."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from firmware.beat import EARLY_S
from firmware.drivers.audio import Earpiece, Microphone
from firmware.drivers.chips import PERIOD_BYTES
from firmware.drivers.pi.alsa import LADDER_S, UNDERRUNS_MAX, AlsaCapture, AlsaPlayback, Pace
from firmware.errors import HardwareError
from firmware.events import Fact, HardwareFailed, HardwareRecovered
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Part, silence
from tests.chips.card import Card

WAIT_S = 5.0
SEED = 9
TRIES = 10


def noise(frames: int) -> Frame:
    """No sample of it is zero: silence that a busy machine put in between can be told from it."""
    dice = np.random.default_rng(SEED)
    return dice.integers(1, 9000, frames * FRAME_SAMPLES).astype(np.int16)


def tone(hz: float, frames: int) -> Frame:
    n = np.arange(frames * FRAME_SAMPLES)
    wave: Frame = np.rint(8000 * np.sin(2 * np.pi * hz * n / SAMPLE_RATE_HZ)).astype(np.int16)
    return wave


def patient() -> Pace:
    """For tests of what is heard: a busy machine must not make it run dry."""
    pace = Pace()
    pace.step = len(LADDER_S) - 1
    return pace


def play(device: str, sound: Frame) -> None:
    playback = AlsaPlayback(device, patient())
    for frame in sound.reshape(-1, FRAME_SAMPLES):
        playback.write(frame.astype("<i2").tobytes())
    for _ in range(5):
        playback.write(bytes(PERIOD_BYTES))
    playback.close()


def record(device: str, frames: int) -> Frame:
    capture = AlsaCapture(device)
    periods = [capture.read() for _ in range(frames)]
    capture.close()
    return np.frombuffer(b"".join(data for _, data in periods), dtype="<i2").astype(np.int16)


def sounding(sound: Frame) -> Frame:
    """Without the silence that a busy machine put in between."""
    return sound[np.convolve(sound != 0, np.ones(9), "same") > 0]


def level_db(one: Frame, other: Frame) -> float:
    power = [np.mean(np.square(sound.astype(np.float64))) for sound in (one, other)]
    return float(10 * np.log10(power[0] / power[1]))


def rates_of(device: str, *, periods: int, expected_s: float) -> Iterator[float]:
    """How fast the crystal runs; tried several times, since a busy machine comes late."""
    capture = AlsaCapture(device)
    for _ in range(TRIES):
        capture.read()
        begun_s = time.monotonic()
        for _ in range(periods):
            capture.read()
        yield expected_s / (time.monotonic() - begun_s)
    capture.close()


@pytest.mark.parametrize("device", ["card", "studio", "clumsy"])
def test_card_gives_a_period_every_20_ms(card: Card, device: str) -> None:
    rates = rates_of(device, periods=48, expected_s=48 * FRAME_S)  # 15 of 1024 samples
    assert any(rate == pytest.approx(1.0, abs=0.02) for rate in rates)


def test_card_with_a_fast_crystal_is_as_fast_as_it_is(card: Card) -> None:
    rates = rates_of("quick", periods=100, expected_s=100 * FRAME_S)
    assert any(rate == pytest.approx(1.05, abs=0.02) for rate in rates)


def test_card_plays_what_was_written_bit_for_bit(card: Card) -> None:
    sound = noise(20)
    play("card", sound)
    played = card.played()
    np.testing.assert_array_equal(played[played != 0], sound)


def test_card_hears_what_was_spoken_bit_for_bit(card: Card) -> None:
    sound = noise(3)  # short: a busy machine must not lose any of it
    card.speak(sound)
    np.testing.assert_array_equal(record("card", 3), sound)


@pytest.mark.parametrize(("device", "factor"), [("studio", 3.0), ("odd", 44_100 / SAMPLE_RATE_HZ)])
def test_card_of_another_rate_plays_and_hears_speech_at_its_level(
    card: Card, device: str, factor: float
) -> None:
    for hz in (300.0, 1000.0, 6500.0):
        sound = tone(hz, 30)
        play(device, sound)
        played = sounding(card.played())
        assert len(played) > 0.96 * factor * len(sound)
        steady = played[round(200 * factor) : round(8_000 * factor)]
        assert level_db(steady, sound) == pytest.approx(0.0, abs=0.2)
        card.speak(played)
        heard = sounding(record(device, 29))[200:-200]
        assert level_db(heard, sound) == pytest.approx(0.0, abs=0.4)


def test_card_of_which_20_ms_are_no_whole_samples_is_refused_with_the_way_out(card: Card) -> None:
    for pcm in (AlsaCapture, AlsaPlayback):
        with pytest.raises(HardwareError, match=r"11025 Hz.*try plugancient"):
            pcm("ancient")


def test_capture_that_nobody_reads_says_that_sound_was_lost_and_goes_on(card: Card) -> None:
    capture = AlsaCapture("card")
    capture.read()
    record("card", 12)  # a quarter of a second goes by
    assert capture.read()[0] < 0
    assert [capture.read()[0] for _ in range(5)] == [FRAME_SAMPLES] * 5
    capture.close()


def test_playback_that_ran_dry_says_so_and_what_was_written_is_heard(card: Card) -> None:
    playback = AlsaPlayback("card", patient())
    first, second = noise(2), noise(4)[: 2 * FRAME_SAMPLES]
    for frame in first.reshape(-1, FRAME_SAMPLES):
        playback.write(frame.tobytes())
    record("clumsy", 12)
    written = [playback.write(frame.tobytes()) for frame in second.reshape(-1, FRAME_SAMPLES)]
    assert written[0] < 0 < written[1]
    for _ in range(5):
        playback.write(bytes(PERIOD_BYTES))
    playback.close()
    played = card.played()
    np.testing.assert_array_equal(played[played != 0], np.concatenate([first, second]))


def test_playback_that_runs_dry_often_has_more_in_it_from_then_on(card: Card) -> None:
    pace = Pace()
    playback = AlsaPlayback("card", pace)
    assert playback.delay_s == LADDER_S[0]
    for _ in range(UNDERRUNS_MAX):
        playback.write(bytes(PERIOD_BYTES))
        record("clumsy", 6)
        assert playback.write(bytes(PERIOD_BYTES)) < 0
    assert playback.delay_s == LADDER_S[1]
    playback.close()
    assert AlsaPlayback("card", pace).delay_s == LADDER_S[1]


def test_pace_ends_at_the_deepest_buffer_and_forgives_what_is_rare() -> None:
    pace = Pace()
    assert not any(pace.underrun(60.0 * minute) for minute in range(100))
    grown = [pace.underrun(7000.0 + 0.1 * n) for n in range(100)]
    assert sum(grown) == pace.step == len(LADDER_S) - 1


def test_missing_card_is_an_error_and_nothing_is_printed(
    card: Card, capfd: pytest.CaptureFixture[str]
) -> None:
    card.unplug()
    for name in ("card", "there_is_none"):
        with pytest.raises(HardwareError, match=name):
            AlsaCapture(name)
    assert capfd.readouterr().err == ""


class Hand:
    """Has the beat of a microphone, an earpiece, or both."""

    def __init__(
        self, capture: str = "", playback: str = "", to_play: Iterator[Frame] | None = None
    ) -> None:
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self._ready = threading.Event()
        self.microphone = Microphone(lambda: AlsaCapture(capture), self._ready.set, self.facts.put)
        self.earpiece = Earpiece(
            lambda: AlsaPlayback(playback, patient()), self._ready.set, self.facts.put
        )
        self._to_play = to_play or iter(())
        if capture:
            self.microphone.open()
        if playback:
            self.earpiece.open()

    def beat(self) -> Frame | None:
        """Wait for one beat, and do it; what was heard."""
        now_s = time.monotonic()
        waits = [one.wait_s(now_s) for one in (self.microphone, self.earpiece)]
        self._ready.wait(min((one for one in waits if one is not None), default=WAIT_S))
        self._ready.clear()
        now_s = time.monotonic()
        while (wait_s := self.earpiece.wait_s(now_s)) is not None and wait_s < EARLY_S:
            self.earpiece.play(next(self._to_play, silence()), now_s)
        return self.microphone.hear(now_s)

    def until(self, is_it: Callable[[Frame], bool]) -> int:
        """How many frames came before the one that was waited for."""
        end_s, count = time.monotonic() + WAIT_S, 0
        while time.monotonic() < end_s:
            frame = self.beat()
            if frame is not None and is_it(frame):
                return count
            count += frame is not None
        raise AssertionError("it did not come")

    def until_fact(self, kind: type[Fact]) -> Fact:
        end_s = time.monotonic() + WAIT_S
        while self.facts.empty() and time.monotonic() < end_s:
            self.beat()
        fact = self.facts.get_nowait()
        assert isinstance(fact, kind), fact
        return fact

    def close(self) -> None:
        for stream in (self.microphone, self.earpiece):
            stream.close()
            assert stream.join(WAIT_S)


def test_microphone_pulled_out_in_a_call_is_silent_and_returns(card: Card) -> None:
    card.speak(noise(500))
    hand = Hand(capture="card")
    hand.until(lambda frame: bool(frame.any()))
    card.unplug()
    failed = hand.until_fact(HardwareFailed)
    assert failed == HardwareFailed(Part.MICROPHONE, "ALSA device card: No such device [card]")
    hand.until(lambda frame: not frame.any())
    card.plug_in()
    assert hand.until(lambda frame: bool(frame.any())) > 3  # silence keeps the pace
    assert hand.until_fact(HardwareRecovered) == HardwareRecovered(Part.MICROPHONE)
    hand.close()


def test_earpiece_pulled_out_in_a_call_is_heard_again_when_it_returns(card: Card) -> None:
    sound = itertools.repeat(np.full(FRAME_SAMPLES, 777, dtype=np.int16))
    hand = Hand(playback="card", to_play=sound)
    while hand.earpiece.frames < 15:
        hand.beat()
    assert hand.earpiece.delay_s == LADDER_S[-1]
    card.unplug()
    hand.until_fact(HardwareFailed)
    card.plug_in()
    hand.until_fact(HardwareRecovered)
    while hand.earpiece.frames < 30:
        hand.beat()
    hand.close()
    played = card.played()
    assert (played[:FRAME_SAMPLES] == 777).all() and (played[-FRAME_SAMPLES:] == 777).all()


def test_earpiece_is_heard_by_the_microphone_beside_it_after_its_delay(card: Card) -> None:
    sound = noise(100)
    hand = Hand("loop", "loop", iter(sound.reshape(-1, FRAME_SAMPLES)))
    frames = [frame for _ in range(120) if (frame := hand.beat()) is not None]
    hand.close()
    heard = np.concatenate(frames)
    begun = int(np.flatnonzero(heard)[0])
    np.testing.assert_array_equal(
        heard[begun : begun + 4 * FRAME_SAMPLES], sound[: 4 * FRAME_SAMPLES]
    )
