"""Stamps: a stranger's box works before a bell rings for it, and no stamp counts twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware import events
from firmware.call.line import Line
from firmware.call.messages import StampWanted
from firmware.call.stamps import (
    DIFFICULTY_MAX,
    SEED_BYTES,
    USED_MAX,
    Demand,
    Stamp,
    StampAccount,
    question,
)
from firmware.errors import MalformedError
from firmware.events import Message
from firmware.events.strangers import DemandStamp, SearchStamp
from firmware.model import CallState, EndReason
from tests.call.link import Link, Phone, cheap_search, reasons, two_phones

DIFFICULTY = 5
DAY, SEED, KEY = 20_000, b"s" * SEED_BYTES, b"k" * 32
UTC_S = DAY * 86_400 + 100


def guarded() -> tuple[Link, Phone, Phone, list[events.CallOffered]]:
    """Bert wants a stamp of Anna, whom he does not know."""
    link = Link()
    offers: list[events.CallOffered] = []

    def judge(offer: events.CallOffered) -> Message:
        offers.append(offer)
        is_paid = offer.zero_bits >= DIFFICULTY
        return offer if is_paid else DemandStamp(offer.call, DIFFICULTY)

    link.verdict = judge
    return link, *two_phones(link), offers


def line_of(phone: Phone) -> Line:
    return phone.core._line


def test_box_of_a_stranger_works_and_then_the_bell_rings() -> None:
    link, anna, bert, offers = guarded()
    link.dial(anna, bert.person.number)
    link.wait(bert, CallState.RINGING)
    assert [offer.zero_bits >= DIFFICULTY for offer in offers] == [False, True]
    link.tell(bert, events.HookLifted())
    link.wait(anna, CallState.CONNECTED)
    assert anna.view.work is None
    assert reasons(anna) == reasons(bert) == []


def test_work_that_takes_long_is_seen_and_hanging_up_ends_it() -> None:
    link, anna, bert, _ = guarded()
    link.verdict = lambda offer: DemandStamp(offer.call, DIFFICULTY_MAX)
    link.dial(anna, bert.person.number)
    link.run(4.0)
    assert anna.view.work is not None
    link.tell(anna, events.HookReplaced())
    link.run(1.0)
    hashed = len(anna.asked(SearchStamp))
    link.run(10.0)
    assert len(anna.asked(SearchStamp)) == hashed
    assert anna.view.state is CallState.IDLE and anna.core.deadline_s() is None


@pytest.mark.parametrize("difficulty", [DIFFICULTY_MAX + 1, 255])
def test_box_does_not_work_for_ever_for_anybody(difficulty: int) -> None:
    link, anna, bert, _ = guarded()
    link.verdict = lambda offer: DemandStamp(offer.call, difficulty)
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.DECLINED and not anna.asked(SearchStamp)


def test_callee_that_is_never_content_is_given_up() -> None:
    link, anna, bert, _ = guarded()
    link.verdict = lambda offer: DemandStamp(offer.call, 1)
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.DECLINED


def stamp_for(link: Link, anna: Phone, bert: Phone, change: Callable[[Stamp], Stamp]) -> bytes:
    """What Anna's box shows: a good stamp, changed."""
    utc_s = line_of(bert).transactions.freshness.utc_s(link.now_s)
    demand = line_of(bert).stamps.demand(DIFFICULTY, utc_s)
    key = anna.person.identity.public_key
    asked = question(bert.person.number, key, demand.day, demand.seed)
    found = cheap_search(SearchStamp(asked, DIFFICULTY, 0, 10_000)).number
    assert found is not None
    return change(Stamp(demand.day, demand.seed, found)).encode()


def show(link: Link, anna: Phone, bert: Phone, stamp: bytes) -> None:
    """Anna calls with this stamp, and does no work."""
    link.dial(anna, bert.person.number[:-1])
    line_of(anna).front.stamp = stamp
    line_of(anna).front.demands = 2
    link.tell(anna, events.KeyPressed(bert.person.number[-1]))
    link.run(1.5)


@pytest.mark.parametrize(
    "change",
    [
        lambda stamp: Stamp(stamp.day, stamp.seed, stamp.number + 1),
        lambda stamp: Stamp(stamp.day - 2, stamp.seed, stamp.number),
        lambda stamp: Stamp(stamp.day + 1, stamp.seed, stamp.number),
        lambda stamp: Stamp(stamp.day, bytes(SEED_BYTES), stamp.number),
    ],
    ids=["another number", "of the day before yesterday", "of tomorrow", "of another start"],
)
def test_forged_stamp_is_worth_nothing(change: Callable[[Stamp], Stamp]) -> None:
    link, anna, bert, offers = guarded()
    show(link, anna, bert, stamp_for(link, anna, bert, change))
    assert not bert.rings and anna.view.reason is EndReason.DECLINED
    assert offers[-1].zero_bits < DIFFICULTY


def test_stamp_of_somebody_else_is_worth_nothing() -> None:
    link, anna, bert, _ = guarded()
    clara = link.add("Clara")
    good = stamp_for(link, anna, bert, lambda stamp: stamp)
    show(link, clara, bert, good)
    assert not bert.rings and clara.view.reason is EndReason.DECLINED


def test_stamp_that_was_used_is_worth_nothing() -> None:
    link, anna, bert, _ = guarded()
    good = stamp_for(link, anna, bert, lambda stamp: stamp)
    show(link, anna, bert, good)
    assert bert.rings
    link.tell(anna, events.HookReplaced())
    link.run(1.0)
    show(link, anna, bert, good)
    assert not bert.rings and anna.view.reason is EndReason.DECLINED


def test_stamp_that_is_no_stamp_lets_nobody_in_and_harms_nobody() -> None:
    link, anna, bert, _ = guarded()
    show(link, anna, bert, b"rubbish")
    assert not bert.rings and anna.view.reason is EndReason.DECLINED


def test_account_takes_each_stamp_once_and_forgets_with_the_day() -> None:
    account = StampAccount(SEED)
    stamp = Stamp(DAY, SEED, 7)
    assert account.is_current(stamp, KEY, UTC_S)
    assert account.use(stamp, KEY) and not account.use(stamp, KEY)
    assert not account.is_current(stamp, KEY, UTC_S)
    assert account.is_current(Stamp(DAY, SEED, 8), KEY, UTC_S + 86_400), "demanded at midnight"
    assert not account.is_current(Stamp(DAY, SEED, 8), KEY, UTC_S + 2 * 86_400)


def test_account_that_is_full_lets_nobody_in_until_the_day_after_next() -> None:
    account = StampAccount(SEED)
    for number in range(USED_MAX):
        assert account.use(Stamp(DAY, SEED, number), KEY)
    assert not account.is_current(Stamp(DAY, SEED, USED_MAX), KEY, UTC_S)
    later_s = UTC_S + 2 * 86_400
    assert account.is_current(Stamp(DAY + 2, SEED, 0), KEY, later_s)


@pytest.mark.parametrize("kind", [Demand, Stamp])
def test_bytes_of_another_length_are_malformed(kind: type[Demand | Stamp]) -> None:
    for length in (0, 12, 14, 19, 21):
        with pytest.raises(MalformedError):
            kind.decode(bytes(length))
    assert Demand.decode(Demand(11, DAY, SEED).encode()) == Demand(11, DAY, SEED)
    assert Stamp.decode(Stamp(DAY, SEED, 2**64 - 1).encode()).number == 2**64 - 1
    assert StampWanted(Demand(11, DAY, SEED)).demand.day == DAY
