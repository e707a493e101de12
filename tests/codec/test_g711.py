"""G.711 against values made by others, and by the definition of a quantizer."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from firmware.codec.g711 import (
    ALAW_DECODING,
    ALAW_ENCODING,
    ULAW_DECODING,
    ULAW_ENCODING,
    G711Decoder,
    G711Encoder,
)
from firmware.errors import MalformedError
from firmware.model import FRAME_SAMPLES, Codec, Frame, silence
from tests.codec.speech import NAMES, delay_samples, frames_of, load_speech, quality

LAWS = pytest.mark.parametrize(
    ("encoding", "decoding"),
    [(ALAW_ENCODING, ALAW_DECODING), (ULAW_ENCODING, ULAW_DECODING)],
    ids=["A-law", "mu-law"],
)
Table = npt.NDArray[np.uint8]


def _vectors() -> Any:
    path = Path(__file__).parents[1] / "vectors" / "g711.json"
    return json.loads(path.read_text())


def test_alaw_decodes_every_code_as_others_do() -> None:
    assert ALAW_DECODING.tolist() == _vectors()["alaw_decoded"]


def test_ulaw_decodes_every_code_as_others_do() -> None:
    assert ULAW_DECODING.tolist() == _vectors()["ulaw_decoded"]


def test_alaw_encodes_every_sample_as_others_do() -> None:
    expected = np.zeros(65536, dtype=np.uint8)
    for first, code in _vectors()["alaw_encoded_from"]:
        expected[first + 32768 :] = code
    assert np.array_equal(ALAW_ENCODING[np.arange(-32768, 32768)], expected)


def of_sox(data: bytes, *, form: list[str], to: list[str]) -> bytes:
    """What sox makes of it, without dither."""
    rate = ["-r", "8000", "-c", "1"]
    command = ["sox", "-D", "-t", *form, *rate, "-", "-t", *to, "-"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


@pytest.mark.skipif(shutil.which("sox") is None, reason="sox is not installed")
@pytest.mark.parametrize(
    ("law", "encoding", "decoding", "step"),
    [("al", ALAW_ENCODING, ALAW_DECODING, 8), ("ul", ULAW_ENCODING, ULAW_DECODING, 4)],
)
def test_g711_is_bit_for_bit_that_of_sox(
    law: str, encoding: Table, decoding: Frame, step: int
) -> None:
    raw = ["raw", "-e", "signed", "-b", "16"]
    codes = np.arange(256, dtype=np.uint8)
    decoded = np.frombuffer(of_sox(codes.tobytes(), form=[law], to=raw), dtype="<i2")
    assert np.array_equal(decoded, decoding[codes])
    # 13 bits of A-law, 14 of mu-law: what is below them sox rounds and the ITU's software cuts off
    grid = np.arange(-32768, 32768, step).astype(np.int16)
    theirs = np.frombuffer(of_sox(grid.astype("<i2").tobytes(), form=raw, to=[law]), dtype=np.uint8)
    ours = encoding[grid.view(np.uint16)]
    # a negative sample on the border of two levels: the ITU's software takes the quieter one,
    # which is never further away
    apart = grid[theirs != ours].astype(np.int32)
    their_error, our_error = (
        np.abs(decoding[codes[theirs != ours]] - apart) for codes in (theirs, ours)
    )
    assert (our_error <= their_error).all() and (apart < 0).all()
    assert len(apart) == (0 if law == "al" else 127)


@LAWS
def test_g711_level_is_the_middle_of_the_samples_that_encode_to_it(
    encoding: Table, decoding: Frame
) -> None:
    # With the decoder above this fixes every decision value of the encoder. The 16-bit sample is
    # cut to the 14 or 13 bits of the law before, so the middle may be off by half of 4 or of 16.
    samples = np.arange(-32768, 32768)
    levels = decoding[encoding[samples]].astype(np.int64)
    assert (np.diff(levels) >= 0).all()
    for level in np.unique(levels)[1:-1]:  # the outermost also take what is too loud
        of_level = samples[levels == level]
        assert abs((of_level[0] + of_level[-1]) / 2 - level) <= 8


@LAWS
def test_g711_level_encodes_to_the_same_level(encoding: Table, decoding: Frame) -> None:
    assert np.array_equal(decoding[encoding[decoding.astype(np.int64)]], decoding)


@LAWS
def test_g711_silence_is_nearly_silent(encoding: Table, decoding: Frame) -> None:
    encoder, decoder = G711Encoder(encoding), G711Decoder(decoding)
    for _ in range(3):
        heard = decoder.decode(encoder.encode(silence()))
    assert int(np.abs(heard).max()) <= 8


@LAWS
@pytest.mark.parametrize("name", NAMES)
def test_g711_clean_speech_is_as_good_as_narrow_band_can_be(
    encoding: Table, decoding: Frame, name: str
) -> None:
    sound = load_speech(name)
    encoder, decoder = G711Encoder(encoding), G711Decoder(decoding)
    heard = np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames_of(sound)])
    assert quality(Codec.PCMA, sound, heard) >= 4.1
    assert delay_samples(sound, heard) == 48  # 3 ms, both filters


@LAWS
def test_g711_payload_below_ten_or_above_sixty_milliseconds_is_malformed(
    encoding: Table, decoding: Frame
) -> None:
    payload = G711Encoder(encoding).encode(silence())
    assert len(payload) == 160
    for length in (*range(80), 481, 960):
        with pytest.raises(MalformedError):
            G711Decoder(decoding).decode(bytes(length))


@LAWS
def test_g711_any_bytes_of_the_right_length_are_sound(encoding: Table, decoding: Frame) -> None:
    del encoding
    noise = np.random.default_rng(7).integers(0, 256, 160, dtype=np.uint8)
    assert G711Decoder(decoding).decode(noise.tobytes()).shape == (FRAME_SAMPLES,)
