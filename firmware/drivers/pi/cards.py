"""The sound cards of the machine, by their ids.

Source: Linux, /proc/asound/cards: ` 1 [Device         ]: USB-Audio - USB Audio Device`.
"""

from __future__ import annotations

import re
from pathlib import Path

_CARD = re.compile(r"^ *\d+ \[(\S+) *\]:", re.MULTILINE)


def sound_cards(cards: Path = Path("/proc/asound/cards")) -> tuple[str, ...]:
    """ALSA's names of all cards, in the kernel's order; none where there is no sound."""
    try:
        text = cards.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(f"plughw:CARD={card}" for card in _CARD.findall(text))
