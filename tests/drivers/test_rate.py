"""Rates of sound cards: level, length, and no seam between blocks."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.drivers.rate import (
    RATE_MAX_HZ,
    FromWideband,
    Samples,
    ToWideband,
    from_wideband,
    to_wideband,
)

RATE_HZ = 16_000


def tone(hz: float, samples: int, rate_hz: int) -> Samples:
    wave: Samples = np.rint(9000 * np.sin(2 * np.pi * hz * np.arange(samples) / rate_hz)).astype(
        np.int16
    )
    return wave


def level_db(one: Samples, other: Samples) -> float:
    power = [np.mean(np.square(sound.astype(np.float64))) + 1e-9 for sound in (one, other)]
    return float(10 * np.log10(power[0] / power[1]))


@pytest.mark.parametrize("factor", [2, 3, 6, RATE_MAX_HZ // RATE_HZ])
@pytest.mark.parametrize("hz", [300, 3400, 7000])
def test_speech_keeps_its_level_both_ways(factor: int, hz: int) -> None:
    narrow = tone(hz, 8000, RATE_HZ)
    wide = FromWideband(factor).convert(narrow)
    assert len(wide) == factor * len(narrow)
    assert level_db(wide[2000:-2000], narrow) == pytest.approx(0.0, abs=0.2)
    back = ToWideband(factor).convert(wide)
    assert len(back) == len(narrow)
    assert level_db(back[500:-500], narrow) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize("hz", [8700, 12_000, 20_000])
def test_what_16_khz_cannot_carry_is_taken_out(hz: int) -> None:
    wide = tone(hz, 24_000, 48_000)
    assert level_db(ToWideband(3).convert(wide)[500:], wide) < -45


@pytest.mark.parametrize("converter", [ToWideband, FromWideband])
def test_blocks_of_any_size_give_what_one_block_gives(
    converter: type[ToWideband] | type[FromWideband],
) -> None:
    sound = np.random.default_rng(4).integers(-9000, 9000, 2400).astype(np.int16)
    whole = converter(3).convert(sound)
    by_parts = converter(3)
    parts = [by_parts.convert(part) for part in np.split(sound, [3, 30, 480, 483, 1500])]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1)


def test_factor_1_changes_nothing() -> None:
    sound = tone(500, 320, RATE_HZ)
    assert ToWideband(1).convert(sound) is FromWideband(1).convert(sound) is sound


def test_too_loud_is_clipped_and_not_wrapped() -> None:
    square = np.where(np.arange(3200) % 160 < 80, 32767, -32768).astype(np.int16)
    wide = FromWideband(3).convert(square)
    assert wide[3 * 40 + 72] > 30000 and wide[3 * 120 + 72] < -30000


@pytest.mark.parametrize(
    ("rate_hz", "hz"),
    [(44_100, 300), (44_100, 3400), (44_100, 7000), (22_050, 7000), (8_000, 300), (8_000, 3400)],
)
def test_odd_rate_keeps_the_level_and_the_pitch_both_ways(rate_hz: int, hz: int) -> None:
    there, back = from_wideband(rate_hz), to_wideband(rate_hz)
    sound = tone(hz, 16_000, RATE_HZ)
    blocks = [there.convert(frame) for frame in np.split(sound, 50)]
    assert {len(block) for block in blocks} == {rate_hz // 50}
    card = np.concatenate(blocks)
    assert level_db(card[2000:-2000], sound) == pytest.approx(0.0, abs=0.2)
    strongest = np.argmax(np.abs(np.fft.rfft(card * np.hanning(len(card)))))
    assert strongest == pytest.approx(hz, abs=1)
    heard = np.concatenate([back.convert(block) for block in blocks])
    assert len(heard) == len(sound)
    assert level_db(heard[2000:-2000], sound) == pytest.approx(0.0, abs=0.3)


def test_nothing_but_the_tone_comes_back_from_an_odd_rate() -> None:
    sound = tone(1000, 16_000, RATE_HZ)
    heard = to_wideband(44_100).convert(from_wideband(44_100).convert(sound))
    spectrum = np.abs(np.fft.rfft(heard[200:15_800] * np.hanning(15_600))) ** 2
    tone_power = spectrum[960:990].sum()
    assert 10 * np.log10(tone_power / (spectrum.sum() - tone_power)) > 60


@pytest.mark.parametrize("rate_hz", [44_100, 8_000])
def test_blocks_of_any_size_give_at_an_odd_rate_what_one_block_gives(rate_hz: int) -> None:
    sound = np.random.default_rng(5).integers(-9000, 9000, 2400).astype(np.int16)
    for make in (from_wideband, to_wideband):
        whole, by_parts = make(rate_hz).convert(sound), make(rate_hz)
        parts = [by_parts.convert(part) for part in np.split(sound, [1, 3, 30, 481, 482, 1500])]
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1)


def test_what_comes_from_44_1_khz_does_not_fold_back() -> None:
    for hz in (8700, 12_000, 20_000):
        wide = tone(hz, 22_050, 44_100)
        assert level_db(to_wideband(44_100).convert(wide)[500:], wide) < -45
