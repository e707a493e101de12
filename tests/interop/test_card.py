"""A card among libtorrent's nodes: they keep it under the key of the day as any other item."""

from __future__ import annotations

import os

from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.blind import blinded_key, blinded_public_key
from firmware.overlay.card import Card, Place, period_of
from firmware.overlay.dht import items
from tests.interop.meeting import Meeting
from tests.interop.theirs import MutableFound

CLOSEST = 8
DAYS = (20_000, 20_001)
UTC_S = 1_800_000_000


def test_card_is_kept_and_handed_out_by_libtorrent_on_each_day(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours
    owner = Identity.generate(os.urandom(64))
    certificate = owner.certify(bytes(16), "Anna")
    card = Card(certificate, (Place(Endpoint("192.0.2.7", 6881)),), UTC_S)

    async def story() -> None:
        for day in DAYS:
            key = blinded_key(owner.ed25519_private, period_of(day))
            value = card.seal(day, os.urandom)
            item = items.signed(value, key.public_key, UTC_S, key.sign)
            assert await ours.put(item) == CLOSEST
            theirs.get_mutable(day % 7, key.public_key)
            found = await theirs.hears(MutableFound, public_key=key.public_key, is_final=True)
            assert (found.value, found.seq) == (value, UTC_S)
            fetched = await ours.get_mutable(blinded_public_key(owner.public_key, period_of(day)))
            assert fetched is not None and isinstance(fetched.content, bytes)
            assert Card.unseal(fetched.content, owner.public_key, day) == card

    meeting.run(story())
