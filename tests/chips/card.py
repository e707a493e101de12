"""A sound card made of a timer, for the real alsaaudio: paced_card.c, built and configured."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

SOURCE = Path(__file__).parent / "paced_card.c"
CONFIG_VARIABLE = "ALSA_CONFIG_PATH"

Sound = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Card:
    """The files through which a test moves the card; every PCM of it shares them."""

    folder: Path

    def unplug(self) -> None:
        (self.folder / "gone").touch()

    def plug_in(self) -> None:
        (self.folder / "gone").unlink()

    def speak(self, sound: Sound) -> None:
        """What the microphone hears from its next opening on."""
        (self.folder / "mouth.raw").write_bytes(sound.astype("<i2").tobytes())

    def played(self) -> Sound:
        """What was heard of the earpiece since the last look, without the silence around it."""
        air = np.fromfile(self.folder / "air.raw", dtype="<i2")
        (self.folder / "air.raw").unlink()
        loud = np.flatnonzero(air)
        return air[loud[0] : loud[-1] + 1].astype(np.int16) if len(loud) else air[:0]


def build(folder: Path) -> Path:
    """Compile the plug-in."""
    library = folder / "paced_card.so"
    command = "gcc -O2 -Wall -shared -fPIC -DPIC -o".split()
    subprocess.run([*command, str(library), str(SOURCE), "-lasound"], check=True)
    return library


@contextmanager
def plugged_in(library: Path, folder: Path) -> Iterator[Card]:
    """ALSA knows these cards: `card`, `loop` (the microphone at the earpiece, 10 ms off), `studio`
    (48 kHz, stereo), `odd` (44.1 kHz), `ancient` (11 kHz), `clumsy` (periods of 1024), `quick`
    (5 % fast)."""
    (folder / "mouth.raw").write_bytes(b"")
    cards = {
        "card": "rate 16000",
        "loop": "rate 16000 echo_samples 160 echo_percent 100",
        "studio": "rate 48000 channels 2",
        "odd": "rate 44100 channels 2",
        "ancient": "rate 11025",
        "clumsy": "rate 16000 period_min 1024 period_max 1024",
        "quick": "rate 16000 ppm 50000",
    }
    files = f'gone "{folder}/gone" mouth "{folder}/mouth.raw" air "{folder}/air.raw"'
    lines = ["</usr/share/alsa/alsa.conf>", f'pcm_type.paced {{ lib "{library}" }}']
    lines += [f"pcm.{name} {{ type paced {keys} {files} }}" for name, keys in cards.items()]
    config = folder / "asound.conf"
    config.write_text("\n".join(lines) + "\n")
    before = os.environ.get(CONFIG_VARIABLE)
    os.environ[CONFIG_VARIABLE] = str(config)
    try:
        yield Card(folder)
    finally:
        if before is None:
            del os.environ[CONFIG_VARIABLE]
        else:
            os.environ[CONFIG_VARIABLE] = before
