"""What several commands say, in English."""

from __future__ import annotations


def counted(count: int, one: str) -> str:
    """So many of a thing whose plural ends with an s: "1 hop", "2 hops"."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"
