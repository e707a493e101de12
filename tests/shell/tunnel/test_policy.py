"""What a stranger may do with the address of an exchange."""

from __future__ import annotations

import pytest

from firmware.model import Endpoint
from firmware.shell.tunnel.policy import (
    BURST_BYTES,
    BYTES_PER_S,
    DESTINATIONS_MAX,
    NEW_BURST,
    NEW_PER_S,
    SILENT_BYTES_MAX,
    SILENT_DATAGRAMS_MAX,
    SILENT_S,
    Policy,
)

CLIENT = Endpoint("192.0.2.7", 50000)
VICTIM = Endpoint("198.51.100.1", 53)
PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"


def let_out(policy: Policy, data: bytes, to: Endpoint, now_s: float, times: int) -> int:
    return sum(policy.may_leave(data, to, now_s) for _ in range(times))


def test_who_does_not_answer_hears_little_and_more_only_after_a_while() -> None:
    policy = Policy(CLIENT, 0.0)
    assert let_out(policy, PING, VICTIM, 1.0, 100) == SILENT_DATAGRAMS_MAX
    assert let_out(policy, PING, VICTIM, SILENT_S, 100) == 0
    assert let_out(policy, PING, VICTIM, 1.0 + SILENT_S, 100) == SILENT_DATAGRAMS_MAX


def test_who_does_not_answer_gets_few_bytes_in_large_datagrams() -> None:
    policy = Policy(CLIENT, 0.0)
    large = PING.ljust(1400)
    assert let_out(policy, large, VICTIM, 1.0, 100) == SILENT_BYTES_MAX // len(large)


def test_who_answers_is_spoken_to_at_the_speed_of_a_call() -> None:
    policy = Policy(CLIENT, 0.0)
    speech = b"\x80".ljust(200)
    for frame in range(1500):
        now_s = frame * 0.02
        assert policy.may_enter(speech, VICTIM, now_s)
        assert policy.may_leave(speech, VICTIM, now_s)


def test_each_way_is_limited_in_bytes() -> None:
    policy = Policy(CLIENT, 0.0)
    speech = b"\x80".ljust(1000)
    assert policy.may_leave(speech, VICTIM, 0.0)
    assert policy.may_enter(speech, VICTIM, 0.0)
    assert let_out(policy, speech, VICTIM, 0.0, 1000) == BURST_BYTES // len(speech) - 1
    assert let_out(policy, speech, VICTIM, 1.0, 1000) == BYTES_PER_S // len(speech)
    heard = sum(policy.may_enter(speech, VICTIM, 2.0) for _ in range(1000))
    assert 0 < heard <= 2 * BURST_BYTES // len(speech)


def test_scan_of_the_network_comes_to_its_end() -> None:
    policy = Policy(CLIENT, 0.0)
    hosts = [Endpoint(f"198.51.{i // 250}.{i % 250}", 6881) for i in range(5 * DESTINATIONS_MAX)]
    assert sum(policy.may_leave(PING, host, 0.0) for host in hosts) == NEW_BURST
    assert sum(policy.may_leave(PING, host, 1.0) for host in hosts[-100:]) == NEW_PER_S


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.0", b"\x16\x03\x01", b"\x45\x00"])
def test_what_is_none_of_our_protocols_does_not_leave(data: bytes) -> None:
    assert not Policy(CLIENT, 0.0).may_leave(data, VICTIM, 0.0)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "224.0.0.1"])
def test_stranger_from_outside_reaches_nothing_inside(host: str) -> None:
    assert not Policy(CLIENT, 0.0).may_leave(PING, Endpoint(host, 6881), 0.0)


def test_neighbour_reaches_his_own_kind() -> None:
    policy = Policy(Endpoint("10.0.0.9", 40000), 0.0)
    assert policy.may_leave(PING, Endpoint("10.0.0.1", 6881), 0.0)
    assert not policy.may_leave(PING, Endpoint("127.0.0.1", 6881), 0.0)
