import hashlib

from firmware.overlay.dht import item_store as limits
from firmware.overlay.dht.item_store import ItemStore, Stored
from firmware.overlay.dht.items import Item, immutable

OWN_ID = bytes(20)
KEY = b"k" * 32


def blob(index: int) -> Item:
    return immutable(index)


def version(seq: int, value: bytes = b"1:v") -> Item:
    return Item(value, KEY, seq, b"", bytes(64))


def put(
    store: ItemStore, item: Item, owner: str = "a", now_s: float = 0.0, cas: int | None = None
) -> Stored:
    return store.put(item, cas, owner, OWN_ID, now_s)


def nearest_first(count: int) -> list[Item]:
    blobs = [blob(index) for index in range(count)]
    return sorted(blobs, key=lambda item: hashlib.sha1(item.value).digest())


def test_item_is_kept_for_its_life_and_renewed_by_putting_it_again() -> None:
    store = ItemStore()
    assert put(store, version(1)) is Stored.KEPT
    assert put(store, blob(1)) is Stored.KEPT
    assert put(store, version(1), now_s=3600.0) is Stored.KEPT
    assert store.get(version(1).target, limits.ITEM_LIFE_S) == version(1)
    assert store.get(blob(1).target, limits.ITEM_LIFE_S - 1) == blob(1)
    assert store.get(blob(1).target, limits.ITEM_LIFE_S) is None
    store.expire(limits.ITEM_LIFE_S)
    assert len(store) == 1
    store.expire(limits.ITEM_LIFE_S + 3600.0)
    assert len(store) == 0


def test_item_gives_way_to_a_newer_one_only() -> None:
    store = ItemStore()
    put(store, version(5))
    assert put(store, version(4)) is Stored.SEQ_TOO_LOW
    assert put(store, version(5, b"1:w")) is Stored.SEQ_TOO_LOW
    assert store.get(version(5).target, 0.0) == version(5)
    assert put(store, version(6, b"1:w")) is Stored.KEPT
    assert store.get(version(5).target, 0.0) == version(6, b"1:w")


def test_item_with_cas_is_kept_only_over_that_sequence_number() -> None:
    store = ItemStore()
    assert put(store, version(5), cas=4) is Stored.KEPT  # there is nothing to compare with
    assert put(store, version(7), cas=4) is Stored.CAS_MISMATCH
    assert put(store, version(7), cas=6) is Stored.CAS_MISMATCH
    assert put(store, version(7), cas=5) is Stored.KEPT


def test_store_keeps_a_limited_number_of_items_of_one_address() -> None:
    store = ItemStore()
    for index in range(limits.ITEMS_PER_OWNER_MAX):
        assert put(store, blob(index)) is Stored.KEPT
    assert put(store, blob(999)) is Stored.FULL
    assert put(store, blob(0)) is Stored.KEPT  # renewed, not one more
    assert put(store, blob(999), "b") is Stored.KEPT
    assert put(store, blob(999), now_s=limits.ITEM_LIFE_S) is Stored.KEPT


def test_store_at_its_limit_keeps_the_items_near_our_own_id() -> None:
    store = ItemStore()
    blobs = nearest_first(limits.ITEMS_MAX + 2)
    near, far, farthest = blobs[0], blobs[-2], blobs[-1]
    for index, item in enumerate(blobs[1:-1]):
        assert put(store, item, f"owner {index}") is Stored.KEPT
    assert put(store, farthest, "new") is Stored.FULL
    assert put(store, near, "new") is Stored.KEPT
    assert len(store) == limits.ITEMS_MAX
    assert store.get(near.target, 0.0) == near
    assert store.get(far.target, 0.0) is None


def test_store_flood_from_few_addresses_displaces_itself_first() -> None:
    store = ItemStore()
    blobs = nearest_first(limits.ITEMS_MAX + 60)
    honest, flood = blobs[-40:], blobs[:-40]  # the flood is nearer to our id
    for index, item in enumerate(honest):
        put(store, item, f"honest {index}")
    for index, item in enumerate(flood):
        put(store, item, f"flooder {index % 30}")
    assert len(store) == limits.ITEMS_MAX
    assert all(store.get(item.target, 0.0) == item for item in honest)


def test_store_flooder_who_repeats_anothers_item_does_not_make_it_his() -> None:
    store = ItemStore()
    blobs = nearest_first(limits.ITEMS_MAX + 40)
    victim, flood = blobs[-1], blobs[:-1]
    put(store, victim, "flooder 0")
    for index, item in enumerate(flood[: limits.ITEMS_MAX - 1]):
        put(store, item, f"flooder {index % 30}")
    assert put(store, victim, "owner") is Stored.KEPT
    assert put(store, victim, "flooder 1") is Stored.KEPT
    for index, item in enumerate(flood[limits.ITEMS_MAX - 1 :]):
        put(store, item, f"flooder {index % 30}")
    assert store.get(victim.target, 0.0) == victim
