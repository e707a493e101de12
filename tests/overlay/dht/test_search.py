from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Answer, Contact, GetItem, GetPeers
from firmware.overlay.dht.search import ALPHA_WITH_VALUE, PATH_WIDTH, PEERS_MAX, Searching

TARGET = bytes(20)


def node(far: int, *, is_v6: bool = False) -> Contact:
    host = f"2001:db8:{far:x}::1" if is_v6 else f"10.0.{far >> 8}.{far & 255}"
    return Contact(far.to_bytes(20, "big"), Endpoint(host, 1))


def asked(search: Searching) -> list[Endpoint]:
    return [candidate.endpoint for candidate in search.next_queries(10.0)]


def finish(search: Searching, nodes: list[Contact]) -> None:
    while queries := asked(search):
        for contact in nodes:
            if contact.endpoint in queries:
                search.answered(contact, Answer(token=b"t"), 0.1, 10.1)


def test_search_goes_its_own_way_in_each_address_family() -> None:
    v4, v6 = [node(far) for far in range(1, 5)], [node(far, is_v6=True) for far in range(1, 5)]
    search = Searching(GetPeers(TARGET), (v4, v6), (), 10.0)
    assert set(asked(search)) == {contact.endpoint for contact in v4 + v6}
    stray = node(9, is_v6=True)
    for contact in v4:
        search.answered(contact, Answer(nodes=(stray, node(9))), 0.1, 10.1)
    assert asked(search) == [node(9).endpoint]  # no node of the other family on this way
    for contact in [*v6, node(9)]:
        search.answered(contact, Answer(), 0.1, 10.2)
    assert search.is_done()
    assert {holder.contact for holder in search.closest()} == {*v4, *v6, node(9)}


def test_search_on_disjoint_paths_asks_no_node_twice_and_each_path_reaches_the_end() -> None:
    start = [node(far) for far in range(101, 109)]
    near = [node(far) for far in range(1, 9)]
    search = Searching(GetPeers(TARGET), (start,), (), 10.0, paths=4)
    seen = asked(search)
    assert len(seen) == 8
    for contact in start:
        search.answered(contact, Answer(nodes=tuple(near)), 0.1, 10.1)
    while queries := asked(search):
        seen += queries
        for contact in near:
            if contact.endpoint in queries:
                search.answered(contact, Answer(), 0.1, 10.2)
    assert search.is_done()
    assert len(seen) == len(set(seen)) == 16
    assert [holder.contact for holder in search.closest()][:8] == near
    assert len(search.closest()) <= 4 * PATH_WIDTH


def test_search_trace_tells_when_and_by_whom_the_first_value_came() -> None:
    first, second, third = node(300), node(30), node(3)
    search = Searching(GetItem(TARGET, seq=0), ((first,),), (), 10.0)
    asked(search)
    search.answered(first, Answer(nodes=(second,)), 0.1, 10.1)
    asked(search)
    search.answered(second, Answer(nodes=(third,), seq=0), 0.2, 10.3)
    asked(search)
    search.answered(third, Answer(seq=0), 0.3, 10.6)
    trace = search.trace(now_s=11.0)
    assert [hop.endpoint for hop in trace.path] == [first.endpoint, second.endpoint]
    assert (trace.value_messages, trace.messages, trace.hops) == (2, 3, 3)
    assert trace.value_s is not None
    assert round(trace.value_s, 3) == 0.3


def test_search_counts_what_is_repeated_and_repeats_only_what_is_still_wanted() -> None:
    nodes = [node(far) for far in range(1, 10)]
    search = Searching(GetPeers(TARGET), (nodes,), (), 10.0)
    asked(search)
    search.slow(nodes[0].endpoint)
    assert asked(search) == [nodes[8].endpoint]
    assert search.wants_again(nodes[0].endpoint)
    assert not search.wants_again(Endpoint("10.9.9.9", 9))
    assert search.trace(10.0).messages == 10
    search.failed(nodes[0].endpoint)
    finish(search, nodes)
    for contact in nodes[1:]:
        search.answered(contact, Answer(), 0.1, 10.2)
    assert search.is_done()
    assert search.trace(10.0).silent == 1


def test_search_peers_are_told_once_and_only_so_many() -> None:
    search = Searching(GetPeers(TARGET), ((node(1),),), (), 10.0)
    peers = [Endpoint(f"10.5.{i >> 8}.{i & 255}", 1) for i in range(PEERS_MAX + 5)]
    assert search.new_peers([peers[0], peers[0]]) == (peers[0],)
    assert len(search.new_peers(peers)) == PEERS_MAX - 1


def test_search_without_contacts_begins_with_strangers_or_ends_at_once() -> None:
    stranger = Endpoint("10.9.9.9", 9)
    search = Searching(GetPeers(TARGET), (), (stranger,), 10.0)
    assert asked(search) == [stranger]
    assert Searching(GetPeers(TARGET), (), (), 10.0).is_done()


def test_search_with_a_value_goes_on_more_slowly() -> None:
    nodes = [node(far) for far in range(1, 20)]
    search = Searching(GetPeers(TARGET), (nodes,), (), 10.0)
    asked(search)
    answer = Answer(peers=(Endpoint("10.8.8.8", 8),))
    search.answered(nodes[0], answer, 0.1, 10.1)
    for contact in nodes[1:7]:
        search.slow(contact.endpoint)
    assert len(asked(search)) == ALPHA_WITH_VALUE - 1  # one is on its way


def test_search_by_disjoint_paths_with_a_value_asks_few_of_all_paths_together_in_turn() -> None:
    nodes = [node(far) for far in range(1, 60)]
    search = Searching(GetPeers(TARGET), (nodes,), (), 10.0, paths=4)
    first = asked(search)
    assert len(first) == 8  # two of each
    by_endpoint = {contact.endpoint: contact for contact in nodes}
    value = Answer(peers=(Endpoint("10.8.8.8", 8),))
    search.answered(by_endpoint[first[0]], value, 0.1, 10.1)
    assert not asked(search)  # seven are still on their way
    for endpoint in first[1:]:
        search.answered(by_endpoint[endpoint], Answer(), 0.1, 10.2)
    waiting = asked(search)
    assert len(waiting) == ALPHA_WITH_VALUE
    while not search.is_done():
        for endpoint in waiting:
            search.answered(by_endpoint[endpoint], Answer(), 0.1, 10.3)
        waiting = asked(search)
        assert len(waiting) <= ALPHA_WITH_VALUE
    assert len(search.closest()) == 16  # every path went to its end
