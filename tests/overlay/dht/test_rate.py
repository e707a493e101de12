from firmware.overlay.dht import rate as limits
from firmware.overlay.dht.rate import RateLimit


def test_rate_burst_is_allowed_then_only_the_steady_rate() -> None:
    rate = RateLimit()
    allowed = [rate.allows("a", now_s=0.0) for _ in range(60)]
    assert allowed.count(True) == limits.ANSWERS_BURST
    assert not rate.allows("a", now_s=0.05)
    assert rate.allows("b", now_s=0.05)
    assert [rate.allows("a", now_s=1.0) for _ in range(20)].count(True) == 10


def test_rate_of_all_addresses_together_is_limited() -> None:
    rate = RateLimit()
    allowed = [rate.allows(str(index), now_s=0.0) for index in range(1000)]
    assert allowed.count(True) == limits.ALL_ANSWERS_BURST_S * limits.ALL_ANSWERS_PER_S


def test_rate_gives_newcomers_nothing_while_too_many_addresses_are_heard() -> None:
    rate = RateLimit()
    assert rate.may_send("early", 1000, now_s=0.0)
    for index in range(limits.ADDRESSES_MAX):
        rate.allows(str(index), now_s=0.1)
    assert len(rate) <= limits.ADDRESSES_MAX
    assert not rate.may_send("late", 100, now_s=0.2)
    assert rate.may_send("early", 100, now_s=0.2)
    assert not rate.may_send("early", 1000, now_s=0.2)  # nobody is forgotten too soon
    assert rate.may_send("late", 100, now_s=limits.FULL_AGAIN_S + 0.1)


def test_rate_forgets_whoever_was_silent_until_its_buckets_are_full_again() -> None:
    rate = RateLimit()
    for index in range(100):
        rate.allows(str(index), now_s=0.0)
    for index in range(200):
        rate.allows("talkative", now_s=limits.FULL_AGAIN_S + index / 10)
    assert len(rate) == 1


def test_rate_unproved_address_gets_at_most_two_kilobytes_in_any_second() -> None:
    rate = RateLimit()
    sent = [(step / 100, 100) for step in range(1000) if rate.may_send("a", 100, step / 100)]
    for start_s, _ in sent:
        in_a_second = sum(size for at_s, size in sent if start_s <= at_s < start_s + 1.0)
        assert in_a_second <= 2000
    assert (
        sum(size for _, size in sent)
        <= limits.UNPROVED_BURST_BYTES + 10 * limits.UNPROVED_BYTES_PER_S
    )


def test_rate_address_that_has_proved_itself_is_not_counted_by_bytes_until_the_proof_is_old() -> (
    None
):
    rate = RateLimit()
    rate.proved("a", now_s=0.0)
    assert all(rate.may_send("a", 1400, now_s=1.0) for _ in range(50))
    assert not all(rate.may_send("b", 1400, now_s=1.0) for _ in range(2))
    late_s = limits.PROOF_LIFE_S
    assert [rate.may_send("a", 1400, late_s) for _ in range(3)] == [True, False, False]


def test_rate_of_bytes_to_all_unproved_addresses_together_is_limited() -> None:
    rate = RateLimit()
    sent = [rate.may_send(str(index), 1000, now_s=0.0) for index in range(200)]
    assert sent.count(True) == limits.ALL_UNPROVED_BURST_BYTES / 1000
    assert rate.may_send("0", 400, now_s=1.0)
    rate.proved("proved", now_s=0.0)
    assert rate.may_send("proved", 1000, now_s=0.0)


def test_rate_flood_from_forged_addresses_displaces_no_proof() -> None:
    rate = RateLimit()
    rate.proved("friend", now_s=0.0)
    for index in range(limits.ADDRESSES_MAX + 10):
        rate.may_send(str(index), 100, now_s=0.0)
    assert len(rate) <= limits.ADDRESSES_MAX
    assert all(rate.may_send("friend", 1400, now_s=0.0) for _ in range(5))


def test_rate_at_its_limit_of_proofs_forgets_the_older_half() -> None:
    rate = RateLimit()
    for index in range(limits.PROVED_MAX + 1):
        rate.proved(str(index), now_s=0.0)
    assert [rate.may_send("0", 1400, now_s=0.0) for _ in range(2)] == [True, False]
    assert all(rate.may_send(str(limits.PROVED_MAX), 1400, now_s=0.0) for _ in range(5))
    assert all(rate.may_send(str(limits.PROVED_MAX // 2), 1400, now_s=0.0) for _ in range(5))


def test_rate_released_keeps_who_proved_itself_and_nobody_who_is_as_good_as_new() -> None:
    rate = RateLimit()
    rate.proved("192.0.2.1", 0.0)
    assert rate.allows("192.0.2.2", 0.0)
    rate.release(2 * limits.FULL_AGAIN_S)
    assert len(rate) == 0
    assert rate.may_send("192.0.2.1", 1_000_000, 2 * limits.FULL_AGAIN_S)
