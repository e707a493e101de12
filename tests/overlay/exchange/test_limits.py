"""What an exchange keeps by itself, at its limits: the agenda, calls it makes, contests, slips."""

from __future__ import annotations

import random

from firmware.bucket import Bucket
from firmware.channel import ELSEWHERE_MAX, Challenge, Elsewhere, Leave, Open, decode
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.overlay.exchange.announcer import STALE_MAX, Announcer
from firmware.overlay.exchange.contest import PAUSE_S, WAITING_MAX, Contest
from firmware.overlay.exchange.farewells import AT_ONCE, Farewells
from firmware.overlay.exchange.registrations import Registration
from firmware.overlay.exchange.rings import RINGS_MAX, Rings
from firmware.overlay.exchange.slips import HANDED_ON_MAX, HANDS
from firmware.overlay.swarm import Calendar
from tests.overlay.exchange.office import UTC_S, Office
from tests.overlay.exchange.test_slips import leave, sender

COOKIE = b"cookie.."


def place(i: int) -> Endpoint:
    return Endpoint(f"203.0.{i >> 8}.{i & 255}", 6881)


def registration(i: int) -> Registration:
    """Of a box whose certificate is none."""
    name = i.to_bytes(16, "big")
    return Registration(name, name, b"", b"", 0, (name,), place(i), 0.0, Bucket(1.0, 1.0))


def test_hashes_that_come_and_go_do_not_fill_the_agenda_of_announcements() -> None:
    source = random.Random(1).randbytes
    announcer = Announcer(Node((), source), source)  # whose node knows nobody yet
    announcer.want(b"stays", 0.0)
    for i in range(3 * STALE_MAX):
        info_hash = i.to_bytes(20, "big")
        announcer.want(info_hash, float(i))
        assert len(announcer) <= STALE_MAX + 4
        announcer.leave(info_hash)
    announcer.want(b"comes", 1.0)
    assert len(announcer) >= 2


def test_latest_calls_made_for_boxes_can_be_proved_and_no_more() -> None:
    rings, nonces = Rings(), [i.to_bytes(8, "big") for i in range(RINGS_MAX + 1)]
    for nonce in nonces:
        rings.make(Open(b"t" * 16, nonce, b"sealed").encode(), place(1))
    assert rings.prove(Challenge(nonces[0], COOKIE), place(1)) == []
    for nonce in nonces[1:]:
        (sent,) = rings.prove(Challenge(nonce, COOKIE), place(1))
        assert sent.to == place(1) and decode(sent.data) == Open(
            b"t" * 16, nonce, b"sealed", COOKIE
        )
    assert rings.prove(Challenge(nonces[1], COOKIE), place(1)) == []  # once


def test_crowd_of_rivals_waits_up_to_a_limit_to_be_examined() -> None:
    contest, calendar = Contest(), Calendar(UTC_S, 0.0)
    crowd = [registration(i) for i in range(WAITING_MAX + 5)]
    for one in crowd:
        contest.examine(one)
    now_s = 0.0
    while contest.deadline_s() is not None:
        assert contest.advance(calendar, now_s) == []  # junk at first sight
        now_s += PAUSE_S
    assert contest.take_junk() == crowd[:WAITING_MAX]
    assert [one.is_true for one in crowd[WAITING_MAX:]] == [None] * 5


def test_exchange_that_stops_hands_its_latest_slips_on_to_a_few_and_no_more() -> None:
    office = Office()
    targets = [i.to_bytes(16, "big") for i in range(HANDED_ON_MAX + 2)]
    for i, target in enumerate(targets):
        leave(office, target, i, sender(i))
    others = [place(1000 + i) for i in range(HANDS + 2)]
    office.exchange.slips.hand_on(others, office.now_s)
    asked = [(frame.target, to) for frame, to in office.wait(0.1) if isinstance(frame, Leave)]
    assert {target for target, _ in asked} == set(targets[2:])
    assert all(sum(one == target for one, _ in asked) == HANDS for target in targets[2:])


def test_farewells_name_the_latest_exchanges_and_leave_in_small_crowds() -> None:
    farewells, others = Farewells(), [place(i) for i in range(ELSEWHERE_MAX + 3)]
    farewells.begin((i.to_bytes(8, "big"), place(2000 + i)) for i in range(AT_ONCE + 1))
    first = farewells.some(others)
    assert len(first) == AT_ONCE and farewells
    frame = decode(first[0].data)
    assert isinstance(frame, Elsewhere) and frame.endpoints == tuple(others[-ELSEWHERE_MAX:])
    assert len(farewells.some(others)) == 1 and not farewells
