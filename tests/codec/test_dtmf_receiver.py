"""DTMF receiver: the operation limits of ITU-T Q.24, tones of other generators, and no talk-off."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from firmware.codec.dtmf import KEYS, frequencies_hz, key_tone
from firmware.codec.dtmf_receiver import DtmfReceiver
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame
from tests.codec.speech import NAMES, load_speech

SEED = 5
TRIALS = 48  # three of each key
PAUSE = np.zeros(1600)

Sound = npt.NDArray[np.float64]


def sine(hz: float, milliseconds: float, level_dbm0: float, phase: float) -> Sound:
    n = np.arange(round(milliseconds * SAMPLE_RATE_HZ / 1000))
    peak = 32767 * 10 ** ((level_dbm0 - 3.14) / 20)
    wave: Sound = peak * np.sin(2 * np.pi * hz * n / SAMPLE_RATE_HZ + phase)
    return wave


def press(
    dice: np.random.Generator,
    key: str,
    milliseconds: float,
    *,
    off: tuple[float, float] = (0.0, 0.0),
    levels: tuple[float, float] = (-10.0, -10.0),
) -> Sound:
    """Row and column, each off its frequency and at its level, in any phase."""
    row, column = frequencies_hz(key)
    return sine(row * (1 + off[0]), milliseconds, levels[0], dice.uniform(0, 6)) + sine(
        column * (1 + off[1]), milliseconds, levels[1], dice.uniform(0, 6)
    )


def heard(*parts: Sound) -> str:
    """What the receiver says of the parts one after the other."""
    sound = np.concatenate([*parts, PAUSE])
    whole = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES]
    samples = np.clip(np.rint(whole), -32768, 32767).astype(np.int16)
    receiver = DtmfReceiver()
    return "".join(
        key for frame in samples.reshape(-1, FRAME_SAMPLES) for key in receiver.push(frame)
    )


def share_heard(
    milliseconds: float,
    *,
    off: tuple[float, float] = (0.0, 0.0),
    levels: tuple[float, float] = (-10.0, -10.0),
    noise_dbm0: float | None = None,
) -> float:
    """How many of TRIALS presses, anywhere between two frames, give exactly their key."""
    dice = np.random.default_rng(SEED)
    right = 0
    for trial in range(TRIALS):
        key = KEYS[trial % len(KEYS)]
        before = np.zeros(int(dice.integers(320, 960)))
        sound = np.concatenate(
            [before, press(dice, key, milliseconds, off=off, levels=levels), PAUSE]
        )
        if noise_dbm0 is not None:
            deviation = 32767 / np.sqrt(2) * 10 ** ((noise_dbm0 - 3.14) / 20)
            sound = sound + dice.normal(0, deviation, len(sound))
        right += heard(sound) == key
    return right / TRIALS


@pytest.mark.parametrize("off", [(0.015, 0.015), (-0.015, -0.015), (0.015, -0.015), (0.0, 0.0)])
def test_key_within_its_frequencies_is_heard_after_40_ms(off: tuple[float, float]) -> None:
    assert share_heard(40, off=off) == 1.0


@pytest.mark.parametrize("off", [(0.035, 0.0), (-0.035, 0.0), (0.0, 0.035), (0.0, -0.035)])
def test_key_outside_its_frequencies_is_never_heard(off: tuple[float, float]) -> None:
    assert share_heard(40, off=off) == share_heard(150, off=off) == 0.0


@pytest.mark.parametrize(
    "levels", [(0, 0), (-25, -25), (-29, -29), (-14, -10), (-2, -10), (-29, -25), (-17, -25)]
)
def test_key_within_level_and_twist_is_heard(levels: tuple[float, float]) -> None:
    assert share_heard(40, levels=levels) == 1.0


@pytest.mark.parametrize("levels", [(-40, -40), (-18, -10), (-10, -22)])
def test_key_too_faint_or_too_uneven_is_not_heard(levels: tuple[float, float]) -> None:
    assert share_heard(100, levels=levels) == 0.0


def test_key_shorter_than_23_ms_is_not_heard() -> None:
    assert share_heard(23) == 0.0


def test_key_in_noise_15_db_below_it_is_heard() -> None:
    assert share_heard(50, off=(0.015, -0.015), noise_dbm0=-22.0) == 1.0


@pytest.mark.parametrize("dial_tone", [(350, 440), (425,), (400,), (440,)])
def test_key_over_dial_tone_is_heard(dial_tone: tuple[int, ...]) -> None:
    dice = np.random.default_rng(SEED)
    for key in KEYS:
        pressed = np.concatenate([PAUSE, press(dice, key, 50), PAUSE])
        milliseconds = len(pressed) * 1000 / SAMPLE_RATE_HZ
        tones = [sine(hz, milliseconds, -16.0, 0.0) for hz in dial_tone]
        assert heard(pressed + sum(tones)) == key


@pytest.mark.parametrize(("pause_ms", "keys"), [(5, 1), (8, 1), (30, 2), (40, 2)])
def test_break_of_10_ms_is_one_key_and_pause_of_30_ms_two(pause_ms: int, keys: int) -> None:
    dice = np.random.default_rng(SEED)
    for key in KEYS:
        parts = [np.zeros(int(dice.integers(320, 960))), press(dice, key, 50)]
        parts += [np.zeros(pause_ms * 16), press(dice, key, 50)]
        assert heard(*parts) == key * keys


def test_key_held_for_a_second_is_heard_once_and_pressed_all_the_time() -> None:
    dice = np.random.default_rng(SEED)
    sound = np.rint(press(dice, "7", 1000)).astype(np.int16)
    receiver = DtmfReceiver()
    found = [(receiver.push(frame), receiver.pressed) for frame in sound.reshape(-1, FRAME_SAMPLES)]
    assert [keys for keys, _ in found if keys] == [["7"]]
    assert all(pressed == "7" for _, pressed in found[3:])
    for _ in range(3):
        receiver.push(np.zeros(FRAME_SAMPLES, dtype=np.int16))
    assert receiver.pressed == ""


def test_own_key_tones_are_heard() -> None:
    parts = [np.concatenate([*key_tone(key), np.zeros(800)]) for key in KEYS]
    assert heard(*parts) == KEYS


@pytest.mark.parametrize("name", NAMES)
def test_speech_is_no_key(name: str) -> None:
    assert heard(load_speech(name).astype(np.float64)) == ""


def test_noise_and_silence_are_no_keys() -> None:
    noise = np.random.default_rng(SEED).normal(0, 3000, 30 * SAMPLE_RATE_HZ)
    assert heard(noise) == heard(0 * noise) == ""


def test_single_frequency_is_no_key() -> None:
    for hz in (697, 941, 1209, 1633):
        assert heard(sine(hz, 500, -10.0, 0.0)) == ""


@pytest.mark.skipif(shutil.which("sox") is None, reason="sox is not installed")
def test_keys_of_sox_are_heard(tmp_path: Path) -> None:
    files = []
    for number, key in enumerate(KEYS):
        files.append(str(tmp_path / f"{number}.wav"))
        row, column = (str(hz) for hz in frequencies_hz(key))
        form = ["-r", "16000", "-b", "16", "-c", "1", files[-1]]
        tone = ["synth", "0.06", "sine", row, "synth", "0.06", "sine", "mix", column]
        subprocess.run(
            ["sox", "-n", *form, *tone, "gain", "-12", "pad", "0.05", "0.05"], check=True
        )
    raw = ["-t", "raw", "-e", "signed", "-b", "16", "-"]
    sound = subprocess.run(["sox", *files, *raw], check=True, capture_output=True).stdout
    assert heard(np.frombuffer(sound, dtype="<i2").astype(np.float64)) == KEYS


@pytest.fixture
def spandsp() -> ctypes.CDLL:
    """The telephony library of another hand."""
    name = ctypes.util.find_library("spandsp")
    if name is None:
        pytest.skip("libspandsp is not installed")
    library = ctypes.CDLL(name)
    for function in (library.dtmf_tx_init, library.dtmf_rx_init):
        function.restype = ctypes.c_void_p
        function.argtypes = [ctypes.c_void_p] * 3
    library.dtmf_tx_put.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.dtmf_tx.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    library.dtmf_rx.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    library.dtmf_rx_get.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    return library


def test_keys_of_spandsp_are_heard(spandsp: ctypes.CDLL) -> None:
    generator = spandsp.dtmf_tx_init(None, None, None)
    spandsp.dtmf_tx_put(generator, KEYS.encode(), len(KEYS))
    narrow: Frame = np.zeros(8000 * 3, dtype=np.int16)
    made = spandsp.dtmf_tx(generator, narrow.ctypes.data, len(narrow))
    assert made > 8000
    wide = np.zeros(2 * len(narrow))
    wide[::2] = narrow
    low_pass = np.sinc((np.arange(129) - 64) * 0.5) * np.hanning(129)
    assert heard(np.convolve(wide, low_pass, mode="same")) == KEYS


def test_own_key_tones_are_heard_by_spandsp(spandsp: ctypes.CDLL) -> None:
    receiver = spandsp.dtmf_rx_init(None, None, None)
    sound = np.concatenate([np.concatenate([*key_tone(key), np.zeros(1600)]) for key in KEYS])
    narrow = np.rint(sound[::2]).astype(np.int16)
    spandsp.dtmf_rx(receiver, narrow.ctypes.data, len(narrow))
    digits = ctypes.create_string_buffer(64)
    spandsp.dtmf_rx_get(receiver, digits, 63)
    assert digits.value.decode() == KEYS
