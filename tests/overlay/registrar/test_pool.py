"""The exchanges a box knows of: who is asked first, who later, who is forgotten."""

from __future__ import annotations

import random

from firmware.model import Endpoint
from firmware.overlay.registrar.pool import (
    POOL_MAX,
    REMEMBERED_MAX,
    Pool,
    decode_exchanges,
    encode_exchanges,
)
from tests.overlay.fuzz import survives


def endpoint(index: int) -> Endpoint:
    return Endpoint(f"198.51.{index >> 8}.{index & 255}", 6881)


def pool_of(count: int) -> Pool:
    pool = Pool(random.Random(1).randbytes)
    for index in range(count):
        pool.learn(endpoint(index), ())
    return pool


def test_exchange_that_failed_is_asked_again_later_and_later_and_after_the_others() -> None:
    pool = pool_of(3)
    waits = []
    now_s = 0.0
    for _ in range(5):
        pool.failed(endpoint(0), 0.0, now_s)
        assert endpoint(0) not in pool.able((), now_s)
        waits.append(pool._known[endpoint(0)].retry_s - now_s)
        now_s += 10_000.0
        assert pool.able((), now_s)[-1] == endpoint(0)
    assert waits[-1] > 4 * waits[0]


def test_exchange_that_asked_us_to_wait_is_left_alone_for_so_long() -> None:
    pool = pool_of(1)
    pool.failed(endpoint(0), 30.0, 0.0)
    assert pool.able((), 14.9) == []
    assert pool.next_s(()) <= 45.0


def test_exchange_that_served_is_as_good_as_new() -> None:
    pool = pool_of(1)
    pool.failed(endpoint(0), 0.0, 0.0)
    pool.succeeded(endpoint(0))
    assert pool.able((), 0.0) == [endpoint(0)]


def test_pool_at_its_limit_forgets_who_failed_most_and_nobody_who_serves() -> None:
    pool = pool_of(POOL_MAX)
    pool.failed(endpoint(3), 0.0, 0.0)
    pool.failed(endpoint(4), 0.0, 0.0)
    pool.failed(endpoint(4), 0.0, 0.0)
    pool.learn(endpoint(900), (endpoint(4),))
    known = set(pool.able((), 1e6))
    assert len(known) == POOL_MAX
    assert {endpoint(900), endpoint(4)} <= known and endpoint(3) not in known


def test_pool_at_its_limit_takes_nobody_new_until_somebody_was_tried_in_vain() -> None:
    pool = pool_of(POOL_MAX)
    for index in range(POOL_MAX, 3 * POOL_MAX):
        pool.learn(endpoint(index), ())
    assert set(pool.able((), 0.0)) == {endpoint(index) for index in range(POOL_MAX)}
    pool.failed(endpoint(5), 0.0, 0.0)
    pool.learn(endpoint(900), ())
    known = set(pool.able((), 1e6))
    assert len(known) == POOL_MAX and endpoint(900) in known and endpoint(5) not in known


def test_pool_takes_no_address_that_cannot_be_one() -> None:
    pool = pool_of(0)
    pool.learn(Endpoint("224.0.0.1", 6881), ())
    pool.learn(Endpoint("198.51.100.1", 0), ())
    assert pool.able((), 0.0) == []


def test_file_of_exchanges_is_read_as_it_was_written_and_holds_so_many() -> None:
    endpoints = [endpoint(index) for index in range(REMEMBERED_MAX + 3)]
    written = encode_exchanges([*endpoints[:2], Endpoint("2001:db8::1", 1), *endpoints[2:]])
    read = decode_exchanges(written)
    assert read == (*endpoints[:2], Endpoint("2001:db8::1", 1), *endpoints[2:])[:REMEMBERED_MAX]
    survives(decode_exchanges, [written], seed=6)
