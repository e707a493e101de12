import itertools
import random

from firmware.events import DatagramReceived, HostResolved, ResolveHost, Started
from firmware.model import Endpoint
from firmware.overlay.dht import bootstrap, krpc, rate
from firmware.overlay.dht.facts import Answered, LookupEnded, PeersSeen
from firmware.overlay.dht.krpc import (
    AnnouncePeer,
    Answer,
    Contact,
    Error,
    FindNode,
    GetCertificate,
    GetPeers,
    Ping,
    Query,
    Refusal,
    Response,
)
from firmware.overlay.dht.server import PEERS_PER_ANSWER_MAX
from tests.overlay.dht.talk import PEER, PEER_ID, acquaint, ask, new_node, reply, sent
from tests.overlay.network import Network

HASH = b"\x07" * 20


def test_node_ping_is_answered_with_id_version_and_the_address_it_came_from() -> None:
    node = new_node()
    answer = ask(node, Ping())
    assert isinstance(answer, Response)
    assert (answer.node_id, answer.observed, answer.version) == (node.node_id, PEER, krpc.VERSION)


def test_node_find_node_is_answered_with_the_nodes_it_has_met() -> None:
    node = new_node()
    contact = Contact(b"\x10" * 20, Endpoint("81.2.70.1", 1))
    acquaint(node, contact)
    assert node.nodes == 1
    answer = ask(node, FindNode(HASH))
    assert isinstance(answer, Response)
    assert answer.answer.nodes == (contact,)


def test_node_tells_private_addresses_to_nobody_outside() -> None:
    node = new_node()
    contact = Contact(b"\x10" * 20, Endpoint("192.168.0.9", 1))
    acquaint(node, contact)
    outside, inside = ask(node, FindNode(HASH)), ask(node, FindNode(HASH), Endpoint("10.0.0.1", 5))
    assert isinstance(outside, Response)
    assert isinstance(inside, Response)
    assert outside.answer.nodes == ()
    assert inside.answer.nodes == (contact,)


def test_node_answers_with_nodes_of_the_family_that_asked_or_is_wanted() -> None:
    node = new_node()
    v4 = Contact(b"\x10" * 20, Endpoint("81.2.70.1", 1))
    v6 = Contact(b"\x20" * 20, Endpoint("2a00::1", 1))
    acquaint(node, v4)
    acquaint(node, v6)
    for want, source, expected in (
        ((), PEER, (v4,)),
        ((), Endpoint("2a00:1::1", 1), (v6,)),
        ((b"n4", b"n6"), PEER, (v4, v6)),
    ):
        answer = ask(node, FindNode(HASH, want), source)
        assert isinstance(answer, Response)
        assert answer.answer.nodes == expected


def test_node_keeps_an_announcement_with_its_token_and_tells_it_to_who_asks() -> None:
    node = new_node()
    first = ask(node, GetPeers(HASH))
    assert isinstance(first, Response)
    assert first.answer.peers == ()
    assert first.answer.token is not None
    for question in (
        AnnouncePeer(HASH, 1234, first.answer.token),
        AnnouncePeer(HASH, 9, first.answer.token, implied_port=True),
    ):
        assert isinstance(ask(node, question), Response)
    again = ask(node, GetPeers(HASH))
    assert isinstance(again, Response)
    assert again.answer.peers == (Endpoint(PEER.host, 1234), PEER)


def test_node_announcement_with_a_token_of_another_address_is_refused() -> None:
    node = new_node()
    first = ask(node, GetPeers(HASH), Endpoint("81.2.69.1", 1))
    assert isinstance(first, Response)
    refused = ask(node, AnnouncePeer(HASH, 1, first.answer.token or b""))
    assert isinstance(refused, Error)
    assert refused.code == krpc.ERROR_PROTOCOL


def test_node_answer_about_a_large_swarm_shows_a_changing_part_in_one_small_datagram() -> None:
    node = new_node()
    for index in range(200):
        source = Endpoint(f"81.3.0.{index}", 1)
        token = ask(node, GetPeers(HASH), source, now_s=index)
        assert isinstance(token, Response)
        ask(node, AnnouncePeer(HASH, 1, token.answer.token or b""), source, now_s=index)
    answers = [ask(node, GetPeers(HASH), now_s=now_s) for now_s in (200.0, 210.0)]
    shown = [set(answer.answer.peers) for answer in answers if isinstance(answer, Response)]
    assert [len(peers) for peers in shown] == [PEERS_PER_ANSWER_MAX] * 2
    assert shown[0] != shown[1]
    assert all(isinstance(a, Response) and len(krpc.encode(a)) < 1200 for a in answers)


def test_node_unknown_method_and_wrong_arguments_are_refused_with_their_codes() -> None:
    node = new_node()
    for data, code in (
        (b"d1:ad2:id20:abcdefghij0123456789e1:q4:vote1:t2:tt1:y1:qe", 204),
        (b"d1:ad2:id20:abcdefghij0123456789e1:q9:find_node1:t2:tt1:y1:qe", 203),
    ):
        ((packet, _),) = sent([*node.handle(DatagramReceived(data, PEER), 0.0)])
        assert isinstance(packet, Error)
        assert packet.code == code
    unserved = ask(node, GetCertificate(HASH))
    assert isinstance(unserved, Error)
    assert unserved.code == krpc.ERROR_METHOD_UNKNOWN


def test_node_registered_handler_answers_its_kind_of_question() -> None:
    node = new_node(read_only=True)
    node.serve(GetCertificate, lambda question, source, now_s: Answer(certificate=b"c" * 150))
    answer = ask(node, GetCertificate(HASH))
    assert isinstance(answer, Response)
    assert answer.answer.certificate == b"c" * 150
    node.serve(GetCertificate, lambda question, source, now_s: Refusal(201, "no"))
    assert isinstance(ask(node, GetCertificate(HASH)), Error)


def test_node_read_only_answers_no_queries_and_says_so_in_its_own() -> None:
    node = new_node(str(PEER), read_only=True)
    ((packet, to),) = sent([*node.handle(Started(), 0.0)])
    assert isinstance(packet, Query)
    assert packet.read_only
    assert to == PEER
    assert ask(node, Ping()) is None


def test_node_does_not_take_up_a_read_only_asker() -> None:
    node = new_node()
    query = krpc.encode(Query(b"tt", PEER_ID, Ping(), read_only=True))
    assert len(sent([*node.handle(DatagramReceived(query, PEER), 0.0)])) == 1


def test_node_counts_and_drops_what_is_malformed_unusable_or_not_asked_for() -> None:
    node = new_node()
    answer = krpc.encode(Response(b"tt", PEER_ID, Answer()))
    for data, source in (
        (b"d1:xe", PEER),
        (answer, PEER),
        (answer, Endpoint("224.0.0.1", 5)),
        (answer, Endpoint("8.8.8.8", 0)),
    ):
        assert node.handle(DatagramReceived(data, source), 0.0) == []
    assert node.counters == {"malformed": 1, "unmatched": 1, "source_unusable": 2}
    assert node.handle(DatagramReceived(b"\x80rtp", PEER), 0.0) == []


def test_node_asker_without_end_is_answered_only_at_the_rate_limit() -> None:
    node = new_node()
    answers = [ask(node, Ping()) for _ in range(100)]
    answered = [a for a in answers if isinstance(a, Response)]
    assert sum(len(krpc.encode(a)) for a in answered) <= rate.UNPROVED_BURST_BYTES
    assert node.counters["rate_limited"] == 100 - rate.ANSWERS_BURST
    assert node.counters["unproved_limited"] == rate.ANSWERS_BURST - len(answered)
    assert ask(node, Ping(), Endpoint("81.2.69.143", 1)) is not None


def test_node_without_entry_points_waits_for_others_and_then_looks_around() -> None:
    node = new_node()
    assert node.handle(Started(), 0.0) == []
    contact = Contact(PEER_ID, PEER)
    query = krpc.encode(Query(b"tt", PEER_ID, Ping()))
    packets = [packet for packet, _ in sent([*node.handle(DatagramReceived(query, PEER), 0.0)])]
    assert isinstance(packets[1], Query)
    assert packets[1].question == Ping()
    ((packet, to),) = sent(reply(node, packets[1], contact, Answer(), 0.1))
    assert isinstance(packet, Query)
    assert (packet.question, to) == (FindNode(node.node_id), PEER)


def test_node_entry_point_by_name_is_resolved_and_asked() -> None:
    node = new_node("router.example:6881")
    assert node.handle(Started(), 0.0) == [ResolveHost("router.example:6881")]
    found = (Endpoint("224.0.0.1", 1), PEER)
    ((packet, to),) = sent([*node.handle(HostResolved("router.example:6881", found), 0.2)])
    assert isinstance(packet, Query)
    assert to == PEER
    assert node.handle(HostResolved("other.example:1", (PEER,)), 0.3) == []


def test_node_that_nobody_answers_tries_again_with_growing_random_waits() -> None:
    node = new_node(str(PEER))
    node.handle(Started(), 0.0)
    first_attempts_s = []
    now_s = 0.0
    for _ in range(4000):
        now_s = node.deadline_s() or 0.0
        ids = [p.transaction_id for p, _ in sent([*node.on_time(now_s)]) if isinstance(p, Query)]
        first_attempts_s += [now_s] * len(ids)
    waits_s = [b - a for a, b in itertools.pairwise(first_attempts_s)]
    assert max(waits_s) <= 1.5 * bootstrap.RETRY_MAX_S + 3.0
    assert max(waits_s[-50:]) > 0.5 * bootstrap.RETRY_MAX_S
    assert len(set(waits_s)) > 10


def test_node_whose_network_is_gone_comes_back_to_the_nodes_it_knew() -> None:
    network = Network(seed=4)
    first, second = Endpoint("81.2.69.1", 1), Endpoint("81.2.70.1", 1)
    network.add_directory(first, ())
    network.add_directory(second, (str(first),))
    network.run(30.0)
    assert network.nodes[second].nodes == 1
    network.loss = 1.0
    network.run(3600.0)
    assert network.nodes[second].nodes == 0
    network.loss = 0.0
    network.run(600.0)
    assert network.nodes[second].nodes == 1


def test_node_lookup_without_any_node_ends_at_once_but_tells_what_it_keeps_itself() -> None:
    node = new_node()
    token = ask(node, GetPeers(HASH))
    assert isinstance(token, Response)
    ask(node, AnnouncePeer(HASH, 5, token.answer.token or b""))
    handle = node.find_peers(HASH, 5.0)
    told, ended = node.drain()
    assert told == PeersSeen(handle, (Endpoint(PEER.host, 5),))
    assert isinstance(ended, LookupEnded)
    assert ended.closest == ()


def test_node_question_unanswered_is_repeated_and_then_reported() -> None:
    node = new_node()
    handle = node.ask(GetCertificate(HASH), PEER, 0.0, attempts_max=3)
    said: list[object] = [*node.drain()]
    for _ in range(3):
        said += node.on_time(node.deadline_s() or 0.0)
    assert len(sent(said)) == 3
    assert said[-1] == Answered(handle, PEER, None)


def test_node_question_cancelled_is_not_repeated_nor_reported() -> None:
    node = new_node()
    node.cancel(node.ask(GetCertificate(HASH), PEER, 0.0))
    node.drain()
    assert node.on_time(100.0) == []


def test_node_survives_noise_from_the_network() -> None:
    source = random.Random(11)
    node = new_node(str(PEER))
    messages: list[object] = [*node.handle(Started(), 0.0)]
    for index in range(2000):
        queries = [p for p, _ in sent(messages) if isinstance(p, Query)]
        transaction_id = source.choice(queries).transaction_id if queries else b"xx"
        packet = Response(
            transaction_id,
            source.randbytes(20),
            Answer(
                nodes=tuple(
                    Contact(
                        source.randbytes(20),
                        Endpoint(".".join(map(str, source.randbytes(4))), source.randrange(65536)),
                    )
                    for _ in range(8)
                ),
                token=b"t",
            ),
        )
        data = bytearray(krpc.encode(packet))
        if index % 3 == 0:
            data[source.randrange(len(data))] = source.randrange(256)
        messages = [*node.handle(DatagramReceived(bytes(data), PEER), index / 10.0)]
        messages += node.on_time(index / 10.0)
        due_s = node.deadline_s()
        assert due_s is None or due_s > index / 10.0, "seed 11"


def test_node_tells_with_which_code_a_question_was_refused() -> None:
    node = new_node()
    handle = node.ask(Ping(), PEER, 0.0)
    ((query, _),) = sent([*node.drain()])
    assert isinstance(query, Query)
    error = krpc.encode(Error(query.transaction_id, krpc.ERROR_SEQ_TOO_LOW, "older"))
    said = node.handle(DatagramReceived(error, PEER), 0.1)
    assert Answered(handle, PEER, None, krpc.ERROR_SEQ_TOO_LOW) in said
