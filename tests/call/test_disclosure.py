"""Who learns which address of ours: in calls between telephones, and in the rules themselves."""

from __future__ import annotations

from firmware import events
from firmware.call.disclosure import Disclosure
from firmware.events import OwnCandidatesFound, PreparePath, ProbePeer
from firmware.model import CallState, Candidate, CandidateKind, Endpoint
from tests.call.link import Link, Phone, person, ringing, two_phones

PUBLIC = Candidate(Endpoint("192.0.2.7", 6881), CandidateKind.OBSERVED)
PRIVATE = Candidate(Endpoint("192.168.1.7", 6881), CandidateKind.HOST)
FOUND = OwnCandidatesFound((PUBLIC,), (PRIVATE,))
ELSEWHERE = Candidate(Endpoint("198.51.100.7", 6881), CandidateKind.OBSERVED)
EXCHANGE = Endpoint("203.0.113.1", 6881, b"channel of a box")


def told(phone: Phone) -> set[Candidate]:
    """What this telephone's path core has learnt of the peer."""
    probes = (said for said in phone.said if isinstance(said, ProbePeer))
    return {candidate for probe in probes for candidate in probe.candidates}


def acquainted(link: Link) -> tuple[Phone, Phone]:
    phones = two_phones(link)
    for phone in phones:
        link.tell(phone, FOUND)
    return phones


def test_stranger_learns_nothing_of_the_callee_before_it_lifts() -> None:
    link = Link()
    anna, bert = acquainted(link)
    ringing(link, anna, bert)
    link.run(1.0)
    assert told(anna) == set()
    link.tell(bert, events.HookLifted())
    link.wait(anna, CallState.CONNECTED)
    assert told(anna) == {PUBLIC, PRIVATE}


def test_strangers_own_local_addresses_are_told_after_the_answer_only() -> None:
    link = Link()
    anna, bert = acquainted(link)
    ringing(link, anna, bert)
    assert told(bert) == set(), "a callee probes nobody before it lifts"
    link.tell(bert, events.HookLifted())
    assert told(bert) == {PUBLIC}, "by INVITE"
    link.run(1.0)
    assert told(bert) == {PUBLIC, PRIVATE}, "by ACK"


def test_contacts_know_all_of_each_other_while_it_rings() -> None:
    link = Link()
    names = {person(name).number: name for name in ("Anna", "Bert")}
    anna, bert = link.add("Anna", names=names), link.add("Bert", names=names)
    for phone in (anna, bert):
        link.tell(phone, FOUND)
    ringing(link, anna, bert)
    assert told(anna) == told(bert) == {PUBLIC, PRIVATE}


def test_relayed_only_call_tells_no_address_and_uses_exchanges_only() -> None:
    link = Link()
    anna, bert = acquainted(link)
    link.phones[EXCHANGE] = bert  # as if an exchange carried it
    certificate = bert.person.certificate.encode()
    places = (bert.endpoint, EXCHANGE)
    link.directory = lambda _who, number: events.NumberResolved(number, certificate, places)
    link.dial(anna, "*67" + bert.person.number)
    link.wait(bert, CallState.RINGING)
    link.tell(bert, events.HookLifted())
    link.run(2.0)
    assert anna.view.state is CallState.CONNECTED
    assert told(anna) == told(bert) == set()
    assert {message.to for _, who, message in link.sent if who is anna} <= {EXCHANGE, bert.endpoint}
    prepared = [said for said in anna.said if isinstance(said, PreparePath)]
    assert [one.relayed_only for one in prepared] == [True]


def test_relayed_only_call_fails_where_there_is_no_exchange() -> None:
    link = Link()
    anna, bert = acquainted(link)
    link.dial(anna, "*67" + bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert not link.sent


def test_exchange_at_an_address_of_the_callees_own_is_no_relay() -> None:
    rules = Disclosure()
    at_home = Endpoint("192.0.2.9", 6881, EXCHANGE.channel)
    places = (Endpoint("192.0.2.9", 6881), at_home, EXCHANGE)
    assert rules.usable(places) == places
    rules.relayed_only = True
    assert rules.usable(places) == (EXCHANGE,)


def test_new_address_in_mid_call_reaches_the_peer_in_spite_of_loss() -> None:
    for seed in range(5):
        link = Link(seed, loss=0.3)
        anna, bert = acquainted(link)
        link.connect(anna, bert)
        for mover, other in ((anna, bert), (bert, anna)):
            link.tell(mover, OwnCandidatesFound((ELSEWHERE,), ()))
            link.run(4.0)
            assert ELSEWHERE in told(other), f"seed {seed}"
        link.run(10.0)
        assert anna.view.state is bert.view.state is CallState.CONNECTED


def test_answer_to_an_older_update_does_not_end_the_newer_one() -> None:
    link = Link()
    anna, bert = acquainted(link)
    link.connect(anna, bert)
    link.run(1.0)
    link.tell(anna, OwnCandidatesFound((PUBLIC,), ()))
    link.run(0.02)  # the answer is on its way
    link.loss = 1.0
    link.tell(anna, OwnCandidatesFound((ELSEWHERE,), ()))
    link.run(0.1)
    assert ELSEWHERE not in told(bert)
    link.loss = 0.0
    link.run(1.0)
    assert ELSEWHERE in told(bert)


def test_what_matters_goes_over_every_way_that_works() -> None:
    link = Link()
    anna, bert = acquainted(link)
    link.connect(anna, bert)
    others = (Endpoint("192.0.2.50", 1), Endpoint("192.0.2.51", 2))
    link.tell(anna, events.PathChanged(others[:1], others[1:], is_relayed=False, rtt_s=0.1))
    before = len(link.sent)
    link.tell(anna, events.HookReplaced())
    sent = [message for _, who, message in link.sent[before:] if who is anna]
    assert {message.to for message in sent} == {bert.endpoint, *others}
    assert len({message.data for message in sent}) == 1
