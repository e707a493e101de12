"""announce_peer and get_peers between our nodes and libtorrent's, over IPv4 and IPv6.

Every one of the rounds must succeed at its first try: nothing is asked twice.
"""

from __future__ import annotations

import os

from firmware.model import Endpoint
from firmware.overlay.dht.krpc import FindNode, GetCertificate, Ping
from tests.interop.meeting import Meeting
from tests.interop.ours import our_node
from tests.interop.theirs import NODES, AnnounceTaken, PeersFound

ROUNDS = 25
CLOSEST = 8  # to so many an announcement goes


def test_what_we_announce_is_found_by_libtorrent(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        for port in range(1, ROUNDS + 1):
            info_hash = os.urandom(20)
            assert await ours.announce(info_hash, port) == CLOSEST
            theirs.get_peers(port % NODES, info_hash)
            found = await theirs.hears(PeersFound, node=port % NODES, info_hash=info_hash)
            assert found.peers == (Endpoint(theirs.host, port),)

    meeting.run(story())


def test_what_libtorrent_announces_is_found_by_us(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        for port in range(1, ROUNDS + 1):
            info_hash = os.urandom(20)
            theirs.announce(port % NODES, info_hash, port)
            # one of the closest may be ours
            await theirs.hears(AnnounceTaken, count=CLOSEST - 1, info_hash=info_hash)
            peers, _ = await ours.find_peers(info_hash)
            assert peers == {Endpoint(theirs.host, port)}

    meeting.run(story())


def test_libtorrent_announces_to_us_when_we_are_closest(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        await ours.is_known_to(theirs)
        info_hash = ours.node.node_id[:-1] + bytes([ours.node.node_id[-1] ^ 1])
        theirs.announce(7, info_hash, 4711)
        await ours.until(lambda: ours.keeps(info_hash, Endpoint(theirs.host, 4711)))

    meeting.run(story())


def test_libtorrent_names_us_to_others_like_one_of_its_own(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        async with our_node(theirs, read_only=True) as stranger:
            await ours.is_known_to(theirs)
            for endpoint in theirs.endpoints:
                answer = await stranger.ask(FindNode(ours.node.node_id), endpoint)
                assert answer is not None and answer.nodes is not None
                assert ours.endpoint in [node.endpoint for node in answer.nodes]
                assert stranger.endpoint not in [node.endpoint for node in answer.nodes]

    meeting.run(story())


def test_our_question_for_a_certificate_harms_no_libtorrent_node(meeting: Meeting) -> None:
    theirs, ours = meeting.theirs, meeting.ours

    async def story() -> None:
        for endpoint in theirs.endpoints:
            answer = await ours.ask(GetCertificate(os.urandom(20)), endpoint)
            assert answer is None or answer.certificate is None  # it may name nodes instead
            assert await ours.ask(Ping(), endpoint) is not None
        assert not ours.node.counters["malformed"]

    meeting.run(story())
