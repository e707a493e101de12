"""What the voice needs to be loaded: a box is a small computer."""

from __future__ import annotations

import subprocess
import sys


def test_voice_does_not_load_the_dice_of_numpy() -> None:
    # 7 MB, for a second of noise that is the same in every run
    script = "import sys, firmware.media.session; print('numpy.random' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert printed.stdout.strip() == b"False"
