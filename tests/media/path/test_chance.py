"""Meeting by chance: how often, how fast, and only when both want it; whole calls: scenarios."""

from __future__ import annotations

import random

from firmware.media.path.chance import (
    DOORS_MAX,
    DOORS_PER_STEP,
    FIRST_PORT,
    OFFER_S,
    ROUNDS,
    RUNS_MAX,
    RUNS_S,
    STEP_S,
    TRIES_MAX,
    TRIES_PER_STEP,
    Chance,
    RunLimit,
)
from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

STEADY = Candidate(Endpoint("198.51.100.1", 6881), CandidateKind.OBSERVED, 0)
RANDOM = Candidate(Endpoint("203.0.113.1", 30_000), CandidateKind.OBSERVED, PORT_STEP_RANDOM)
COUNTING = Candidate(Endpoint("203.0.113.1", 30_000), CandidateKind.OBSERVED, 2)
PORTS = 65_536 - FIRST_PORT


def pair(
    seed: int, one: Candidate = STEADY, other: Candidate = RANDOM
) -> tuple[Chance, Chance, list[Candidate | None]]:
    """Both ends of a call OFFER_S after its answer, and what they would tell each other."""
    ends = Chance(random.Random(seed).randbytes), Chance(random.Random(-seed).randbytes)
    offers = []
    for end, own, peer in ((ends[0], one, other), (ends[1], other, one)):
        end.arm(0.0)
        end.hear(peer, 0.0)
        assert not end.is_offer_due(OFFER_S - 0.1) and end.is_offer_due(OFFER_S)
        offers.append(end.offer(own, RunLimit(), OFFER_S))
    return *ends, offers


def run(end: Chance, until_s: float = 60.0) -> list[tuple[float, Endpoint, int]]:
    """All that it sends until it is over."""
    sent = []
    while end.is_running and (now_s := end.deadline_s()) is not None and now_s < until_s:
        sent += [(now_s, to, door) for to, door in end.pop(now_s)]
    return sent


def met(seed: int) -> bool:
    """One call with a router whose ports are at random."""
    steady, at_random, (one, other) = pair(seed)
    assert one is not None and other is not None
    steady.hear(other, OFFER_S)
    at_random.hear(one, OFFER_S)
    tried = {to.port for _, to, _ in run(steady)}
    doors = {door for _, _, door in run(at_random)}
    router = random.Random(f"router {seed}")
    return bool(tried & {FIRST_PORT + n for n in router.sample(range(PORTS), len(doors))})


def test_they_meet_as_often_as_the_birthday_bound_says() -> None:
    bound = 1 - (1 - DOORS_MAX / PORTS) ** TRIES_MAX
    assert 0.98 < bound < 0.99
    calls = 300
    share = sum(met(seed) for seed in range(1, calls + 1)) / calls
    assert abs(share - bound) < 0.02, share


def test_each_side_does_its_part_slowly_and_then_it_is_over() -> None:
    steady, at_random, (one, other) = pair(1)
    assert one is not None and other is not None
    steady.hear(other, OFFER_S)
    at_random.hear(one, OFFER_S)
    tries, doors = run(steady), run(at_random)
    assert len({to for _, to, _ in tries}) == len(tries) == TRIES_MAX
    assert {(to.host, door) for _, to, door in tries} == {(RANDOM.endpoint.host, 0)}
    assert all(to.port >= FIRST_PORT for _, to, _ in tries)
    assert [door for _, _, door in doors] == ROUNDS * list(range(1, DOORS_MAX + 1))
    assert {to for _, to, _ in doors} == {STEADY.endpoint} == {at_random.doors_to}
    for sent, per_step in ((tries, TRIES_PER_STEP), (doors, DOORS_PER_STEP)):
        assert sent[-1][0] - sent[0][0] >= (len(sent) / per_step - 1) * STEP_S - 1e-6
    for end in (steady, at_random):
        assert not end.is_running and end.deadline_s() is None and end.pop(1000.0) == []


def test_who_is_late_sends_no_more_at_once() -> None:
    steady, _, (_, other) = pair(2)
    assert other is not None
    steady.hear(other, OFFER_S)
    assert len(steady.pop(OFFER_S + 3.0)) == TRIES_PER_STEP
    assert steady.pop(OFFER_S + 3.0 + STEP_S / 2) == []


def test_nothing_is_sent_before_both_have_offered() -> None:
    steady, at_random, (one, _) = pair(3)
    assert not steady.is_running and not at_random.is_running  # nobody has heard the other
    mute = Chance(random.Random(3).randbytes)
    assert one is not None
    mute.hear(one, 0.0)  # who has offered nothing does nothing
    assert not mute.is_running and mute.doors_to is None and mute.pop(100.0) == []


def test_offers_that_do_not_fit_together_begin_nothing() -> None:
    for one, other in ((RANDOM, RANDOM), (STEADY, STEADY), (COUNTING, STEADY), (RANDOM, COUNTING)):
        *_, offers = pair(4, one, other)
        assert offers == [None, None], (one, other)
    steady, *_ = pair(5)
    steady.hear(Candidate(Endpoint("203.0.113.1", 9), CandidateKind.CHANCE, 0), OFFER_S)
    assert not steady.is_running


def test_address_of_ipv6_is_left_out() -> None:
    steady, *_ = pair(6)
    there = Candidate(Endpoint("2001:db8::1", 9), CandidateKind.CHANCE, PORT_STEP_RANDOM)
    steady.hear(there, OFFER_S)
    assert not steady.is_running


def test_end_is_an_end_and_one_call_has_one_run() -> None:
    steady, _, (_, other) = pair(7)
    assert other is not None
    steady.hear(other, OFFER_S)
    steady.pop(OFFER_S)
    steady.end()
    steady.hear(other, OFFER_S + 1)
    assert not steady.is_running and steady.pop(OFFER_S + 1) == []


def test_box_tries_its_luck_a_few_times_an_hour() -> None:
    limit = RunLimit()
    assert [limit.take(float(n)) for n in range(RUNS_MAX + 2)] == [True] * RUNS_MAX + [False] * 2
    assert not limit.take(RUNS_S - 0.1)
    assert limit.take(RUNS_S)
