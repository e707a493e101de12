from __future__ import annotations

import pytest

from firmware import events
from firmware.call.session import GIVE_UP_S, LINGER_S
from firmware.model import CallState, EndReason
from tests.call.link import Link, two_phones

SEEDS = range(60)


def bad_link(seed: int) -> Link:
    """30 % lost each way, one in five doubled, overtaking each other."""
    return Link(seed, loss=0.3, duplication=0.2, delay_s=(0.01, 0.4))


@pytest.mark.parametrize("seed", SEEDS)
def test_call_comes_about_and_ends_at_both_ends(seed: int) -> None:
    link = bad_link(seed)
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.run(GIVE_UP_S + 1.0)  # the answer was confirmed
    assert bert.view.state is CallState.CONNECTED, f"seed {seed}"
    first, second = (anna, bert) if seed % 2 else (bert, anna)
    link.tell(first, events.HookReplaced())
    link.wait(second, CallState.FAILED)
    assert second.view.reason is EndReason.HUNG_UP_BY_PEER
    for kind in (events.StartRinging, events.StopRinging, events.StartMedia, events.StopMedia):
        assert [len(phone.asked(kind)) for phone in (anna, bert)] in ([0, 1], [1, 1])
    link.run(GIVE_UP_S + LINGER_S + 1.0)
    assert [len(phone.ended) for phone in (anna, bert)] == [1, 1], f"seed {seed}"
    assert anna.core.deadline_s() is bert.core.deadline_s() is None


@pytest.mark.parametrize("seed", SEEDS)
def test_cancel_at_any_moment_leaves_no_bell_ringing(seed: int) -> None:
    link = bad_link(seed)
    anna, bert = two_phones(link)
    link.dial(anna, bert.person.number)
    link.run(0.2 + seed * 0.03)
    link.tell(anna, events.HookReplaced())
    link.run(2 * GIVE_UP_S)
    assert not bert.rings, f"seed {seed}"
    assert bert.view.state is CallState.IDLE
    assert anna.view.state is CallState.IDLE


@pytest.mark.parametrize("seed", range(20))
def test_busy_and_declined_arrive(seed: int) -> None:
    link = bad_link(seed)
    anna, bert = two_phones(link)
    clara = link.add("Clara")
    link.dial(anna, bert.person.number[:5])
    link.dial(clara, anna.person.number)
    link.wait(clara, CallState.BUSY)
    for phone in (anna, clara):
        link.tell(phone, events.HookReplaced())
    link.run(2 * GIVE_UP_S)
    link.dial(clara, bert.person.number)
    link.wait(bert, CallState.RINGING)
    link.tell(bert, events.KeyPressed("*"))
    link.wait(clara, CallState.FAILED)
    assert clara.view.reason is EndReason.DECLINED, f"seed {seed}"


@pytest.mark.parametrize("seed", range(20))
def test_caller_without_a_clock_gets_through(seed: int) -> None:
    link = bad_link(seed)
    anna, bert = link.add("Anna", utc_s=None), link.add("Bert")
    link.connect(anna, bert)
    assert len(bert.asked(events.ComputeArgon2)) == 1, f"seed {seed}"


def test_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def datagrams(seed: int) -> list[tuple[float, bytes]]:
        link = bad_link(seed)
        anna, bert = two_phones(link)
        link.connect(anna, bert)
        link.tell(anna, events.HookReplaced())
        link.run(20.0)
        return [(at_s, sent.data) for at_s, _, sent in link.sent]

    assert datagrams(1) == datagrams(1)
    assert {data for _, data in datagrams(1)}.isdisjoint(data for _, data in datagrams(2))
