"""Burn-in: when an OLED is dimmed, blanked and its picture moved, so that no dot wears out.

Knows no panel. Units: `_s` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

BRIGHT, DIM = 0xCF, 0x08  # contrast of the SSD1306
SHIFT_S = 60.0  # the picture moves by one dot
SHIFTS = (0, 1)  # dots to the right; the last column of a text is empty


@dataclass(frozen=True, slots=True)
class Look:
    """How the panel is to be driven now."""

    contrast: int  # 0 = blank
    shift: int


class BurnIn:
    """While somebody uses the telephone it is bright; then it dims, then it goes blank."""

    def __init__(self, dim_s: float, blank_s: float) -> None:
        self._dim_s, self._blank_s = dim_s, blank_s
        self._in_use = False
        self._used_s = 0.0

    def use(self, now_s: float, *, on: bool) -> None:
        """Somebody uses it from now on, or has just ceased to."""
        self._in_use, self._used_s = on, now_s

    def look(self, now_s: float) -> Look:
        """What the panel is to show at this moment."""
        unused_s = 0.0 if self._in_use else now_s - self._used_s
        contrast = 0 if unused_s >= self._blank_s else DIM if unused_s >= self._dim_s else BRIGHT
        return Look(contrast, SHIFTS[int(now_s / SHIFT_S) % len(SHIFTS)])

    def wait_s(self, now_s: float) -> float | None:
        """How long the look stays as it is; None = until it is used again."""
        until_shift_s = SHIFT_S - now_s % SHIFT_S
        if self._in_use:
            return until_shift_s
        unused_s = now_s - self._used_s
        if unused_s >= self._blank_s:
            return None  # a blank panel need not move
        limit_s = self._dim_s if unused_s < self._dim_s else self._blank_s
        return min(until_shift_s, limit_s - unused_s)


def shifted(pixels: bytes, width: int, dots: int) -> bytes:
    """The picture moved to the right; its last columns are lost, the first are dark."""
    rows = range(0, len(pixels), width)
    return b"".join(bytes(dots) + pixels[row : row + width - dots] for row in rows)
