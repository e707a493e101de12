"""What microphone and earpiece expect of a PCM: ours, ALSA's `null`, and a real sound card."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware.drivers.chips import PERIOD_BYTES, CapturePcm, PlaybackPcm
from firmware.drivers.pi.alsa import AlsaCapture, AlsaPlayback
from firmware.drivers.sim.pcm import Clock, SimCapture, SimPlayback
from firmware.errors import HardwareError
from firmware.model import FRAME_SAMPLES
from tests.chips.conftest import skip_unless_real

PERIODS = 10


def turned_clock() -> Clock:
    """A clock that runs only while somebody sleeps."""
    now_s = [100.0]

    def sleep(duration_s: float) -> None:
        now_s[0] += duration_s

    return Clock(lambda: now_s[0], sleep)


@pytest.fixture(params=["sim", "null", "real"])
def capture(request: pytest.FixtureRequest) -> CapturePcm:
    kinds: dict[str, Callable[[], CapturePcm]] = {
        "sim": lambda: SimCapture(b"", turned_clock()),
        "null": lambda: AlsaCapture("null"),
        "real": lambda: AlsaCapture("default"),
    }
    if request.param == "real":
        skip_unless_real(request)
    return kinds[request.param]()


@pytest.fixture(params=["sim", "null", "real"])
def playback(request: pytest.FixtureRequest) -> PlaybackPcm:
    kinds: dict[str, Callable[[], PlaybackPcm]] = {
        "sim": lambda: SimPlayback(None, turned_clock()),
        "null": lambda: AlsaPlayback("null"),
        "real": lambda: AlsaPlayback("default"),
    }
    if request.param == "real":
        skip_unless_real(request)
    return kinds[request.param]()


def test_capture_gives_whole_periods(capture: CapturePcm) -> None:
    for _ in range(PERIODS):
        length, data = capture.read()
        assert type(length) is int and type(data) is bytes
        assert (length, len(data)) == (FRAME_SAMPLES, PERIOD_BYTES)
    capture.close()


def test_capture_knows_when_it_began_from_the_first_read_on(capture: CapturePcm) -> None:
    assert capture.opened_s is None
    capture.read()
    began_s = capture.opened_s
    assert isinstance(began_s, float)
    capture.read()
    assert capture.opened_s == began_s
    capture.close()


def test_capture_closed_twice_is_harmless_and_then_gives_nothing(capture: CapturePcm) -> None:
    capture.close()
    capture.close()
    with pytest.raises(HardwareError, match="closed"):
        capture.read()


def test_playback_takes_whole_periods(playback: PlaybackPcm) -> None:
    for _ in range(PERIODS):
        written = playback.write(bytes(PERIOD_BYTES))
        assert type(written) is int
        assert written == FRAME_SAMPLES
    playback.close()


def test_playback_knows_when_it_began_from_the_first_write_on(playback: PlaybackPcm) -> None:
    assert playback.opened_s is None
    playback.write(bytes(PERIOD_BYTES))
    began_s = playback.opened_s
    assert isinstance(began_s, float)
    playback.write(bytes(PERIOD_BYTES))
    assert playback.opened_s == began_s
    playback.close()


def test_playback_closed_twice_is_harmless_and_then_takes_nothing(playback: PlaybackPcm) -> None:
    playback.close()
    playback.close()
    with pytest.raises(HardwareError, match="closed"):
        playback.write(bytes(PERIOD_BYTES))
