import tracemalloc

from tests.overlay.siege import Siege

DATAGRAMS = 10_000


def test_node_under_siege_sends_nobody_who_did_not_ask_more_than_two_kilobytes_a_second() -> None:
    siege = Siege(seed=31)
    siege.run(DATAGRAMS)
    assert 0 < siege.most_in_a_second <= 2000
    assert set(siege.node.counters) >= {"malformed", "rate_limited", "unproved_limited"}
    assert siege.node.counters["refused_203"] > 100
    assert siege.node.nodes > 0


def test_node_under_siege_does_not_grow() -> None:
    siege = Siege(seed=32)
    siege.run(DATAGRAMS)
    tracemalloc.start()
    siege.run(DATAGRAMS // 2)
    first = tracemalloc.get_traced_memory()[0]
    siege.run(DATAGRAMS // 2)
    second = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert second - first < 1_000_000
