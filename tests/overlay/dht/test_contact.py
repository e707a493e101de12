import random

from firmware.model import Endpoint
from firmware.overlay.dht import contact as contacts
from firmware.overlay.dht.address import Scope, may_name, scope_of
from firmware.overlay.dht.contact import Contact, contact_at, contact_of
from firmware.overlay.dht.node_id import fits_address, for_address

V4 = Endpoint("81.2.69.142", 6881)
V6 = Endpoint("2a00::7", 7000)


def test_contact_knows_what_follows_from_id_and_address() -> None:
    fitting = Contact(for_address(V4.host, b"\x05" * 20), V4)
    assert fitting.fits and fitting.is_usable and not fitting.is_v6
    assert fitting.packed == fitting.node_id + bytes((81, 2, 69, 142, 0x1A, 0xE1))
    assert fitting.number.to_bytes(20, "big") == fitting.node_id
    forged = Contact(b"\x01" * 20, V6)
    assert forged.is_v6 and forged.scope is Scope.GLOBAL and not forged.fits
    assert len(forged.packed) == 38


def test_contact_is_the_same_object_wherever_it_is_met() -> None:
    met = contact_at(b"\x02" * 20, V4)
    assert contact_of(met.packed) is met
    assert contact_at(b"\x02" * 20, Endpoint(V4.host, V4.port)) is met
    assert contact_at(b"\x03" * 20, V4) == Contact(b"\x03" * 20, V4)


def test_contacts_kept_are_limited() -> None:
    limit = contacts._limit[0]
    for index in range(limit + 10):
        contact_of(index.to_bytes(20, "big") + bytes((90, 1, 1, 1, 0, 9)))
    assert len(contacts._OF) <= limit


def test_contact_is_told_to_whom_its_address_may_be_named() -> None:
    hosts = ("81.1.1.1", "10.0.0.1", "127.0.0.1", "224.0.0.1", "192.168.1.1", "2a00::1", "::1")
    for host in hosts:
        for other in hosts:
            named, asker = Endpoint(host, 1), Endpoint(other, 1)
            told = Contact(bytes(20), named).may_be_told_by(scope_of(asker.host))
            assert told == may_name(named, asker), (host, other)


def test_contact_fits_its_address_as_the_rule_says() -> None:
    dice = random.Random(4)
    for _ in range(50):
        host = ".".join(str(dice.randrange(1, 224)) for _ in range(4))
        node_id = for_address(host, dice.randbytes(20))
        assert Contact(node_id, Endpoint(host, 1)).fits
        assert Contact(bytes(20), Endpoint(host, 1)).fits == fits_address(bytes(20), host)
