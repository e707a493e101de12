import random

from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Ping
from firmware.overlay.dht.transactions import (
    HARD_MIN_S,
    SOFT_MAX_S,
    SOFT_MIN_S,
    SOFT_S,
    TRANSACTIONS_MAX,
    WAIT_INITIAL_S,
    WAIT_MAX_S,
    WAIT_MIN_S,
    Overdue,
    Transactions,
)

PEER = Endpoint("192.0.2.1", 6881)


def opened(seed: int = 1) -> Transactions:
    return Transactions(random.Random(seed).randbytes)


def test_transaction_is_closed_once_and_only_by_whom_we_asked() -> None:
    transactions = opened()
    transaction = transactions.open(Ping(), PEER, 0.0)
    assert transaction is not None
    assert transactions.close(transaction.transaction_id, Endpoint("192.0.2.1", 1), 0.1) is None
    assert transactions.close(b"none", PEER, 0.1) is None
    assert transactions.close(transaction.transaction_id, PEER, 0.1) is transaction
    assert transactions.close(transaction.transaction_id, PEER, 0.1) is None
    assert transactions.deadline_s() is None


def test_transaction_unanswered_is_sent_again_with_doubled_waits_then_given_up() -> None:
    transactions = opened()
    transaction = transactions.open(Ping(), PEER, 0.0, attempts_max=3)
    story = []
    while (due_s := transactions.deadline_s()) is not None:
        story += [(due_s, overdue) for _, overdue in transactions.overdue(due_s)]
    assert transaction is not None
    assert story == [
        (WAIT_INITIAL_S, Overdue.RESEND),
        (3 * WAIT_INITIAL_S, Overdue.RESEND),
        (3 * WAIT_INITIAL_S + WAIT_MAX_S, Overdue.GIVE_UP),
    ]
    assert len(transactions) == 0


def test_transaction_of_a_box_that_stood_still_waits_again_and_is_given_up_all_the_same() -> None:
    for soft_s in (None, 0.1):
        transactions = opened()
        transactions.open(Ping(), PEER, 0.0, soft_s=soft_s)
        now_s, story = 1000.0, []
        while len(transactions):
            late = transactions.overdue(now_s)
            story += [[overdue for _, overdue in late]]
            due_s = transactions.deadline_s()
            assert due_s is None or due_s > now_s
            now_s += 1000.0
        slow = [] if soft_s is None else [[Overdue.SLOW]]
        assert story == [[], *slow, [Overdue.RESEND], [], [Overdue.GIVE_UP]]


def test_transaction_waits_adapt_to_round_trips_within_limits() -> None:
    for rtt_s, low_s, high_s in ((0.001, WAIT_MIN_S, WAIT_MIN_S), (5.0, WAIT_MAX_S, WAIT_MAX_S)):
        transactions = opened()
        for _ in range(20):
            transaction = transactions.open(Ping(), PEER, 0.0)
            assert transaction is not None
            transactions.close(transaction.transaction_id, PEER, rtt_s)
        assert low_s <= transactions.wait_s <= high_s


def test_transaction_answered_after_a_resend_teaches_no_round_trip() -> None:
    transactions = opened()
    transaction = transactions.open(Ping(), PEER, 0.0)
    assert transaction is not None
    transactions.overdue(WAIT_INITIAL_S)
    transactions.close(transaction.transaction_id, PEER, 0.9)
    assert transactions.wait_s == WAIT_INITIAL_S


def test_transactions_at_their_limit_open_no_more_until_some_are_forgotten() -> None:
    transactions = opened()
    for _ in range(TRANSACTIONS_MAX):
        assert transactions.open(Ping(), PEER, 0.0, handle=7) is not None
    assert transactions.open(Ping(), PEER, 0.0) is None
    transactions.forget(7)
    assert transactions.open(Ping(), PEER, 0.0) is not None


def test_transaction_of_a_lookup_is_slow_first_then_sent_again_then_given_up() -> None:
    transactions = opened()
    transactions.open(Ping(), PEER, 0.0, soft_s=0.1)
    story = []
    while (due_s := transactions.deadline_s()) is not None:
        story += [(due_s, overdue) for _, overdue in transactions.overdue(due_s)]
    assert story == [
        (0.1, Overdue.SLOW),
        (0.1 + HARD_MIN_S, Overdue.RESEND),
        (0.1 + 2 * HARD_MIN_S, Overdue.GIVE_UP),
    ]


def test_transaction_soft_time_out_is_of_the_nodes_own_history_within_limits() -> None:
    transactions = opened()
    assert transactions.soft_s(None) == SOFT_S
    assert transactions.soft_s((0.1, 0.02)) == 0.1 + 4 * 0.02
    assert transactions.soft_s((0.001, 0.0)) == SOFT_MIN_S
    assert transactions.soft_s((9.0, 0.0)) == SOFT_MAX_S


def test_transaction_soft_time_out_of_a_stranger_is_longer_where_all_are_far_away() -> None:
    transactions = opened()
    for _ in range(20):
        transaction = transactions.open(Ping(), PEER, 0.0)
        assert transaction is not None
        transactions.close(transaction.transaction_id, PEER, 0.7)
    assert SOFT_S < transactions.soft_s(None) <= SOFT_MAX_S
