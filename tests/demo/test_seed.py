"""The same seed gives the same bytes; each purpose has its own."""

from __future__ import annotations

from firmware.demo.seed import seeded_bytes


def test_seed_and_purpose_repeat_their_bytes() -> None:
    one, again = seeded_bytes(7, "node 1"), seeded_bytes(7, "node 1")
    assert [one(20), one(4)] == [again(20), again(4)]


def test_other_seeds_purposes_and_calls_give_other_bytes() -> None:
    stream = seeded_bytes(7, "node 1")
    found = {stream(16), stream(16), seeded_bytes(8, "node 1")(16), seeded_bytes(7, "node 2")(16)}
    assert len(found) == 4


def test_as_many_bytes_come_as_were_asked_for() -> None:
    stream = seeded_bytes(7, "length")
    assert [len(stream(count)) for count in (0, 1, 64, 1000)] == [0, 1, 64, 1000]
