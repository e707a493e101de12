"""The ways of one call under loss, replay and hostile datagrams; whole calls are in scenarios."""

from __future__ import annotations

import random

from firmware.events import DatagramReceived, PreparePath, SendDatagram
from firmware.media.path.checks import Ask, CheckCodec
from firmware.media.path.mirror import ASKED_MAX, REPEATS_S, Mirror
from firmware.media.path.way import CONSENT_S, FOUND_CHECKS_MAX
from firmware.media.path.ways import (
    CHECKS_BURST_MAX,
    CHECKS_PER_S_MAX,
    DESTINATIONS_MAX,
    PACKETS_BURST_MAX,
    PACKETS_PER_S_MAX,
    WAYS_MAX,
    Ways,
)
from firmware.model import Endpoint
from firmware.stun import Kind, StunMessage, binding_response, decode, encode

KEY = bytes(range(32))
RELAY = Endpoint("203.0.113.1", 6881, b"channel")
DIRECT = Endpoint("198.51.100.1", 6881)
CALLER = CheckCodec(KEY, is_caller=True)


def ways(*, is_caller: bool = False, relayed_only: bool = False) -> Ways:
    prepared = PreparePath(KEY, is_caller, (RELAY,), relayed_only)
    return Ways(prepared, random.Random(1).randbytes, 0.0)


def sent(one: Ways, until_s: float = 0.0, since_s: float = 0.0) -> list[SendDatagram]:
    """What is sent when time passes until then."""
    now_s = max(one.deadline_s(), since_s)
    while now_s <= until_s:
        one.on_time(now_s)
        assert one.deadline_s() > now_s
        now_s = one.deadline_s()
    out, one.out[:] = list(one.out), []
    return out


def ask(number: int, source: Endpoint, nomination: int = 0) -> DatagramReceived:
    return DatagramReceived(CALLER.ask(number.to_bytes(12, "big"), nomination), source)


def test_check_from_an_unknown_place_is_answered_and_tried_back_a_few_times() -> None:
    callee = ways()
    callee.receive(ask(1, DIRECT), 0.0)
    back = [one for one in sent(callee, 60.0) if one.to == DIRECT]
    assert decode(back[0].data).mapped == DIRECT
    assert len(back) == 1 + FOUND_CHECKS_MAX


def test_place_that_signalling_tells_is_tried_for_as_long_as_the_call() -> None:
    callee = ways()
    callee.receive(ask(1, DIRECT), 0.0)
    sent(callee, 5.0)
    callee.try_ways([DIRECT], 5.0)
    assert len([one for one in sent(callee, 60.0) if one.to == DIRECT]) > 3 * FOUND_CHECKS_MAX


def test_recorded_check_is_worth_nothing() -> None:
    callee = ways()
    callee.receive(ask(1, RELAY), 0.0)
    sent(callee, 0.0)
    callee.receive(ask(1, DIRECT), 1.0)
    assert callee.counters["replayed"] == 1
    assert DIRECT not in {one.to for one in sent(callee, 10.0)}


def test_callee_follows_the_newest_choice_and_never_an_older_one() -> None:
    callee = ways()
    callee.receive(ask(1, DIRECT, nomination=2), 0.0)
    assert callee.chosen.endpoint == DIRECT
    callee.receive(ask(2, RELAY, nomination=1), 0.1)
    assert callee.chosen.endpoint == DIRECT
    rebound = DIRECT._replace(port=7000)
    callee.receive(ask(3, rebound, nomination=2), 0.2)
    assert callee.chosen.endpoint == rebound


def test_relayed_only_call_answers_no_direct_check() -> None:
    callee = ways(relayed_only=True)
    callee.try_ways([DIRECT], 0.0)
    callee.receive(ask(1, DIRECT, nomination=9), 0.0)
    callee.heard(DIRECT, 0.1, is_first=True)
    assert {one.to for one in sent(callee, 20.0)} == {RELAY}
    assert callee.chosen.endpoint == RELAY and callee.counters["refused"] == 3


def test_silence_puts_packets_on_every_way_that_works_up_to_the_limit() -> None:
    callee = ways()
    places = [Endpoint(f"198.51.100.{i}", 6881) for i in range(1, 9)]
    for i, place in enumerate((RELAY, *places)):
        callee.receive(ask(i, place), 0.0)
    callee.heard(RELAY, 0.02, is_first=True)
    assert callee.destinations(0.1) == (RELAY,)
    sent(callee, 0.2)
    destinations = callee.destinations(0.2)
    assert destinations[0] == RELAY and len(destinations) == DESTINATIONS_MAX


def test_crowd_of_places_is_limited_and_never_displaces_the_chosen_one() -> None:
    callee = ways()
    for i in range(4 * WAYS_MAX):
        callee.receive(ask(i, Endpoint("198.51.100.1", 1000 + i)), i / 1000)
    assert len({one.to for one in sent(callee, 1.0, since_s=0.5)}) >= WAYS_MAX
    later = {one.to for one in sent(callee, 30.0)}
    assert RELAY in later and len(later) <= WAYS_MAX


def spoken(one: Ways, until_s: float, since_s: float = 0.0) -> list[Endpoint]:
    """Where packets go, 50 a second, while the peer pretends to be heard on the chosen way."""
    places: list[Endpoint] = []
    for step in range(int(since_s * 50), int(until_s * 50)):
        one.on_time(step / 50)
        one.heard(one.chosen.endpoint, step / 50, is_first=True)
        places += one.carry(step / 50)
    return places


def answer_checks(one: Ways, now_s: float) -> None:
    """The peer is where the checks go."""
    for message in one.out:
        said = decode(message.data)
        if said.kind is Kind.REQUEST:
            reply = CALLER.reply(Ask(said.transaction_id, 0), message.to)
            one.receive(DatagramReceived(reply, message.to), now_s)
    one.out.clear()


def test_place_that_answers_no_check_gets_ten_seconds_of_speech_and_then_hardly_any() -> None:
    callee = ways()
    assert len(spoken(callee, 60.0)) <= PACKETS_BURST_MAX + 60 * PACKETS_PER_S_MAX
    callee.receive(ask(1, DIRECT, nomination=1), 60.0)
    assert callee.chosen.endpoint == DIRECT, "the peer may move as often as it likes"
    assert len(spoken(callee, 61.0, 60.0)) <= 2 * PACKETS_PER_S_MAX


def test_place_that_answers_gets_every_packet_for_as_long_as_it_does() -> None:
    callee, heard = ways(), 0
    for step in range(50 * 60):
        callee.on_time(step / 50)
        answer_checks(callee, step / 50)
        heard += len(callee.carry(step / 50))
    assert heard == 50 * 60
    silent = [callee.carry(60.0 + step / 50) for step in range(50 * 60)]
    assert sum(map(len, silent)) <= 50 * CONSENT_S + PACKETS_BURST_MAX + 60 * PACKETS_PER_S_MAX


def test_peer_cannot_aim_more_checks_at_others_than_a_call_needs() -> None:
    callee = ways()
    for step in range(600):
        now_s = step / 10
        told = [Endpoint(f"198.51.100.{n}", 1024 + step) for n in range(1, 17)]
        callee.try_ways(told, now_s)
        callee.guess([one._replace(port=one.port + 1) for one in told], now_s)
        callee.receive(ask(step, Endpoint("198.51.100.99", 1024 + step)), now_s)
        callee.on_time(now_s)
    checks = [one for one in callee.out if decode(one.data).kind is Kind.REQUEST]
    assert CHECKS_BURST_MAX < len(checks) <= CHECKS_BURST_MAX + 60 * CHECKS_PER_S_MAX


def test_hostile_datagrams_change_nothing() -> None:
    callee, dice = ways(), random.Random(3)
    good = CALLER.ask(bytes(12), 9)
    for _ in range(2_000):
        data = bytearray(good)
        data[dice.randrange(len(data) - 8)] ^= dice.randrange(1, 256)
        callee.receive(DatagramReceived(bytes(data), DIRECT), 0.0)
    assert callee.counters["malformed"] == 2_000
    assert callee.chosen.endpoint == RELAY and {one.to for one in sent(callee, 1.0)} == {RELAY}


def test_mirror_believes_only_whom_it_asked_and_repeats_for_loss() -> None:
    mirror = Mirror(random.Random(5).randbytes)
    observers = [Endpoint(f"203.0.{i}.1", 6881) for i in range(2 * ASKED_MAX)]
    mirror.ask(observers, 0.0)
    questions, mirror.out[:] = list(mirror.out), []
    assert [one.to for one in questions] == observers[-ASKED_MAX:]
    answer = binding_response(decode(questions[0].data), DIRECT)
    assert len(answer) <= len(questions[0].data)
    assert mirror.receive(DatagramReceived(answer, observers[0])) is None
    forged = encode(StunMessage(Kind.SUCCESS, bytes(12)))
    assert mirror.receive(DatagramReceived(forged, questions[0].to)) is None
    assert mirror.receive(DatagramReceived(answer, questions[0].to)) == DIRECT
    while (due_s := mirror.deadline_s()) is not None:
        mirror.on_time(due_s)
    assert len(mirror.out) == (ASKED_MAX - 1) * len(REPEATS_S)
