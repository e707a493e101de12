"""Real speech over bad lines, both ends speaking and telling each other what they receive.

A few cells of bench/voice_line.py, with two speakers; the thresholds leave room for their luck.
"""

from __future__ import annotations

import pytest

from bench.voice.line import LINES
from bench.voice.speech import corpus
from bench.voice_line import measured
from firmware.model import Codec


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "condition", "pesq_min", "delay_max_ms"),
    [
        (Codec.OPUS, "clean", 4.3, 55),
        (Codec.OPUS, "loss 10 %", 3.8, 120),
        (Codec.OPUS, "burst 10 %", 3.2, 190),
        (Codec.OPUS, "jitter 60 ms", 4.1, 112),
        (Codec.PCMA, "loss 20 %", 3.2, 90),
        (Codec.PCMA, "burst 10 %", 3.0, 190),
    ],
)
def test_speech_survives_the_line(
    codec: Codec, condition: str, pesq_min: float, delay_max_ms: float
) -> None:
    cell = measured(codec, LINES[condition], corpus()[:2], seeds=1)
    assert cell["pesq"] >= pesq_min, cell
    assert cell["delay_ms"] <= delay_max_ms, cell
