"""Pictures of the OLED that the tests of the demo draw dot by dot."""

from __future__ import annotations

from firmware.model import Picture

LINES = ("hello", "4711 0815 1234")


def picture(*lit: tuple[int, int]) -> Picture:
    """An OLED with these dots lit (x from the left, y from the top)."""
    memory = bytearray(128 * 8)
    for x, y in lit:
        memory[y // 8 * 128 + x] |= 1 << (y % 8)
    return Picture(LINES, bytes(memory))
