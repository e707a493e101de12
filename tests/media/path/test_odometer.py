from __future__ import annotations

from firmware.media.path.odometer import DESTINATIONS_MAX, Odometer
from firmware.model import Endpoint

ROUTER = "198.51.100.1"
PEER, OTHER = Endpoint("203.0.113.1", 6881), Endpoint("203.0.113.2", 6881)
OBSERVERS = [Endpoint(f"192.0.2.{i}", 6881) for i in range(3)]


def at(port: int) -> Endpoint:
    return Endpoint(ROUTER, port)


def sounded(*observers: Endpoint) -> Odometer:
    """PEER, OTHER and then the observers were sent to."""
    odometer = Odometer()
    for destination in (PEER, OTHER, PEER):
        odometer.leave(destination)
    odometer.begin_sounding(at(20_000))
    for observer in observers:
        odometer.sound(observer)
    return odometer


def test_sounding_tells_at_which_port_we_come_out_towards_those_before_it() -> None:
    odometer = sounded(*OBSERVERS)
    assert odometer.towards(PEER, 2) is None
    assert odometer.hear(OBSERVERS[1], at(21_006), 2)
    assert (odometer.towards(PEER, 2), odometer.towards(OTHER, 2)) == (at(21_000), at(21_002))
    assert odometer.newest == at(21_006)


def test_observer_whom_the_router_still_knew_does_not_count() -> None:
    odometer = sounded(*OBSERVERS)
    assert not odometer.hear(OBSERVERS[0], at(19_500), 2)
    assert odometer.hear(OBSERVERS[2], at(21_008), 2)
    assert not odometer.hear(OBSERVERS[1], at(20_300), 2), "of an older row"
    assert odometer.towards(PEER, 2) == at(21_000)


def test_who_was_not_asked_or_says_it_twice_is_not_heard() -> None:
    odometer = sounded(OBSERVERS[0])
    assert not odometer.hear(OBSERVERS[1], at(30_000), 2)
    assert odometer.hear(OBSERVERS[0], at(21_004), 2)
    assert not odometer.hear(OBSERVERS[0], at(40_000), 2)
    assert odometer.newest == at(21_004)


def test_destination_that_was_never_sent_to_has_no_port() -> None:
    odometer = sounded(OBSERVERS[0])
    odometer.hear(OBSERVERS[0], at(21_004), 2)
    assert odometer.towards(Endpoint("203.0.113.9", 1), 2) is None


def test_port_that_cannot_be_is_not_told() -> None:
    odometer = sounded(OBSERVERS[0])
    odometer.begin_sounding(None)
    odometer.hear(OBSERVERS[0], at(2), 2)
    assert odometer.towards(PEER, 2) is None


def test_later_sounding_counts_whatever_the_row_of_the_earlier_one_was() -> None:
    odometer = sounded(OBSERVERS[0])
    assert odometer.hear(OBSERVERS[0], at(21_004), 2)
    for port in range(7):  # to places of which the router still knew some
        odometer.leave(at(port))
    odometer.begin_sounding(at(21_004))
    odometer.sound(OBSERVERS[1])
    assert odometer.hear(OBSERVERS[1], at(21_016), 2)
    assert odometer.newest == at(21_016)


def test_limit_holds() -> None:
    odometer = Odometer()
    for port in range(1, DESTINATIONS_MAX + 2):
        odometer.leave(at(port))
    odometer.sound(OBSERVERS[0])
    assert at(DESTINATIONS_MAX) in odometer and OBSERVERS[0] not in odometer
    assert not odometer.hear(OBSERVERS[0], at(21_000), 2)
