"""Items of BEP 44 between our nodes and libtorrent's: immutable and mutable, salt, seq and cas.

libtorrent's interface sets no cas of its own, so here only ours is refused by it; what we refuse
is tested in tests/overlay. Every round must succeed at its first try.
"""

from __future__ import annotations

import os

from nacl.signing import SigningKey

from firmware.overlay.dht import items
from firmware.overlay.dht.items import Item
from tests.interop.meeting import Meeting
from tests.interop.ours import our_node
from tests.interop.theirs import NODES, ImmutableFound, MutableFound, PutEnded, Swarm

ROUNDS = 10
CLOSEST = 8
SALTS = (b"", b"card", os.urandom(items.SALT_BYTES_MAX))
VALUES = (b"x", 4711, [b"list", 1], {b"key": {b"nested": 0}}, b"v" * 996)  # "996:" and 996 = 1000


def ours_signed(key: SigningKey, value: object, seq: int, salt: bytes) -> Item:
    return items.signed(
        value, bytes(key.verify_key), seq, lambda data: key.sign(data).signature, salt
    )


def test_immutable_items_of_ours_are_read_by_libtorrent(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        for number, value in enumerate(VALUES):
            item = items.immutable(value)
            assert await ours.put(item) == CLOSEST
            theirs.get_immutable(number + 5, item.target)
            found = await theirs.hears(ImmutableFound, target=item.target)
            assert found.value == value

    meeting.run(story())


def test_immutable_items_of_libtorrent_are_read_by_us(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        for number, value in enumerate(VALUES):
            target = theirs.put_immutable(number + 5, value)
            assert (await theirs.hears(PutEnded, target=target)).stored == CLOSEST
            item = await ours.get_immutable(target)
            assert item is not None and item.content == value

    meeting.run(story())


def test_mutable_items_of_ours_are_read_by_libtorrent_at_every_seq(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        for number, salt in enumerate(SALTS):
            key = SigningKey.generate()
            for seq in range(1, ROUNDS):
                value = b"value %d" % seq
                assert await ours.put(ours_signed(key, value, seq, salt)) == CLOSEST
                public_key = bytes(key.verify_key)
                theirs.get_mutable(number * ROUNDS + seq, public_key, salt)
                found = await theirs.hears(
                    MutableFound, public_key=public_key, salt=salt, seq=seq, is_final=True
                )
                assert found.value == value

    meeting.run(story())


def test_mutable_items_of_libtorrent_are_read_by_us_at_every_seq(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        for number, salt in enumerate(SALTS):
            key = SigningKey.generate()
            for seq in range(1, ROUNDS):
                value = b"value %d" % seq
                theirs.put_mutable(number * ROUNDS + seq, key, value, salt)
                public_key = bytes(key.verify_key)
                await theirs.hears(PutEnded, count=seq, public_key=public_key)
                item = await ours.get_mutable(public_key, salt)
                assert item is not None and (item.content, item.seq) == (value, seq)

    meeting.run(story())


def test_item_written_in_turns_goes_on_from_the_seq_of_the_other(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        key, salt = SigningKey.generate(), b"turns"
        public_key = bytes(key.verify_key)
        for turn in range(1, ROUNDS):
            theirs.put_mutable(turn % NODES, key, b"theirs", salt)
            await theirs.hears(PutEnded, count=turn, public_key=public_key)
            item = await ours.get_mutable(public_key, salt)
            assert item is not None and (item.content, item.seq) == (b"theirs", 2 * turn - 1)
            following = ours_signed(key, b"ours", item.seq + 1, salt)
            # where libtorrent puts one at us, we put one at a node that has missed it
            assert await ours.put(following, cas=item.seq) >= CLOSEST - 1

    meeting.run(story())


def test_put_with_wrong_cas_or_old_seq_is_refused_by_libtorrent(meeting: Meeting) -> None:
    ours = meeting.ours

    async def story() -> None:
        key = SigningKey.generate()
        assert await ours.put(ours_signed(key, b"first", 5, b"")) == CLOSEST
        assert await ours.put(ours_signed(key, b"wrong cas", 7, b""), cas=4) == 0
        assert await ours.put(ours_signed(key, b"old", 4, b"")) == 0
        assert await ours.put(ours_signed(key, b"right cas", 6, b""), cas=5) == CLOSEST
        item = await ours.get_mutable(bytes(key.verify_key))
        assert item is not None and (item.content, item.seq) == (b"right cas", 6)

    meeting.run(story())


def test_put_with_forged_signature_is_refused_by_libtorrent(meeting: Meeting) -> None:
    ours = meeting.ours

    async def story() -> None:
        owner, thief = SigningKey.generate(), SigningKey.generate()
        forged = items.signed(
            b"stolen", bytes(owner.verify_key), 1, lambda data: thief.sign(data).signature
        )
        assert await ours.put(forged) == 0

    meeting.run(story())


def test_items_that_libtorrent_put_at_us_are_read_from_us_when_it_is_gone(meeting: Meeting) -> None:
    key = SigningKey.generate()
    public_key = bytes(key.verify_key)
    targets = []

    async def written(writer: Swarm) -> None:
        for seq in range(1, ROUNDS):
            writer.put_mutable(0, key, b"value %d" % seq, b"salt")
            await writer.hears(PutEnded, count=seq, public_key=public_key)
        for value in VALUES:
            targets.append(writer.put_immutable(0, value))
            await writer.hears(PutEnded, target=targets[-1])

    async def read(reader: Swarm) -> None:
        reader.get_mutable(0, public_key, b"salt")
        newest = await reader.hears(MutableFound, public_key=public_key)
        assert (newest.seq, newest.value) == (ROUNDS - 1, b"value %d" % (ROUNDS - 1))
        for target, value in zip(targets, VALUES, strict=True):
            reader.get_immutable(0, target)
            assert (await reader.hears(ImmutableFound, target=target)).value == value

    async def story() -> None:
        with Swarm(meeting.host, nodes=1) as writer:
            async with our_node(writer) as ours:
                await ours.is_known_to(writer)
                await writer.knows(0, nodes=1)
                await written(writer)
                writer.close()
                with Swarm(meeting.host, nodes=1) as reader:
                    await ours.is_known_to(reader)
                    await reader.knows(0, nodes=1)
                    await read(reader)

    meeting.run(story())
