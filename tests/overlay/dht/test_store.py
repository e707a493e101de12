import random

from firmware.model import Endpoint
from firmware.overlay.dht import store as limits
from firmware.overlay.dht.store import PeerStore, Tokens

HASH = b"\x0f" * 20


def peer(index: int, port: int = 5000) -> Endpoint:
    return Endpoint(f"81.{index // 65536}.{index // 256 % 256}.{index % 256}", port)


def test_store_peer_is_kept_for_its_life_and_renewed_by_announcing_again() -> None:
    store = PeerStore(bytes(20))
    assert store.announce(HASH, peer(1), now_s=0.0)
    assert store.announce(HASH, peer(2), now_s=0.0)
    assert store.announce(HASH, peer(1), now_s=600.0)
    assert store.peers(HASH, limits.PEER_LIFE_S - 1) == [peer(2), peer(1)]
    assert store.peers(HASH, limits.PEER_LIFE_S) == [peer(1)]
    store.expire(limits.PEER_LIFE_S + 600.0)
    assert len(store) == 0


def test_store_flood_from_one_address_displaces_itself_only() -> None:
    store = PeerStore(bytes(20))
    store.announce(HASH, peer(1), now_s=0.0)
    for port in range(1000, 1100):
        store.announce(HASH, peer(2, port), now_s=1.0)
    kept = store.peers(HASH, 2.0)
    assert peer(1) in kept
    assert len(kept) == 1 + limits.PEERS_PER_HASH_AND_OWNER_MAX


def test_store_full_hash_drops_the_oldest_of_whoever_has_most() -> None:
    store = PeerStore(bytes(20))
    store.announce(HASH, peer(0), now_s=0.0)
    for port in (1, 2):
        store.announce(HASH, peer(1, port), now_s=0.0)
    for index in range(2, limits.PEERS_PER_HASH_MAX):
        store.announce(HASH, peer(index), now_s=0.0)
    kept = store.peers(HASH, 1.0)
    assert len(kept) == limits.PEERS_PER_HASH_MAX
    assert peer(0) in kept
    assert peer(1, 1) not in kept
    assert peer(1, 2) in kept


def test_store_at_its_limit_of_hashes_keeps_the_ones_near_our_own_id() -> None:
    store = PeerStore(bytes(20))
    for index in range(limits.HASHES_MAX):
        assert store.announce(b"\x80" + index.to_bytes(19, "big"), peer(index), now_s=0.0)
    assert not store.announce(b"\xff" * 20, peer(9999), now_s=0.0)
    assert store.announce(b"\x01" * 20, peer(9999), now_s=0.0)
    assert len(store) == limits.HASHES_MAX
    assert store.peers(b"\x01" * 20, 1.0) == [peer(9999)]
    assert store.peers(b"\x80" + (limits.HASHES_MAX - 1).to_bytes(19, "big"), 1.0) == []


def test_store_one_address_may_announce_a_limited_number_of_hashes() -> None:
    store = PeerStore(bytes(20))
    taken = [store.announce(i.to_bytes(20, "big"), peer(1), 0.0) for i in range(300)]
    assert taken.count(True) == limits.HASHES_PER_OWNER_MAX
    store.expire(limits.PEER_LIFE_S)
    assert store.announce(HASH, peer(1), limits.PEER_LIFE_S)


def test_token_is_accepted_for_five_to_ten_minutes_by_its_address_and_hash_only() -> None:
    tokens = Tokens(random.Random(3).randbytes)
    token = tokens.issue(HASH, "192.0.2.1", now_s=100.0)
    assert tokens.accepts(token, HASH, "192.0.2.1", now_s=100.0)
    assert not tokens.accepts(token, HASH, "192.0.2.2", now_s=100.0)
    assert not tokens.accepts(token, b"\x0e" * 20, "192.0.2.1", now_s=100.0)
    assert not tokens.accepts(token[:-1], HASH, "192.0.2.1", now_s=100.0)
    assert not tokens.accepts(b"", HASH, "192.0.2.1", now_s=100.0)
    assert tokens.accepts(token, HASH, "192.0.2.1", now_s=100.0 + 599.0)
    assert not tokens.accepts(token, HASH, "192.0.2.1", now_s=100.0 + 601.0)


def test_token_is_dead_after_a_long_silence() -> None:
    tokens = Tokens(random.Random(3).randbytes)
    token = tokens.issue(HASH, "192.0.2.1", now_s=0.0)
    assert not tokens.accepts(token, HASH, "192.0.2.1", now_s=100_000.0)


def test_store_at_its_limit_of_peers_takes_from_the_largest_swarm() -> None:
    store = PeerStore(bytes(20))
    hashes = [index.to_bytes(20, "big") for index in range(200)]
    count = 0
    for info_hash in hashes[:80]:
        for _ in range(limits.PEERS_PER_HASH_MAX - 6):
            assert store.announce(info_hash, peer(count), now_s=0.0)
            count += 1
    assert count == limits.PEERS_MAX
    assert store.announce(HASH, peer(count), now_s=1.0)
    assert store.announce(hashes[0], peer(count), now_s=1.0)
    kept = [len(store.peers(info_hash, 1.0)) for info_hash in (*hashes[:80], HASH)]
    assert sum(kept) == limits.PEERS_MAX
    assert kept[-1] == 1
    assert min(kept[:-1]) >= limits.PEERS_PER_HASH_MAX - 8


def test_store_names_the_hashes_it_keeps() -> None:
    store = PeerStore(bytes(20))
    store.announce(HASH, peer(1), now_s=0.0)
    store.announce(bytes(20), peer(1), now_s=60.0)
    store.expire(limits.PEER_LIFE_S)
    assert store.info_hashes() == [bytes(20)]
