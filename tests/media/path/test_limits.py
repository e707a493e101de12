"""What the ways of a call do at their limits, and what a peer who talks on and on can do."""

from __future__ import annotations

import random

import pytest

from firmware.events import (
    DatagramReceived,
    Message,
    ObservedAt,
    OwnCandidatesFound,
    PreparePath,
    ProbePeer,
    SendDatagram,
)
from firmware.events.path import RouterSounded, SoundRouter
from firmware.media.path.checks import Ask, CheckCodec
from firmware.media.path.paths import (
    GUESSED_MAX,
    SOUNDED_MAX,
    SOUNDINGS_MAX,
    TARGETS_MAX,
    Paths,
)
from firmware.media.path.way import PROBE_S
from firmware.media.path.ways import (
    CHECKS_PER_STEP_MAX,
    OTHERS_MAX,
    PENDING_MAX,
    RELAYS_CALLEE_MAX,
    RELAYS_CALLER_MAX,
    SILENCE_S_MAX,
    STEP_S,
    YOUNG_S,
    Pace,
    Ways,
)
from firmware.model import Candidate, CandidateKind, Endpoint

KEY = bytes(range(32))
RELAY = Endpoint("203.0.113.1", 6881, b"channel1")
OUTSIDE = "198.51.100.1"
CALLER, CALLEE = CheckCodec(KEY, is_caller=True), CheckCodec(KEY, is_caller=False)


def ways(*, is_caller: bool) -> Ways:
    one = Ways(PreparePath(KEY, is_caller, (RELAY,)), random.Random(1).randbytes, 0.0)
    one.on_time(0.0)
    one.out.clear()
    return one


def place(i: int) -> Endpoint:
    return Endpoint(f"192.0.2.{i}", 6881)


def relay(i: int) -> Endpoint:
    return Endpoint(f"203.0.113.{i}", 6881, b"channel%d" % i)


def answer_of(check: SendDatagram, *, to_caller: bool = True) -> DatagramReceived:
    """What the peer says when it was asked so."""
    asked = (CALLEE if to_caller else CALLER).read(check.data)
    assert isinstance(asked, Ask)
    codec = CALLEE if to_caller else CALLER
    return DatagramReceived(codec.reply(asked, Endpoint(OUTSIDE, 1)), check.to)


# --- checks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [PENDING_MAX - 1, PENDING_MAX])
def test_check_is_waited_for_until_so_many_later_ones_were_sent(later: int) -> None:
    caller = ways(is_caller=True)
    first = caller.check(place(1), 0.0)
    for _ in range(later):
        last = caller.check(place(2), 0.0)
    assert caller.receive(answer_of(first), 0.1) and caller.receive(answer_of(last), 0.1)
    assert caller.is_proved(place(1), 0.1) is (later < PENDING_MAX)
    assert caller.is_proved(place(2), 0.1)


@pytest.mark.parametrize("later", [PENDING_MAX - 1, 10 * PENDING_MAX])
def test_checks_of_a_peer_that_asks_without_end_grow_nothing(later: int) -> None:
    callee = ways(is_caller=False)
    for i in range(1 + later):
        callee.receive(DatagramReceived(CALLER.ask(i.to_bytes(12, "big")), RELAY), 0.0)
    assert len(callee._heard_asks) == min(1 + later, PENDING_MAX)
    callee.receive(DatagramReceived(CALLER.ask(later.to_bytes(12, "big")), place(1)), 0.0)
    assert callee.counters["replayed"] == 1 and not callee.is_proved(place(1), 0.0)


def test_many_ways_are_checked_in_steps_and_each_is() -> None:
    caller = ways(is_caller=True)
    places = [place(i) for i in range(CHECKS_PER_STEP_MAX + 1)]
    caller.try_ways(places, 0.0)
    caller.on_time(0.0)
    assert [one.to for one in caller.out] == places[:CHECKS_PER_STEP_MAX]
    assert caller.deadline_s() == STEP_S
    caller.on_time(STEP_S)
    assert [one.to for one in caller.out][CHECKS_PER_STEP_MAX:] == places[CHECKS_PER_STEP_MAX:]


# --- ways ------------------------------------------------------------------------------------


@pytest.mark.parametrize("working", [OTHERS_MAX, OTHERS_MAX + 1])
def test_best_of_the_ways_that_work_beside_the_chosen_one_are_told_and_no_more(
    working: int,
) -> None:
    callee = ways(is_caller=False)
    checks = [callee.check(place(i), -0.01 * i) for i in range(working)]  # the first is nearest
    for check in checks:
        callee.receive(answer_of(check, to_caller=False), 0.01)
    assert callee.destinations(0.01) == (RELAY,)
    assert callee.others(0.01) == tuple(place(i) for i in range(OTHERS_MAX))


@pytest.mark.parametrize(
    ("is_caller", "most"), [(True, RELAYS_CALLER_MAX), (False, RELAYS_CALLEE_MAX)]
)
def test_so_many_relays_are_tried_and_others_when_those_do_not_work(
    is_caller: bool, most: int
) -> None:
    one = ways(is_caller=is_caller)
    for i in range(1, most + 2):  # the first of them is the one that the call began with
        one.try_relay(relay(i), 0.0)
    one.on_time(0.0)
    assert {sent.to for sent in one.out} == {relay(i) for i in range(2, most + 1)}
    one.out.clear()
    one.try_relay(relay(most + 1), YOUNG_S)
    one.on_time(YOUNG_S)
    assert relay(most + 1) in {sent.to for sent in one.out}


def test_silence_is_news_no_later_than_its_limit_however_irregular_the_packets_come() -> None:
    pace, dice = Pace(), random.Random(2)
    assert pace.silence_s < SILENCE_S_MAX
    for _ in range(200):
        pace.hear(dice.choice((0.0, 0.5)))
        assert pace.silence_s <= SILENCE_S_MAX
    assert pace.silence_s == SILENCE_S_MAX


# --- soundings -------------------------------------------------------------------------------


class Home:
    """A box behind a router that counts its ports; a call has begun, and time is virtual."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.paths = Paths(random.Random(3).randbytes)
        self.said: list[Message] = []
        for port in range(3):
            self.hear(ObservedAt(Endpoint(OUTSIDE, 20_000 + port), place(200 + port)))
        self.hear(PreparePath(KEY, True, (RELAY,), call=1))

    def hear(self, fact: Message) -> None:
        self.said += self.paths.handle(fact, self.now_s)

    def peer_is(self, *candidates: Candidate) -> None:
        self.hear(ProbePeer(candidates, call=1))

    def run(self, duration_s: float) -> None:
        until_s = self.now_s + duration_s
        while (due_s := self.paths.deadline_s()) is not None and due_s <= until_s:
            self.now_s = max(due_s, self.now_s)
            self.said += self.paths.on_time(self.now_s)
        self.now_s = until_s

    def soundings(self) -> int:
        return sum(isinstance(one, SoundRouter) for one in self.said)


def test_router_is_sounded_so_often_in_a_call_and_no_more() -> None:
    home = Home()
    for i in range(1, SOUNDINGS_MAX + 4):
        home.peer_is(Candidate(Endpoint("192.0.2.77", i), CandidateKind.OBSERVED))
        home.run(2.0)
    assert home.soundings() == SOUNDINGS_MAX


@pytest.mark.parametrize("places", [SOUNDED_MAX, SOUNDED_MAX + 1])
def test_peer_is_told_so_many_sounded_ports_and_no_more(places: int) -> None:
    home = Home()
    home.peer_is(
        *(Candidate(Endpoint("192.0.2.77", 1 + i), CandidateKind.OBSERVED) for i in range(places))
    )
    home.run(0.1)
    assert home.soundings() == 1
    home.hear(RouterSounded(place(210)))
    home.hear(ObservedAt(Endpoint(OUTSIDE, 20_100), place(210)))
    found = [one for one in home.said if isinstance(one, OwnCandidatesFound)][-1]
    sounded = [one for one in found.public if one.kind is CandidateKind.SOUNDED]
    assert len(sounded) == SOUNDED_MAX
    assert len({one.endpoint for one in sounded}) == SOUNDED_MAX


@pytest.mark.parametrize("step", [0, 1])
def test_peer_that_tells_new_places_without_end_grows_nothing(step: int) -> None:
    home = Home()
    for i in range(20 * GUESSED_MAX):
        told = Endpoint(f"192.0.{i >> 8}.77", 1024 + (i & 255))
        home.peer_is(Candidate(told, CandidateKind.OBSERVED, step))
        if not i % 16:
            home.run(0.125)
    (call,) = home.paths._calls.values()
    assert len(call.guessed) == GUESSED_MAX
    assert len(home.paths._targets) <= TARGETS_MAX
    home.run(PROBE_S)
    assert home.soundings() <= SOUNDINGS_MAX


def test_place_that_was_told_already_is_guessed_again_only_when_so_many_others_came() -> None:
    home = Home()
    told = [Candidate(place(i), CandidateKind.OBSERVED, 1) for i in range(GUESSED_MAX + 1)]
    home.peer_is(*told[:GUESSED_MAX])
    (call,) = home.paths._calls.values()
    home.peer_is(told[0])
    assert list(call.guessed) == told[:GUESSED_MAX]
    home.peer_is(told[GUESSED_MAX])
    assert list(call.guessed) == told[1:]
