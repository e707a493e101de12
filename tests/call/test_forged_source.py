"""A peer that writes somebody else's address on its datagrams, and one that never stops asking."""

from __future__ import annotations

import random

import pytest

from firmware import events
from firmware.call.commitment import NONCE_BYTES, commitment_to
from firmware.call.encoding import encode_signal
from firmware.call.envelope import Envelope, Kind
from firmware.call.keys import CallerHandshake, Channel
from firmware.call.messages import Ack, Bye, Invite, Refer, ReferRefused, Signal, Update
from firmware.call.pieces import decode_any
from firmware.call.referral import REFERRAL_BYTES
from firmware.call.session import SIGNALS_BURST_MAX, SIGNALS_PER_S_MAX
from firmware.events import OwnCandidatesFound
from firmware.model import CallState, Candidate, CandidateKind, Codec, Endpoint
from tests.call.link import UTC_S, Link, Phone, person

SESSION = b"session."
MALLORY = person("Mallory")
AT, VICTIM = Endpoint("203.0.113.66", 6881), Endpoint("198.51.100.1", 53)
NONCE = b"m" * NONCE_BYTES
MANY = tuple(Candidate(Endpoint(f"2001:db8::{i}", 6881), CandidateKind.HOST) for i in range(1, 17))


def knock(link: Link, bert: Phone) -> tuple[CallerHandshake, bytes]:
    """The shortest INVITE that there is, of a contact if Bert has that number in his book."""
    who = MALLORY.certificate.encode(), (Codec.OPUS,), int(UTC_S + link.now_s)
    invite = Invite(bert.person.number, *who, commitment=commitment_to(NONCE, SESSION))
    noise_key = bert.person.identity.noise_key
    handshake = CallerHandshake(
        MALLORY.identity, noise_key, SESSION, b"e" * 32, encode_signal(invite)
    )
    first = Envelope(Kind.HANDSHAKE_1, SESSION, handshake.first_message).encode()
    link.deliver(bert, first, AT)
    link.wait(bert, CallState.RINGING)
    return handshake, first


def in_call() -> tuple[Link, Phone, Channel]:
    """Bert talks with Mallory, whose first address has proved itself; 16 addresses of Bert's."""
    link = Link()
    bert = link.add("Bert", names={MALLORY.number: "Mallory"})
    link.tell(bert, OwnCandidatesFound(MANY, ()))
    handshake, first = knock(link, bert)
    second = next(
        one.data
        for _, phone, one in link.sent
        if phone is bert and Envelope.decode(one.data).kind is Kind.HANDSHAKE_2
    )
    assert len(second) <= len(first)
    channel = handshake.finish(Envelope.decode(second).sealed)[1]
    link.tell(bert, events.HookLifted())
    link.deliver(bert, channel.seal(encode_signal(Ack(nonce=NONCE))), AT)
    link.tell(bert, events.PathChanged((AT,), (), False, 0.02, bert.view.call))
    assert bert.view.state is CallState.CONNECTED
    return link, bert, channel


def sent_to(link: Link, to: Endpoint) -> list[bytes]:
    return [one.data for _, _, one in link.sent if one.to == to]


def test_first_answer_is_no_longer_than_the_invite_however_many_addresses_we_have() -> None:
    link = Link()
    bert = link.add("Bert", names={MALLORY.number: "Mallory"})
    link.tell(bert, OwnCandidatesFound(MANY, ()))
    _, first = knock(link, bert)
    for _ in range(5):
        link.deliver(bert, first, VICTIM)
    assert 0 < sum(map(len, sent_to(link, VICTIM))) <= 5 * len(first)


@pytest.mark.parametrize("questions", [1, 7, 31])
def test_forged_source_gets_no_more_bytes_than_came_from_there(questions: int) -> None:
    link, bert, channel = in_call()
    came = 0
    for sequence in range(questions):
        datagram = channel.seal(encode_signal(Update(sequence)))
        came += len(datagram)
        link.deliver(bert, datagram, VICTIM)
        assert sum(map(len, sent_to(link, VICTIM))) <= came
    assert sent_to(link, AT)  # where the peer has proved to be it is answered


def test_forged_source_gets_nothing_more_when_the_box_has_something_to_say_by_itself() -> None:
    link, bert, channel = in_call()
    datagram = channel.seal(encode_signal(Update(1)))
    link.deliver(bert, datagram, VICTIM)
    link.tell(bert, events.HookReplaced())
    link.run(30.0)
    assert sum(map(len, sent_to(link, VICTIM))) <= len(datagram)


def test_peer_that_chooses_a_forged_path_gets_no_more_sent_there_by_that() -> None:
    link, bert, channel = in_call()
    path = events.PathChanged((VICTIM,), (AT,), False, None, bert.view.call, unproved=(VICTIM,))
    link.tell(bert, path)
    came = 0
    for sequence in range(8):
        datagram = channel.seal(encode_signal(Update(sequence)))
        came += len(datagram)
        link.deliver(bert, datagram, VICTIM)
    assert sum(map(len, sent_to(link, VICTIM))) <= came
    assert sent_to(link, AT)


def test_peer_is_heard_so_often_at_once_and_so_often_a_second() -> None:
    link, bert, channel = in_call()
    link.run(10.0)
    heard = len(sent_to(link, AT))

    def refer(times: int) -> int:
        """How many of so many REFERs are answered."""
        before = len(sent_to(link, AT))
        for _ in range(times):
            signal: Signal = Refer(person("Clara").number, bytes(REFERRAL_BYTES))
            link.deliver(bert, channel.seal(encode_signal(signal)), AT)
        return len(sent_to(link, AT)) - before

    assert heard
    assert refer(100) == SIGNALS_BURST_MAX
    link.run(1.01)
    assert refer(100) == SIGNALS_PER_S_MAX
    assert decode_any(channel.open(Envelope.decode(sent_to(link, AT)[-1]))) == ReferRefused()
    assert bert.view.state is CallState.CONNECTED


def test_peer_at_its_limit_still_ends_the_call() -> None:
    link, bert, channel = in_call()
    for sequence in range(int(SIGNALS_BURST_MAX) + 5):
        link.deliver(bert, channel.seal(encode_signal(Update(sequence))), AT)
    link.deliver(bert, channel.seal(encode_signal(Bye())), AT)
    assert bert.view.state is CallState.FAILED


def test_whatever_a_peer_says_no_forged_source_gets_more_than_came_from_there() -> None:
    dice = random.Random(20261123)
    link, bert, channel = in_call()
    came: dict[Endpoint, int] = {}
    for step in range(300):
        source = Endpoint(f"198.51.100.{dice.randrange(1, 5)}", 53)
        signal = dice.choice((Update(step % 256), Ack(nonce=NONCE), Refer("0" * 12, b"r")))
        datagram = channel.seal(encode_signal(signal))
        came[source] = came.get(source, 0) + len(datagram)
        link.deliver(bert, datagram, source)
        link.run(dice.choice((0.0, 0.1, 0.5)))
    for source, size in came.items():
        assert sum(map(len, sent_to(link, source))) <= size, "seed 20261123"
