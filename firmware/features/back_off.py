"""How long to wait before a box that was not there is tried again. Units: `_s` seconds."""

from __future__ import annotations

import hashlib

FIRST_S, LONGEST_S = 30.0, 600.0


def back_off_s(number: str, utc_s: int, tries: int) -> float:
    """Twice as long each time, up to LONGEST_S; spread by half, so that boxes do not come at once.

    The spread is a hash of the call, as good as dice and the same in every replay.
    """
    dice = hashlib.blake2s(f"{number}/{utc_s}/{tries}".encode(), digest_size=2).digest()
    spread = 0.75 + 0.5 * int.from_bytes(dice, "big") / 0xFFFF
    return float(min(FIRST_S * 2**tries, LONGEST_S) * spread)
