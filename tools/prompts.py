#!/usr/bin/env python3
"""Makes the spoken prompts of firmware/ui/prompts out of their texts: `python tools/prompts.py`.

Needs espeak-ng (Debian package of that name), the Python package soxr, and libopus. What is made:
one recording (firmware/codec/recording.py) per line of LANGUAGE.toml, the numbers 0 to 59, and the
tone after which one speaks.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tomllib
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import soxr  # noqa: E402 - after the path

from firmware.codec.recording import encode  # noqa: E402 - as above
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame  # noqa: E402 - as above

PROMPTS = ROOT / "firmware" / "ui" / "prompts"
VOICES = {"de": ("de", "145"), "en": ("en-gb-x-rp", "150")}  # and words a minute
NUMBERS = range(60)
LEVEL_RMS = 2300  # -23 dB below full scale, where it speaks; as the speech of the demonstration
QUIET = 250  # below it there is nothing but the end of a word
EDGE_SAMPLES = 480  # 30 ms kept at both ends, faded
TAIL_SAMPLES = 1600  # a breath after each prompt
BEEP_HZ, BEEP_S = 1000, 0.4

Sound = npt.NDArray[np.float64]


def main() -> int:
    """Make all, or those of some languages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("languages", nargs="*", default=list(VOICES))
    for language in parser.parse_args().languages:
        texts = tomllib.loads((PROMPTS / f"{language}.toml").read_text(encoding="utf-8"))
        texts |= {str(i): str(i) for i in NUMBERS}
        folder = PROMPTS / language
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.rec").write_bytes(encode(_frames(_spoken(text, language))))
        (folder / "beep.rec").write_bytes(encode(_frames(_beep())))
        for old in folder.glob("*.rec"):
            if old.stem not in {*texts, "beep"}:
                old.unlink()
        size = sum(file.stat().st_size for file in folder.glob("*.rec"))
        print(f"{language}: {len(texts) + 1} prompts, {size} bytes")
    return 0


def _spoken(text: str, language: str) -> Sound:
    voice, words_a_minute = VOICES[language]
    command = ["espeak-ng", "-v", voice, "-s", words_a_minute, "--stdout", text]
    said = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(said)) as file:
        rate_hz = file.getframerate()
        samples = np.frombuffer(said[44:], dtype=np.int16)  # its header gives no length
    sound = soxr.resample(samples.astype(np.float64), rate_hz, SAMPLE_RATE_HZ)
    return np.concatenate([_trimmed(sound), np.zeros(TAIL_SAMPLES)])


def _trimmed(sound: Sound) -> Sound:
    loud = np.flatnonzero(np.abs(sound) > QUIET)
    sound = sound[max(loud[0] - EDGE_SAMPLES, 0) : loud[-1] + EDGE_SAMPLES].copy()
    active = sound[np.abs(sound) > QUIET]
    sound *= LEVEL_RMS / np.sqrt(np.mean(np.square(active)))
    sound *= min(1.0, 30_000 / np.max(np.abs(sound)))
    return _faded(sound)


def _beep() -> Sound:
    n = np.arange(round(BEEP_S * SAMPLE_RATE_HZ))
    return _faded(4000 * np.sin(2 * np.pi * BEEP_HZ * n / SAMPLE_RATE_HZ))


def _faded(sound: Sound) -> Sound:
    ramp = np.linspace(0.0, 1.0, EDGE_SAMPLES)
    sound[:EDGE_SAMPLES] *= ramp
    sound[-EDGE_SAMPLES:] *= ramp[::-1]
    return sound


def _frames(sound: Sound) -> list[Frame]:
    whole = np.concatenate([sound, np.zeros(-len(sound) % FRAME_SAMPLES)])
    return list(np.rint(whole).astype(np.int16).reshape(-1, FRAME_SAMPLES))


if __name__ == "__main__":
    sys.exit(main())
