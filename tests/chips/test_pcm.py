"""What microphone and earpiece expect of a PCM: ours, ALSA's `null`, paced cards, a real one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from firmware.drivers.chips import PERIOD_BYTES, CapturePcm, PlaybackPcm
from firmware.drivers.pi.alsa import AlsaCapture, AlsaPlayback
from firmware.drivers.sim.pcm import Clock, SimCapture, SimPlayback
from firmware.errors import HardwareError
from firmware.model import FRAME_SAMPLES
from tests.chips.conftest import skip_unless_real

PERIODS = 10
CARDS = ("card", "studio", "clumsy")
KINDS = ("sim", "null", *CARDS, "real")


def turned_clock() -> Clock:
    """A clock that runs only while somebody sleeps."""
    now_s = [100.0]

    def sleep(duration_s: float) -> None:
        now_s[0] += duration_s

    return Clock(lambda: now_s[0], sleep)


@pytest.fixture(params=[*KINDS])
def capture(request: pytest.FixtureRequest) -> CapturePcm:
    kinds: dict[str, Callable[[], CapturePcm]] = {
        "sim": lambda: SimCapture(b"", turned_clock()),
        "null": lambda: AlsaCapture("null"),
        **{name: partial(AlsaCapture, name) for name in CARDS},
        "real": lambda: AlsaCapture("default"),
    }
    if request.param == "real":
        skip_unless_real(request)
    if request.param in CARDS:
        request.getfixturevalue("card")
    return kinds[request.param]()


@pytest.fixture(params=[*KINDS])
def playback(request: pytest.FixtureRequest) -> PlaybackPcm:
    kinds: dict[str, Callable[[], PlaybackPcm]] = {
        "sim": lambda: SimPlayback(None, turned_clock()),
        "null": lambda: AlsaPlayback("null"),
        **{name: partial(AlsaPlayback, name) for name in CARDS},
        "real": lambda: AlsaPlayback("default"),
    }
    if request.param == "real":
        skip_unless_real(request)
    if request.param in CARDS:
        request.getfixturevalue("card")
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
    taken = [playback.write(bytes(PERIOD_BYTES)) for _ in range(PERIODS)]
    assert all(type(written) is int for written in taken)
    # a card that keeps time runs dry when the machine is busy elsewhere
    whole = [written for written in taken if written >= 0]
    assert whole == [FRAME_SAMPLES] * len(whole) and len(whole) >= PERIODS // 2
    playback.close()


def test_playback_tells_how_long_sound_waits_in_it(playback: PlaybackPcm) -> None:
    assert 0.0 < playback.delay_s <= 0.25
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
