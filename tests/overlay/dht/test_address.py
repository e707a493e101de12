import pytest

from firmware.model import Endpoint
from firmware.overlay.dht.address import (
    Scope,
    is_usable,
    may_name,
    network_of,
    owner_of,
    scope_of,
)


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("81.2.69.142", Scope.GLOBAL),
        ("203.0.113.9", Scope.GLOBAL),
        ("2a00:1450::1", Scope.GLOBAL),
        ("10.0.0.1", Scope.PRIVATE),
        ("192.168.178.2", Scope.PRIVATE),
        ("169.254.1.1", Scope.PRIVATE),
        ("100.64.0.1", Scope.PRIVATE),
        ("fd00::1", Scope.PRIVATE),
        ("127.0.0.1", Scope.LOOPBACK),
        ("::1", Scope.LOOPBACK),
        ("224.0.0.1", Scope.UNUSABLE),
        ("255.255.255.255", Scope.UNUSABLE),
        ("0.0.0.0", Scope.UNUSABLE),
        ("ff02::1", Scope.UNUSABLE),
        ("::ffff:192.0.2.1", Scope.UNUSABLE),
    ],
)
def test_scope_of_an_address_follows_the_registries(host: str, scope: Scope) -> None:
    assert scope_of(host) is scope


@pytest.mark.parametrize(
    ("named", "by", "allowed"),
    [
        ("81.2.69.142", "10.0.0.1", True),
        ("81.2.69.142", "8.8.8.8", True),
        ("10.0.0.2", "10.0.0.1", True),
        ("10.0.0.2", "8.8.8.8", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "10.0.0.1", False),
        ("224.0.0.1", "8.8.8.8", False),
    ],
)
def test_address_is_named_only_by_its_own_scope_unless_global(
    named: str, by: str, allowed: bool
) -> None:
    assert may_name(Endpoint(named, 1024), Endpoint(by, 1024)) is allowed


def test_address_with_port_zero_is_never_usable() -> None:
    assert not is_usable(Endpoint("8.8.8.8", 0))
    assert not may_name(Endpoint("8.8.8.8", 0), Endpoint("9.9.9.9", 1))


def test_owner_is_the_address_the_ipv6_network_or_the_loopback_port() -> None:
    assert owner_of(Endpoint("8.8.8.8", 1)) == owner_of(Endpoint("8.8.8.8", 2))
    assert owner_of(Endpoint("2a00::1", 1)) == owner_of(Endpoint("2a00::ffff", 2))
    assert owner_of(Endpoint("2a00::1", 1)) != owner_of(Endpoint("2a00:0:0:1::1", 1))
    assert owner_of(Endpoint("127.0.0.1", 1)) != owner_of(Endpoint("127.0.0.1", 2))


def test_network_is_the_first_half_of_an_ipv4_and_the_first_quarter_of_an_ipv6_address() -> None:
    assert network_of("81.2.69.142") == network_of("81.2.0.1") != network_of("81.3.69.142")
    assert network_of("2a00:1450::1") == network_of("2a00:1450:4001::1")
    assert network_of("2a00:1450::1") != network_of("2a00:1451::1")
