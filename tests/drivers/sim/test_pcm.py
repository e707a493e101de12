"""Simulated sound: the pace by a clock turned by hand, and the recording on its time line."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from firmware.drivers.chips import PERIOD_BYTES, PLAYBACK_PERIODS
from firmware.drivers.sim import pcm as sim_pcm
from firmware.drivers.sim.pcm import Clock, Recording, SimCapture, SimPlayback, read_wav
from firmware.errors import HardwareError
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ

ALMOST_S = 1e-9  # rounding of sums of 20 ms
XRUN = -32  # EPIPE


class HandClock:
    """A clock that only sleeping and the test move."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.clock = Clock(lambda: self.now_s, self.sleep)

    def sleep(self, duration_s: float) -> None:
        assert duration_s > 0
        self.now_s += duration_s


def period(value: int) -> bytes:
    return np.full(FRAME_SAMPLES, value, dtype="<i2").tobytes()


def write_wav(path: Path, data: bytes, channels: int = 1, rate_hz: int = 16_000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(data)


def recorded(path: Path) -> npt.NDArray[np.int16]:
    return np.frombuffer(read_wav(path), dtype="<i2").astype(np.int16)


def test_capture_reads_the_samples_then_silence_one_period_each_20_ms() -> None:
    hand = HandClock()
    capture = SimCapture(period(1) + period(2)[:100], hand.clock)
    start_s = hand.now_s
    for count, expected in enumerate((period(1), period(2)[:100].ljust(640, b"\0"), bytes(640)), 1):
        assert capture.read() == (FRAME_SAMPLES, expected)
        assert hand.now_s == pytest.approx(start_s + count * FRAME_S)
    assert capture.opened_s == start_s


def test_capture_pace_does_not_drift_when_the_reader_is_slow() -> None:
    hand = HandClock()
    capture = SimCapture(b"", hand.clock)
    start_s = hand.now_s
    for _ in range(1000):
        assert capture.read()[0] == FRAME_SAMPLES
        hand.now_s += 0.007  # the reader's own work
    assert hand.now_s == pytest.approx(start_s + 1000 * FRAME_S + 0.007)


def test_capture_reader_three_periods_late_loses_nothing() -> None:
    hand = HandClock()
    capture = SimCapture(b"".join(period(i) for i in range(20)), hand.clock)
    capture.read()
    hand.now_s += 3 * FRAME_S
    assert [capture.read()[1] for _ in range(5)] == [period(i) for i in range(1, 6)]


def test_capture_reader_later_than_the_buffer_is_told_of_an_overrun() -> None:
    hand = HandClock()
    capture = SimCapture(b"".join(period(i) for i in range(40)), hand.clock)
    capture.read()
    hand.now_s += 10 * FRAME_S + 0.001
    length, data = capture.read()
    assert (length, data) == (XRUN, period(11))
    assert capture.read() == (FRAME_SAMPLES, period(12))


def test_playback_lets_three_periods_wait_and_then_paces_the_writer() -> None:
    hand = HandClock()
    playback = SimPlayback(None, hand.clock)
    start_s = hand.now_s
    times_s = []
    for _ in range(6):
        assert playback.write(period(1)) == FRAME_SAMPLES
        times_s.append(hand.now_s - start_s)
    assert times_s == pytest.approx([0.0, 0.0, 0.0, 0.02, 0.04, 0.06])
    assert PLAYBACK_PERIODS == 3


def test_capture_and_playback_say_how_long_there_is_to_wait() -> None:
    hand = HandClock()
    capture, playback = SimCapture(b"", hand.clock), SimPlayback(None, hand.clock)
    assert capture.wait_s() == pytest.approx(FRAME_S)
    assert playback.queued_s() == 0.0
    playback.write(period(1))
    playback.write(period(1)[:320])  # half of one
    hand.now_s += 0.019
    assert capture.wait_s() == pytest.approx(0.001)
    assert playback.queued_s() == pytest.approx(0.011)
    hand.now_s += 0.002
    assert capture.wait_s() == 0.0
    assert capture.read()[0] == FRAME_SAMPLES
    assert capture.wait_s() == pytest.approx(0.019)
    hand.now_s += 1.0
    assert playback.queued_s() == 0.0


def test_playback_written_too_late_is_told_of_an_underrun_and_records_the_gap(
    tmp_path: Path,
) -> None:
    hand, path = HandClock(), tmp_path / "ear.wav"
    recording = Recording(path)
    playback = SimPlayback(recording, hand.clock)
    for value in (1, 2):
        playback.write(period(value))
    hand.now_s += 0.100  # 60 ms after the second period has ended
    assert playback.write(period(3)) == XRUN
    assert playback.write(period(4)) == FRAME_SAMPLES
    recording.close()
    samples = recorded(path)
    assert samples.size == round(0.140 * SAMPLE_RATE_HZ)
    assert not samples[640:1600].any()
    assert set(samples[1600:1920]) == {3} and set(samples[1920:]) == {4}


def test_recording_pause_between_two_openings_is_silence_of_the_same_length(
    tmp_path: Path,
) -> None:
    hand, path = HandClock(), tmp_path / "ear.wav"
    recording = Recording(path)
    first = SimPlayback(recording, hand.clock)
    for _ in range(10):
        first.write(period(1))
    first.close()
    started_s, hand.now_s = hand.now_s - 7 * FRAME_S, hand.now_s + 2.5
    second = SimPlayback(recording, hand.clock)
    second.write(period(2))
    second.close()
    recording.close()
    samples = recorded(path)
    assert recording.opened_s == pytest.approx(started_s)
    assert second.opened_s is not None
    at = round((second.opened_s - started_s) * SAMPLE_RATE_HZ)
    assert set(samples[at : at + 320]) == {2} and samples.size == at + 320
    assert set(samples[:3200]) == {1} and not samples[3200:at].any()


def test_recording_opened_again_at_once_drops_what_was_not_heard_yet(tmp_path: Path) -> None:
    hand, path = HandClock(), tmp_path / "ear.wav"
    recording = Recording(path)
    first = SimPlayback(recording, hand.clock)
    for _ in range(10):
        first.write(period(1))  # the last 60 ms of it are still to be heard
    first.close()
    second = SimPlayback(recording, hand.clock)
    for _ in range(10):
        second.write(period(2))
    recording.close()
    samples = recorded(path)
    assert samples.size == 17 * FRAME_SAMPLES
    assert set(samples[: 7 * 320]) == {1} and set(samples[7 * 320 :]) == {2}


def test_recording_pause_longer_than_the_limit_is_cut_to_it(tmp_path: Path) -> None:
    path = tmp_path / "ear.wav"
    recording = Recording(path)
    recording.play(period(1), 0.0)
    recording.play(period(2), FRAME_S + sim_pcm.PAUSE_MAX_S + 500.0)
    recording.play(period(3), 2 * FRAME_S + sim_pcm.PAUSE_MAX_S + 500.0)
    recording.close()
    assert recording.cut_s == pytest.approx(500.0)
    samples = recorded(path)
    assert samples.size == 3 * FRAME_SAMPLES + sim_pcm.PAUSE_MAX_S * SAMPLE_RATE_HZ
    assert set(samples[-640:-320]) == {2} and set(samples[-320:]) == {3}


def test_recording_at_its_size_limit_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "ear.wav"
    recording = Recording(path)
    for hour in range(25):
        recording.play(period(1), hour * sim_pcm.PAUSE_MAX_S)
    recording.close()
    hours = (path.stat().st_size - 44) / (2 * SAMPLE_RATE_HZ * 3600)
    assert 17.9 < hours < 18.7
    assert path.stat().st_blocks * 512 < 1_000_000  # the pauses are holes


def test_recording_can_be_read_while_it_grows_half_a_second_behind(tmp_path: Path) -> None:
    path = tmp_path / "ear.wav"
    recording = Recording(path)
    assert recorded(path).size == 0
    for count in range(1, 200):
        recording.play(period(1), count * FRAME_S)
        missing = count * FRAME_SAMPLES - recorded(path).size
        assert 0 <= missing < sim_pcm.HEADER_INTERVAL_PERIODS * FRAME_SAMPLES
    recording.close()
    assert recorded(path).size == 199 * FRAME_SAMPLES


def test_recording_into_a_missing_directory_is_a_hardware_error(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="cannot write"):
        Recording(tmp_path / "nowhere" / "ear.wav")


def test_recording_closed_twice_is_harmless_and_then_takes_nothing(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "ear.wav")
    recording.close()
    recording.close()
    with pytest.raises(HardwareError, match="closed"):
        recording.play(period(1), 0.0)


def test_wav_of_the_right_kind_is_read_whole(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", period(1) * 3)
    assert read_wav(tmp_path / "a.wav") == period(1) * 3


@pytest.mark.parametrize(("channels", "rate_hz"), [(2, 16_000), (1, 8_000), (1, 48_000)])
def test_wav_of_another_kind_is_refused_with_what_is_needed(
    tmp_path: Path, channels: int, rate_hz: int
) -> None:
    write_wav(tmp_path / "a.wav", bytes(PERIOD_BYTES), channels, rate_hz)
    with pytest.raises(HardwareError, match=f"{channels} channel.*{rate_hz} Hz.*needed are 1"):
        read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all", bytes(1000)])
def test_wav_that_is_none_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(HardwareError, match=r"a\.wav"):
        read_wav(path)


def test_wav_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"cannot read .*a\.wav"):
        read_wav(tmp_path / "a.wav")
