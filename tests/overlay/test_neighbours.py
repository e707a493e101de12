from firmware.events import LanNeighbourSeen
from firmware.model import Endpoint
from firmware.overlay.neighbours import (
    NEIGHBOURS_MAX,
    TAG_BYTES,
    Neighbours,
    lan_question,
    lan_tag,
)

HASH, OTHER_HASH = b"\x01" * 20, b"\x02" * 20
HERE = Endpoint("192.168.1.7", 6881)


def seen(name: str, salt: bytes, *hashes: bytes, at: Endpoint = HERE) -> LanNeighbourSeen:
    return LanNeighbourSeen(name, (at,), salt, tuple(lan_tag(salt, each) for each in hashes))


def test_neighbour_with_a_number_is_recognised_by_who_knows_it_and_by_nobody_else() -> None:
    neighbours = Neighbours()
    neighbours.add(seen("a", b"salt-one", HASH))
    assert neighbours.holders(HASH) == [HERE]
    assert neighbours.holders(OTHER_HASH) == []


def test_tag_is_another_one_with_another_salt() -> None:
    assert lan_tag(b"salt-one", HASH) != lan_tag(b"salt-two", HASH)
    assert len(lan_tag(b"salt-one", HASH)) == TAG_BYTES


def test_hash_behind_the_tags_is_memory_hard_and_names_its_use() -> None:
    assert lan_question("322820133771") == (b"322820133771", b"fernruf lan")


def test_neighbour_that_left_or_has_another_number_now_is_no_holder() -> None:
    neighbours = Neighbours()
    neighbours.add(seen("a", b"salt-one", HASH))
    neighbours.add(seen("a", b"salt-one", OTHER_HASH))
    assert neighbours.holders(HASH) == []
    neighbours.remove("a")
    neighbours.remove("a")
    assert neighbours.holders(OTHER_HASH) == []
    assert len(neighbours) == 0


def test_neighbours_at_their_limit_forget_who_was_heard_least_recently() -> None:
    neighbours = Neighbours()
    for index in range(NEIGHBOURS_MAX):
        neighbours.add(seen(str(index), b"salt", HASH, at=Endpoint("192.168.1.7", index + 1)))
    neighbours.add(seen("0", b"salt", HASH))
    neighbours.add(seen("one more", b"salt", HASH))
    assert len(neighbours) == NEIGHBOURS_MAX
    assert Endpoint("192.168.1.7", 2) not in neighbours.holders(HASH)
    assert HERE in neighbours.holders(HASH)


def test_addresses_that_nobody_can_have_are_left_out() -> None:
    neighbours = Neighbours()
    for name, at in (("a", Endpoint("224.0.0.251", 5353)), ("b", Endpoint("192.168.1.7", 0))):
        neighbours.add(seen(name, b"", HASH, at=at))
    assert neighbours.holders(HASH) == []
