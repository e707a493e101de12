"""Power cuts at random moments: what was confirmed is there, and the files are sound."""

from __future__ import annotations

from pathlib import Path

from tests.store.power import PowerCuts

CUTS = 25
SEED = 7


def test_power_cut_loses_nothing_that_was_confirmed(card: Path) -> None:
    with PowerCuts(card, SEED) as cuts:
        for _ in range(CUTS):
            cuts.cut()
    assert cuts.report.lost == 0, f"seed {SEED}: {cuts.report}"
    assert cuts.report.confirmed > CUTS and cuts.report.unsynced_writes > 0, cuts.report
