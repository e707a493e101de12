"""A peer gone mad is heard as nothing worse than a loud voice."""

from __future__ import annotations

from tests.media.fuzz import attack


def test_hostile_peer_causes_no_exception_and_no_loud_noise() -> None:
    for seed in range(3):
        assert attack(6_000, seed).datagrams > 5_000
