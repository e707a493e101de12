from __future__ import annotations

from firmware.bucket import Bucket, Buckets


def test_bucket_gives_its_burst_at_once_and_then_so_many_a_second() -> None:
    bucket = Bucket(3.0, 2.0)
    assert [bucket.take(1.0, 0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1.0, 0.5), bucket.take(1.0, 0.5)] == [True, False]
    assert [bucket.take(1.0, 100.0) for _ in range(4)] == [True, True, True, False]


def test_each_key_has_a_bucket_and_the_one_of_longest_ago_is_forgotten() -> None:
    buckets = Buckets(1.0, 0.0, most=2)
    assert [buckets.take(key, 0.0) for key in (b"a", b"b", b"a")] == [True, True, False]
    assert buckets.take(b"c", 1.0)  # in the place of b
    assert [buckets.take(key, 2.0) for key in (b"a", b"b")] == [False, True]


def test_what_was_used_unasked_is_paid_for_later_but_not_without_end() -> None:
    bucket = Bucket(3.0, 1.0)
    bucket.charge(5.0, 0.0)  # more than there is
    assert not bucket.take(1.0, 2.9)
    assert bucket.take(1.0, 3.0)
    bucket.charge(1000.0, 3.0)
    bucket.charge(1000.0, 3.0)
    assert not bucket.take(1.0, 6.9)
    assert bucket.take(1.0, 7.0)  # its debt is its burst at most
