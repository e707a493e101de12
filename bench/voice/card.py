"""The sound card of a telephone in the benchmark: the paced card of the tests, mouth and ear files.

What was spoken and what was heard are on one clock, so that the delay between two processes can be
measured to the sample. Units: samples at 16 kHz.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware.demo.measure import Sound
from firmware.model import SAMPLE_RATE_HZ

_AIR_SAMPLES = 1 << 23  # of paced_card.c


@dataclass(frozen=True, slots=True)
class BenchCard:
    """One telephone's card, called `card` for ALSA."""

    folder: Path
    library: Path  # paced_card.so

    def prepare(self, speech: Sound) -> dict[str, str]:
        """Put `speech` before the microphone; the environment for the telephone's process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "mouth.raw").write_bytes(speech.astype("<i2").tobytes())
        files = " ".join(
            f'{key} "{self.folder / name}"'
            for key, name in (("mouth", "mouth.raw"), ("air", "air.raw"), ("log", "log"))
        )
        config = self.folder / "asound.conf"
        config.write_text(
            f'</usr/share/alsa/alsa.conf>\npcm_type.paced {{ lib "{self.library}" }}\n'
            f"pcm.card {{ type paced rate {SAMPLE_RATE_HZ} {files} }}\n"
        )
        return os.environ | {"ALSA_CONFIG_PATH": str(config)}

    def spoke_at(self) -> int:
        """The sample of the clock at which the mouth opened."""
        return self._log("capture")[0]

    def heard_since(self, sample: int, count: int) -> Sound:
        """What this ear heard from that sample of the clock on."""
        air = np.memmap(self.folder / "air.raw", dtype="<i2", mode="r")
        return air[np.arange(sample, sample + count) % _AIR_SAMPLES].astype(np.int16)

    def waited_s(self) -> float:
        """How long sound waited inside the card on average."""
        _, samples, waited = self._log("playback")
        return waited / max(samples, 1) / SAMPLE_RATE_HZ

    def _log(self, stream: str) -> list[int]:
        return [int(word) for word in (self.folder / f"log.{stream}").read_text().split()]
