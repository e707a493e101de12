from firmware.overlay import rate as limits
from firmware.overlay.rate import RateLimit


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
    assert allowed.count(True) == limits.ALL_ANSWERS_BURST


def test_rate_forgets_the_address_heard_longest_ago_at_its_limit() -> None:
    rate = RateLimit()
    for index in range(limits.ADDRESSES_MAX + 10):
        rate.allows(str(index), now_s=float(index))
    assert len(rate) == limits.ADDRESSES_MAX
