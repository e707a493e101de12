from __future__ import annotations

from firmware import events
from firmware.call.callers import HASHES_BURST_MAX, HASHES_PER_S_MAX
from firmware.call.transaction import INVITES_BURST_MAX, INVITES_PER_S_MAX
from firmware.identity import Identity
from tests.call.link import UTC_S, Link, Person, person
from tests.call.test_transaction import STRANGER, invitation, only_bert


def test_one_caller_may_call_so_often_and_no_oftener() -> None:
    """What a call costs here, a line in the log and a write to the card, is not for a flooder."""
    link, bert = only_bert()
    link.tell(bert, events.HookLifted())  # busy: each call is logged at once
    for i in range(600):
        first = invitation(session_id=i.to_bytes(8, "big"), utc_s=int(UTC_S + link.now_s))
        link.deliver(bert, first, STRANGER)
        link.run(0.1)
    most = INVITES_BURST_MAX + 60.0 * INVITES_PER_S_MAX
    assert most - 2 <= len(bert.ended) <= most + 1
    assert bert.core.dropped["INVITE of a caller over its limit"] > 500
    other = invitation(caller=person("Clara"), utc_s=int(UTC_S + link.now_s))
    link.deliver(bert, other, STRANGER)
    link.run(0.2)
    assert bert.ended[-1].peer_number == person("Clara").number


def stranger(i: int) -> Person:
    """Somebody with a genuine key that owns no number."""
    identity = Identity.generate(i.to_bytes(64, "big"))
    return Person(identity, identity.certify(bytes(16), "Nobody"), "")


def test_strangers_without_a_number_cost_so_many_hashes_and_no_more() -> None:
    link = Link()
    bert = link.add("Bert", pins={person("Anna").number: person("Anna").identity.public_key})
    for i in range(1, 401):
        utc_s, session_id = int(UTC_S + link.now_s), i.to_bytes(8, "big")
        first = invitation(session_id=session_id, caller=stranger(i), utc_s=utc_s)
        link.deliver(bert, first, STRANGER)
        link.run(0.15)
    hashes = len(bert.asked(events.ComputeArgon2))
    assert HASHES_BURST_MAX + 25 <= hashes <= HASHES_BURST_MAX + 60.0 * HASHES_PER_S_MAX + 1
    link.deliver(bert, invitation(utc_s=int(UTC_S + link.now_s)), STRANGER)  # Anna is known
    link.run(0.5)
    assert bert.rings
