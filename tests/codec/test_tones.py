"""Call-progress tones: frequencies, cadences to the sample, no clicks."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.tones import (
    COUNTRIES,
    LEVEL_DBM0,
    RAMP_SAMPLES,
    TonePlayer,
)
from firmware.errors import ConfigError
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Tone
from tests.codec.speech import level_dbm0


def _play(player: TonePlayer, seconds: float) -> Frame:
    frames = round(seconds * SAMPLE_RATE_HZ / FRAME_SAMPLES)
    return np.concatenate([player.frame() for _ in range(frames)])


def _played(country: str, tone: Tone, seconds: float) -> Frame:
    player = TonePlayer(country)
    player.start(tone)
    return _play(player, seconds)


def _frequencies(sound: Frame) -> set[int]:
    """The strong lines of a second of sound, in hertz."""
    assert len(sound) == SAMPLE_RATE_HZ
    spectrum = np.abs(np.fft.rfft(sound))
    return {int(line) for line in np.flatnonzero(spectrum > 0.25 * spectrum.max())}


def _edges_ms(sound: Frame) -> list[float]:
    """When sound begins and ends; a sine is silent for at most 2 ms in itself."""
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 20)
    breaks = np.flatnonzero(np.diff(loud) > 2 * 16)
    begins = [loud[0], *loud[breaks + 1]]
    ends = [*loud[breaks], loud[-1]]
    return [sample / 16 for pair in zip(begins, ends, strict=True) for sample in pair]


@pytest.mark.parametrize(
    ("country", "frequencies"),
    [
        ("DE", {425}),
        ("AT", {420}),
        ("CH", {425}),
        ("ES", {425}),
        ("FR", {440}),
        ("US", {350, 440}),
        ("UK", {350, 440}),
        ("GB", {350, 440}),
        ("AU", {413, 438}),
        ("JP", {400}),
        ("IN", {375, 400, 425}),  # 400 Hz, swelling 25 times a second
        ("NO", {425}),
        ("NZ", {400}),
    ],
)
def test_dial_tone_has_the_frequencies_of_the_country(country: str, frequencies: set[int]) -> None:
    second = _played(country, Tone.DIAL, 1.1)[FRAME_SAMPLES:][:SAMPLE_RATE_HZ]
    assert _frequencies(second) == frequencies


def test_dial_tone_is_at_its_level() -> None:
    for country in ("DE", "US"):
        second = _played(country, Tone.DIAL, 1.1)[FRAME_SAMPLES:][:SAMPLE_RATE_HZ]
        assert abs(level_dbm0(second) - LEVEL_DBM0) < 0.1


@pytest.mark.parametrize(
    ("country", "tone", "edges_ms"),
    [
        ("DE", Tone.RINGBACK, [0, 1000, 5000, 6000, 10000, 11000]),
        ("DE", Tone.BUSY, [0, 480, 960, 1440, 1920, 2400]),
        ("DE", Tone.CONGESTION, [0, 240, 480, 720, 960, 1200]),
        ("US", Tone.RINGBACK, [0, 2000, 6000, 8000]),
        ("UK", Tone.RINGBACK, [0, 400, 600, 1000, 3000, 3400]),
        ("UK", Tone.CONGESTION, [0, 400, 750, 975, 1500, 1900]),
        ("IT", Tone.DIAL, [0, 200, 400, 1000, 2000, 2200]),
        ("ES", Tone.CONGESTION, [0, 200, 400, 600, 800, 1000, 1600, 1800]),
        ("FR", Tone.SPECIAL_INFORMATION, [0, 990, 1990, 2980]),
        ("JP", Tone.RINGBACK, [0, 1000, 3000, 4000]),
        ("AU", Tone.RINGBACK, [0, 400, 600, 1000, 3000, 3400]),
        ("SE", Tone.CONGESTION, [0, 250, 1000, 1250]),
        ("CZ", Tone.DIAL, [0, 330, 660, 1320, 1980, 2310]),
        ("BR", Tone.CONGESTION, [0, 250, 500, 1250, 1500, 1750]),
        ("PT", Tone.RINGBACK, [0, 1000, 6000, 7000]),
        ("DE", Tone.CALL_WAITING, [0, 200, 400, 600, 5600, 5800]),
        ("US", Tone.CALL_WAITING, [0, 300, 10300, 10600]),
        ("DE", Tone.HOWLER, [0, 100, 200, 300]),
        ("US", Tone.MESSAGE_WAITING, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100]),
    ],
)
def test_cadence_is_that_of_the_country(country: str, tone: Tone, edges_ms: list[float]) -> None:
    heard = _edges_ms(_played(country, tone, edges_ms[-1] / 1000 + 0.1))
    # the ramps are too soft to be seen within 1 ms, and two soft steps of the SIT meet
    assert heard[: len(edges_ms)] == pytest.approx(edges_ms, abs=1.0)


def test_message_waiting_is_the_dial_tone_after_its_bursts() -> None:
    waiting = _played("FR", Tone.MESSAGE_WAITING, 2.4)[1200 * 16 :][:SAMPLE_RATE_HZ]
    assert _frequencies(waiting) == {440}
    assert abs(level_dbm0(waiting[RAMP_SAMPLES:]) - LEVEL_DBM0) < 0.1


def test_swelling_tone_has_its_level_and_swells() -> None:
    second = _played("IN", Tone.DIAL, 1.1)[FRAME_SAMPLES:][:SAMPLE_RATE_HZ]
    assert abs(level_dbm0(second) - LEVEL_DBM0) < 0.1
    loudness = [level_dbm0(part) for part in second.reshape(-1, 160)]  # 10 ms
    assert max(loudness) - min(loudness) > 9.0


def test_notation_of_every_country_is_understood() -> None:
    for country in COUNTRIES:
        for tone in Tone:
            assert _played(country, tone, 1.0).any(), (country, tone)  # the rarest waits 0.8 s


def test_special_information_tone_rises_in_three_steps() -> None:
    sound = _played("DE", Tone.SPECIAL_INFORMATION, 1.0)
    for begin_ms, frequency_hz in ((0, 950), (330, 1400), (660, 1800)):
        step = sound[(begin_ms + 40) * 16 :][: 250 * 16]
        assert int(np.argmax(np.abs(np.fft.rfft(step)))) * 4 == pytest.approx(frequency_hz, abs=4)


def test_dial_tone_is_one_unbroken_sine_after_its_ramp() -> None:
    sound = _played("DE", Tone.DIAL, 3.0)
    n = np.arange(len(sound))
    peak = np.abs(sound).max()
    expected = peak * np.sin(2 * np.pi * 425 * n / SAMPLE_RATE_HZ)
    assert np.abs(sound - expected)[RAMP_SAMPLES:].max() < 3


@pytest.mark.parametrize("tone", list(Tone))
@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_tone_never_clicks(country: str, tone: Tone) -> None:
    player = TonePlayer(country)
    player.start(tone)
    first = _play(player, 1.24)
    player.stop()
    sound = np.concatenate([first, _play(player, 0.1)])
    steps = np.abs(np.diff(sound.astype(int), prepend=0))
    # the steepest step of a sine of 1800 Hz at this level; a click would be several times that
    highest_hz, peak = (2600, 2 * 5110) if tone is Tone.HOWLER else (1800, 5110)
    assert steps.max() <= peak * 2 * np.sin(np.pi * highest_hz / SAMPLE_RATE_HZ)


def test_stopped_tone_fades_within_five_milliseconds_and_stays_silent() -> None:
    player = TonePlayer("DE")
    player.start(Tone.DIAL)
    _play(player, 0.1)
    player.stop()
    assert player.tone is None
    fade = player.frame()
    assert fade[:RAMP_SAMPLES].any() and not fade[RAMP_SAMPLES:].any()
    assert not player.frame().any()


def test_tone_that_plays_already_is_not_begun_anew() -> None:
    player, twin = TonePlayer("DE"), TonePlayer("DE")
    for one in (player, twin):
        one.start(Tone.BUSY)
        one.frame()
    player.start(Tone.BUSY)
    assert np.array_equal(_play(player, 1.0), _play(twin, 1.0))


def test_new_tone_begins_at_its_beginning() -> None:
    player = TonePlayer("DE")
    player.start(Tone.DIAL)
    _play(player, 0.5)
    player.start(Tone.BUSY)
    heard = _edges_ms(_play(player, 1.0))
    assert heard[1:3] == pytest.approx([480, 960], abs=1.0)


def test_player_without_a_tone_is_silent() -> None:
    assert not TonePlayer("DE").frame().any()


def test_country_in_small_letters_is_found() -> None:
    small, capital = TonePlayer("uk"), TonePlayer("GB")
    for player in (small, capital):
        player.start(Tone.RINGBACK)
    assert (_play(small, 1.0) == _play(capital, 1.0)).all()


def test_unknown_country_names_the_key_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"\[audio\] country.*XX"):
        TonePlayer("XX")
