"""A telephone number through a swarm in which nobody but libtorrent keeps anything for us.

Both boxes are read-only nodes, as behind a NAT: in no table, asked by nobody. All that is between
them is what the libtorrent nodes hold; certificate and proof then come from the box itself.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from contextlib import AsyncExitStack
from functools import partial

from firmware import number as numbers
from firmware.events import NumberResolved, NumberUnresolved, ReachabilityChanged, ResolveNumber
from firmware.identity import Identity
from firmware.number import MODIFIER_BYTES
from firmware.shell.jobs import compute_argon2
from tests.interop.meeting import Meeting
from tests.interop.ours import CHEAP, our_directory
from tests.interop.theirs import Swarm

NUMBERS = 5


def certified() -> tuple[str, bytes, Identity]:
    """A fresh number, the certificate that proves it at the cost of these tests, and its owner."""
    identity = Identity.generate(os.urandom(64))
    for tried in itertools.count():
        modifier = tried.to_bytes(MODIFIER_BYTES, "big")
        question = numbers.hash_question(identity.public_key, modifier)
        number = numbers.from_digest(compute_argon2(*question, CHEAP).digest)
        if number is not None:
            return number, identity.certify(modifier, "Anna").encode(), identity
    raise AssertionError


def test_numbers_published_through_libtorrent_are_resolved_through_it(family_host: str) -> None:
    async def story(swarm: Swarm) -> None:
        async with AsyncExitStack() as stack:
            asking = await stack.enter_async_context(our_directory(swarm))
            for _ in range(NUMBERS):
                number, certificate, identity = certified()
                holding = await stack.enter_async_context(
                    our_directory(swarm, number, certificate, identity)
                )
                await holding.says(ReachabilityChanged, is_published)
                asking.tell(ResolveNumber(number))
                found = await asking.says(NumberResolved, partial(is_about, number))
                assert found.certificate == certificate
                assert found.endpoints == (holding.endpoint,)

    # Not the swarm of the other tests: who announces gets into libtorrent's tables, read-only or
    # not, and is a dead entry there when the box has gone.
    with Swarm(family_host) as swarm:
        asyncio.run(story(swarm))


def test_number_nobody_published_is_unresolved_among_libtorrent_nodes(meeting: Meeting) -> None:
    async def story() -> None:
        number, _, _ = certified()
        async with our_directory(meeting.theirs) as asking:
            await asking.says(ReachabilityChanged, knows_nodes)
            asking.tell(ResolveNumber(number))
            answer = await asking.says(NumberUnresolved, partial(is_about, number))
            assert not answer.conflict

    meeting.run(story())


def is_about(number: str, answer: NumberResolved | NumberUnresolved) -> bool:
    return answer.number == number


def is_published(reachability: ReachabilityChanged) -> bool:
    return reachability.published


def knows_nodes(reachability: ReachabilityChanged) -> bool:
    return reachability.nodes > 0
