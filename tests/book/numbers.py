"""Valid numbers for the tests of the book."""

from __future__ import annotations

from collections.abc import Iterator

from firmware import number


def valid_numbers(first: int = 47_110_815_123) -> Iterator[str]:
    """Numbers with their check digit, one after the other."""
    while True:
        digits = str(first)
        yield digits + number.check_digit(digits)
        first += 1
