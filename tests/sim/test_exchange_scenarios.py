"""The scenarios of the exchanges at a small size: they heal, they repeat themselves, they agree."""

from __future__ import annotations

import json

import pytest

from firmware.overlay.exchange.limits import Limits
from firmware.sim import aggregate, scenarios
from firmware.sim.christmas import Evening

SEED = 7


@pytest.mark.slow
def test_blackout_heals_within_a_minute_and_overloads_nobody() -> None:
    result = scenarios.run("blackout", 120, SEED)
    healing = result["healing"]
    assert result["model"]["form"] == "exact"
    assert healing["reachable_before"] == 1.0
    assert healing["healed_s"] is not None and healing["healed_s"] <= 60.0
    assert healing["load_max"] <= 1.0
    many = aggregate.blackout(120, SEED, None, 0.3, 120.0, 150.0)["healing"]
    assert many["healed_s"] is not None
    assert abs(many["reachable_at_worst"] - healing["reachable_at_worst"]) < 0.05


def test_blackout_of_many_heals_within_a_minute_and_overloads_nobody() -> None:
    result = scenarios.run("blackout", 20_000, SEED)
    healing = result["healing"]
    assert result["model"]["form"] == "aggregate"
    assert healing["reachable_before"] > 0.999
    assert 0.95 < healing["reachable_at_worst"] < 0.99  # 0.3 ** 3 have lost all three
    assert healing["healed_s"] <= 60.0
    assert healing["load_max"] <= 1.0


def test_restart_of_all_boxes_and_exchanges_in_aggregate_heals() -> None:
    result = aggregate.restart(5_000, SEED, None, 60.0)
    healing = result["healing"]
    assert healing["reachable_after"] > 0.99
    assert healing["load_max"] <= 1.0


def test_christmas_blocks_no_call() -> None:
    result = scenarios.run("christmas", 400, SEED)
    rush = result["rush"]
    assert rush["calls"] > 2000
    assert rush["blocked"] == 0
    assert 0.0 < rush["channels_load_max"] <= 1.0
    assert rush["in_call_max"] > 0.3


def test_evening_with_too_few_channels_blocks_calls_and_displaces_none() -> None:
    evening = Evening(60, SEED, Limits(channels=1))
    evening.begin(2.0)
    evening.run(600.0)
    assert evening.counters["blocked"] > 0
    assert all(len(exchange) <= 1 for exchange in evening.exchanges)
    assert all(exchange.counters["displaced"] == 0 for exchange in evening.exchanges)


@pytest.mark.parametrize("scenario", ["christmas", "blackout"])
def test_same_seed_gives_the_same_report(scenario: str) -> None:
    size = 6_000 if scenario == "blackout" else 60
    one, other = (json.dumps(scenarios.run(scenario, size, SEED)) for _ in range(2))
    assert one == other
