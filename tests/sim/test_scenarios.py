"""Each scenario at a small size: it runs, repeats itself, and reports what can be true."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firmware.sim import scenarios
from firmware.sim.hostile import Attack
from firmware.sim.stage import Stage

SEED = 7


def plausible(result: dict[str, Any], nodes: int) -> None:
    """What every report says, whatever the scenario."""
    assert result["nodes"] == nodes
    assert result["seed"] == SEED
    found = result["lookups"]
    assert 0 < found["found"] <= found["asked"]
    times = found["verified_ms"]
    assert 0 < times["p50"] <= times["p95"] <= times["p99"] < 6000
    assert 0 < found["first_value_ms"]["p50"] <= times["p50"]
    assert 1 <= found["hops"]["p50"] <= 5
    assert 1 <= found["queries"]["p50"] <= 120
    network = result["network"]
    assert network["events"] > 0
    assert 0 < network["lost"] < network["datagrams"]
    assert network["memory_bytes_per_node"] > 1000
    # Nobody who is in two tables is weighed twice: a contact and what is in it has some 400 bytes.
    assert 100 < network["memory_shared_bytes_per_node"] < 1200
    assert 0.12 < network["rtt_ms"]["p50"] / 1000 < 0.16
    for percentiles in result["curves"].values():
        assert percentiles == sorted(percentiles)


def test_lookup_among_dead_entries_finds_every_number() -> None:
    result = scenarios.run("lookup", 300, SEED)
    plausible(result, 300)
    assert result["lookups"]["success"] == 1.0
    assert result["lookups"]["first_value_ms"]["p50"] < 400
    cards = result["cards"]  # signed by their owners, so verified as they arrive
    assert cards["found"] >= 0.95 * cards["asked"]
    assert cards["verified_item_ms"]["p50"] < result["lookups"]["verified_ms"]["p50"]


def test_lookup_of_a_large_network_makes_only_the_nodes_that_are_spoken_to() -> None:
    stage = Stage(200_000, SEED, None, dead=0.25, idle=True)
    boxes = stage.publish(1)
    (call,) = stage.call(boxes, 1, 1.0)
    assert call.found
    assert len(stage.world.residents) < 500


def test_flashcrowd_lets_everybody_join_and_be_found() -> None:
    result = scenarios.run("flashcrowd", 120, SEED)
    plausible(result, 120)
    assert result["not_ready"] == 0
    assert result["joined"] == 120 - result["model"]["routers"]
    assert result["lookups"]["success"] > 0.9


@pytest.mark.slow
def test_churn_keeps_numbers_findable() -> None:
    result = scenarios.run("churn", 60, SEED)
    plausible(result, 60)
    assert result["left"] > 0
    assert result["lookups"]["success"] > 0.9


@pytest.mark.slow
def test_restart_of_everybody_ends_with_everybody_ready() -> None:
    result = scenarios.run("restart", 50, SEED)
    plausible(result, 50)
    assert result["ready_again_ms"]["count"] == 50
    assert max(result["timeline"]["down"]) > 0
    assert result["lookups"]["success"] > 0.9


def test_sybil_attack_does_not_hide_numbers() -> None:
    result = scenarios.run("sybil", 150, SEED)
    plausible(result, 150)
    assert set(result["by_attack"]) == {"none", *Attack}
    undisturbed = result["by_attack"]["none"]
    assert undisturbed["success"] == 1.0
    assert 0.7 < result["lookups"]["success"] <= 1.0


def test_same_seed_gives_the_same_report_and_another_seed_another() -> None:
    one, same, other = (
        json.dumps(scenarios.run("lookup", 60, seed)) for seed in (SEED, SEED, SEED + 1)
    )
    assert one == same
    assert one != other
