"""What a leg does to packets: by itself, and as the kernel and ping see it."""

from __future__ import annotations

import re

import pytest

from tests.lab.leg import WAITING_MAX, Conditions, Leg
from tests.lab.sites import Lab

PACKETS = 20_000
EVERY_S = 0.001


def fates(conditions: Conditions, seed: str = "a leg") -> list[list[float]]:
    leg = Leg(seed, conditions)
    return [leg.delays_s(n * EVERY_S) for n in range(PACKETS)]


def test_leg_of_the_same_seed_gives_each_packet_the_same_fate() -> None:
    conditions = Conditions(0.02, 0.01, loss=0.1, reorder=0.1, duplicate=0.1)
    assert fates(conditions) == fates(conditions)
    assert fates(conditions) != fates(conditions, "another")


def test_leg_loses_as_many_as_it_is_told() -> None:
    lost = sum(fate == [] for fate in fates(Conditions(0.02, loss=0.05)))
    assert lost / PACKETS == pytest.approx(0.05, abs=0.01)


def test_more_loss_loses_the_same_packets_and_more() -> None:
    few, many = (fates(Conditions(0.02, loss=loss)) for loss in (0.05, 0.10))
    assert {n for n, fate in enumerate(few) if not fate} < {
        n for n, fate in enumerate(many) if not fate
    }


def test_jitter_delays_but_never_reorders() -> None:
    delays = [fate[0] for fate in fates(Conditions(0.02, 0.05))]
    arrivals = [n * EVERY_S + delay for n, delay in enumerate(delays)]
    assert arrivals == sorted(arrivals)
    assert min(delays) >= 0.02
    assert 0.06 < max(delays) <= 0.07 + 1e-9


def test_reordered_packets_overtake_those_before_them() -> None:
    early = sum(fate == [0.0] for fate in fates(Conditions(0.02, reorder=0.2)))
    assert early / PACKETS == pytest.approx(0.2, abs=0.02)


def test_duplicates_arrive_twice() -> None:
    twice = sum(len(fate) == 2 for fate in fates(Conditions(0.02, duplicate=0.3)))
    assert twice / PACKETS == pytest.approx(0.3, abs=0.02)


def test_outage_lets_nothing_pass() -> None:
    assert not any(fates(Conditions(0.02, is_down=True)))


def test_full_leg_drops_the_newest() -> None:
    leg = Leg("full", Conditions(0.02))
    leg.waiting = WAITING_MAX - 1
    assert leg.delays_s(0.0) == [0.02]
    leg.waiting = WAITING_MAX
    assert leg.delays_s(0.0) == []


def test_ping_measures_the_legs_it_was_given(lab: Lab) -> None:
    here = lab.public("here", ["192.0.2.10"])
    lab.public("there", ["198.51.100.10"])
    command = ["ping", "-q", "-c", "40", "-i", "0.01", "-W", "1", "198.51.100.10"]
    times = lab.space.run(here.name, command)
    least_ms = float(re.search(r"min/avg/max/mdev = ([\d.]+)", times)[1])  # type: ignore[index]
    assert 80.0 <= least_ms < 90.0, times  # of many, on a busy machine
    lab.set_leg(here, loss=0.5)
    ended = lab.space.run(here.name, [*command[:3], "200", *command[4:]])
    received = int(re.search(r"(\d+) received", ended)[1])  # type: ignore[index]
    assert 20 <= received <= 80, ended  # of 200, each lost three times in four
