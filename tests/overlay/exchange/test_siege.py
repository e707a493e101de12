"""An exchange under siege: it serves on, it grows nothing, and it can be aimed at nobody."""

from tests.overlay.exchange.siege import STEP_S, Siege

DATAGRAMS = 30_000


def test_exchange_under_siege_serves_grows_nothing_and_is_aimed_at_nobody() -> None:
    siege = Siege(seed=11)
    siege.run(DATAGRAMS)
    helping = siege.exchange.helping()
    assert helping.registrations == 8
    assert helping.channels <= helping.limits.channels
    assert siege.heard == siege.said > 0
    unproved_per_s = 2000  # the limit of the directory (docs/protocol.md section 3)
    for host, size in siege.to_victims.items():
        assert size <= siege.from_victims[host] + unproved_per_s * DATAGRAMS * STEP_S, host
