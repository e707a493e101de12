from firmware.model import Endpoint
from firmware.overlay.dht.external import VOTERS_MAX, VOTES_NEEDED, ExternalAddress

HOME = Endpoint("90.1.2.3", 6881)
AWAY = Endpoint("91.9.9.9", 7000)


def voter(network: int, host: int = 1) -> Endpoint:
    return Endpoint(f"81.{network}.0.{host}", 6881)


def test_external_address_is_known_when_enough_networks_agree() -> None:
    external = ExternalAddress()
    for network in range(VOTES_NEEDED):
        assert external.host() is None
        external.vote(voter(network), HOME)
    assert external.host() == HOME.host
    assert external.port() == HOME.port


def test_external_address_is_not_moved_by_many_voters_of_one_network() -> None:
    external = ExternalAddress()
    for host in range(200):
        external.vote(voter(1, host), AWAY)
    assert external.host() is None
    for network in range(2, 2 + VOTES_NEEDED):
        external.vote(voter(network), HOME)
    assert external.host() == HOME.host


def test_external_address_needs_the_majority() -> None:
    external = ExternalAddress()
    for network in range(VOTES_NEEDED):
        external.vote(voter(network), HOME)
        external.vote(voter(100 + network), AWAY)
    assert external.host() is None
    external.vote(voter(50), HOME)
    assert external.host() == HOME.host


def test_external_address_follows_when_the_later_voters_see_another() -> None:
    external = ExternalAddress()
    for network in range(VOTERS_MAX):
        external.vote(voter(network), HOME)
    changes = []
    for network in range(VOTERS_MAX):
        external.vote(voter(network), AWAY)
        changes.append(external.host())
    assert changes.index(AWAY.host) == VOTERS_MAX // 2
    assert HOME.host not in changes[VOTERS_MAX // 2 :]


def test_external_address_ignores_local_voters_local_addresses_and_the_other_family() -> None:
    external = ExternalAddress()
    for network in range(20):
        external.vote(Endpoint(f"10.{network}.0.1", 1), HOME)
        external.vote(voter(network), Endpoint("192.168.0.2", 1))
        external.vote(voter(network), Endpoint("2a00::1", 1))
        external.vote(Endpoint(f"2a00:{network}::1", 1), HOME)
    assert external.host() is None
    assert external.port() is None


def test_external_address_of_the_sixth_version_is_voted_for_by_its_networks() -> None:
    external = ExternalAddress()
    for network in range(VOTES_NEEDED):
        external.vote(Endpoint(f"2a00:{network}::1", 1), Endpoint("2a02::7", 9))
    assert external.host() == "2a02::7"


def test_external_port_is_told_by_those_who_send_one() -> None:
    external = ExternalAddress()
    for network in range(VOTES_NEEDED):
        external.vote(voter(network), Endpoint(HOME.host, 0))
    assert external.host() == HOME.host
    assert external.port() is None
