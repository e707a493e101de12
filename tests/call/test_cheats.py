"""Peers that cheat about the digits of a call, and somebody in the middle who looks for them."""

from __future__ import annotations

import random

import pytest

from firmware import events
from firmware.call.commitment import NONCE_BYTES, CalleePart, CallerPart, commitment_to
from firmware.call.deliveries import INCOMING_MAX, INCOMING_S_MAX, SILENCE_S_MAX
from firmware.call.encoding import encode_signal
from firmware.call.envelope import Envelope, Kind
from firmware.call.keys import CalleeHandshake, CallerHandshake, Channel
from firmware.call.messages import (
    Ack,
    Answered,
    Bye,
    Invite,
    Ready,
    Ringing,
    Signal,
    TryLater,
    Update,
    Updated,
)
from firmware.call.pieces import PIECE_BYTES, Piece, decode_any
from firmware.call.session import GIVE_UP_S
from firmware.call.spoken import Spoken
from firmware.events.messages import MessageAnswered, Welcome
from firmware.identity import Identity
from firmware.model import CallState, Candidate, CandidateKind, Codec, Endpoint, EndReason
from tests.call.link import UTC_S, Link, Person, Phone, person, reasons

SESSION = b"session."
MALLORY = person("Mallory")
AT = Endpoint("203.0.113.66", 6881)
NONCE = b"m" * NONCE_BYTES


def digits(phone: Phone) -> str:
    return phone.view.authentication_digits


class Rogue:
    """A peer with a genuine key, at either side of a session with one telephone."""

    def __init__(
        self, link: Link, phone: Phone, who: Person | None = None, session_id: bytes = SESSION
    ) -> None:
        self.link, self.phone = link, phone
        self.channel: Channel | None = None
        self._who, self._session_id = who or MALLORY, session_id
        self._read = 0

    def call(self, commitment: bytes) -> None:
        self._knock(commitment, None)
        self.link.wait(self.phone, CallState.RINGING)
        self._finish()

    def bring(self, size_bytes: int) -> None:
        """A spoken message, which is welcome."""
        utc_s = int(UTC_S)
        self._knock(commitment_to(NONCE, self._session_id), Spoken(utc_s, size_bytes))
        self.link.run(0.2)
        self.link.tell(self.phone, MessageAnswered(self._who.number, utc_s, Welcome.TAKE))
        self._finish()

    def _knock(self, commitment: bytes, spoken: Spoken | None) -> None:
        who = self._who.certificate.encode(), (Codec.OPUS,), int(UTC_S + self.link.now_s)
        number = self.phone.person.number
        invite = Invite(number, *who, commitment=commitment, spoken=spoken)
        noise_key = self.phone.person.identity.noise_key
        payload = encode_signal(invite)
        about = self._who.identity, noise_key, self._session_id
        self._handshake = CallerHandshake(*about, b"e" * 32, payload)
        first = Envelope(Kind.HANDSHAKE_1, self._session_id, self._handshake.first_message).encode()
        self.link.deliver(self.phone, first, AT)

    def _finish(self) -> None:
        second = next(one for one in self._envelopes() if one.kind is Kind.HANDSHAKE_2)
        answer, self.channel = self._handshake.finish(second.sealed)
        self.answer = decode_any(answer)

    def be_called(self) -> None:
        certificate = MALLORY.certificate.encode()
        self.link.directory = lambda _, wanted: events.NumberResolved(wanted, certificate, (AT,))
        self.link.dial(self.phone, MALLORY.number)
        self.link.run(0.21)
        new = [Envelope.decode(one.data) for _, phone, one in self.link.sent if phone is self.phone]
        first = new[0]
        self._session_id = first.session_id
        handshake = CalleeHandshake(MALLORY.identity, first.session_id, first.sealed)
        second, self.channel = handshake.finish(b"f" * 32, encode_signal(Ringing(Codec.OPUS)))
        encoded = Envelope(Kind.HANDSHAKE_2, first.session_id, second).encode()
        self.link.deliver(self.phone, encoded, AT)

    def say(self, signal: Signal) -> None:
        assert self.channel is not None
        plain = signal.encode() if isinstance(signal, Piece) else encode_signal(signal)
        self.link.deliver(self.phone, self.channel.seal(plain), AT)

    def heard(self) -> list[Signal]:
        """What the telephone has said since the last time."""
        assert self.channel is not None
        sealed = (one for one in self._envelopes() if one.kind is Kind.TRANSPORT)
        return [decode_any(self.channel.open(one)) for one in sealed]

    def _envelopes(self) -> list[Envelope]:
        sent = [one.data for _, phone, one in self.link.sent if phone is self.phone]
        new, self._read = sent[self._read :], len(sent)
        envelopes = (Envelope.decode(data) for data in new)
        return [one for one in envelopes if one.session_id == self._session_id]


def called(commitment: bytes | None = None) -> tuple[Link, Phone, Rogue]:
    """Bert, who has lifted for the rogue."""
    link = Link()
    bert = link.add("Bert")
    rogue = Rogue(link, bert)
    rogue.call(commitment or commitment_to(NONCE, SESSION))
    link.tell(bert, events.HookLifted())
    return link, bert, rogue


def assert_broken_off(link: Link, phone: Phone, rogue: Rogue) -> None:
    assert (phone.view.state, phone.view.reason) == (CallState.FAILED, EndReason.NOT_SECURE)
    assert digits(phone) == ""
    assert reasons(phone) == [EndReason.NOT_SECURE]
    assert Bye() in rogue.heard()
    link.run(2 * GIVE_UP_S)
    link.tell(phone, events.HookReplaced())
    assert phone.view.state is CallState.IDLE


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(b"x" * NONCE_BYTES, id="another nonce"),
        pytest.param(b"", id="none"),
        pytest.param(commitment_to(NONCE, SESSION), id="the commitment itself"),
    ],
)
def test_wrong_reveal_ends_the_call_and_says_so(told: bytes) -> None:
    link, bert, rogue = called()
    (answer,) = [one for one in rogue.heard() if isinstance(one, Answered)]
    assert len(answer.nonce) == NONCE_BYTES
    rogue.say(Ack(nonce=told))
    assert_broken_off(link, bert, rogue)


def test_right_reveal_gives_digits_and_may_come_again() -> None:
    _, bert, rogue = called()
    for _ in range(3):
        rogue.say(Ack(nonce=NONCE))
    assert bert.view.state is CallState.CONNECTED
    assert len(digits(bert)) == 4


def test_reveal_of_an_earlier_call_is_a_wrong_one() -> None:
    link, bert, rogue = called(commitment_to(NONCE, b"earlier."))
    rogue.heard()
    rogue.say(Ack(nonce=NONCE))
    assert_broken_off(link, bert, rogue)


def test_reveal_before_anybody_has_lifted_ends_nothing_but_the_bell() -> None:
    link = Link()
    bert = link.add("Bert")
    rogue = Rogue(link, bert)
    rogue.call(commitment_to(NONCE, SESSION))
    rogue.say(Ack(nonce=NONCE))
    link.run(0.1)
    assert not bert.rings
    assert reasons(bert) == [EndReason.NOT_SECURE]
    assert bert.view.state is CallState.IDLE


def test_bell_of_the_callee_tells_no_nonce() -> None:
    link = Link()
    bert = link.add("Bert")
    rogue = Rogue(link, bert)
    rogue.call(commitment_to(NONCE, SESSION))
    rogue.say(Update(1))
    rogue.say(Updated(0))
    assert rogue.heard() == []


def test_stranger_learns_no_address_while_it_rings() -> None:
    link = Link()
    bert = link.add("Bert")
    home = Candidate(Endpoint("192.168.1.7", 6881), CandidateKind.HOST)
    link.tell(bert, events.OwnCandidatesFound((home,), ()))
    rogue = Rogue(link, bert)
    rogue.call(commitment_to(NONCE, SESSION))
    for sequence in range(3):
        rogue.say(Update(sequence))
    assert rogue.heard() == []
    link.tell(bert, events.HookLifted())
    rogue.say(Ack(nonce=NONCE))
    rogue.say(Update(3))
    assert Updated(3, (home,)) in rogue.heard()


def test_callee_that_changes_its_nonce_after_the_reveal_loses_the_call() -> None:
    link = Link()
    anna = link.add("Anna")
    rogue = Rogue(link, anna)
    rogue.be_called()
    rogue.say(Answered(Codec.OPUS, nonce=b"1" * NONCE_BYTES))
    (ack,) = [one for one in rogue.heard() if isinstance(one, Ack)]
    assert len(ack.nonce) == NONCE_BYTES
    rogue.say(Answered(Codec.OPUS, nonce=b"2" * NONCE_BYTES))
    assert_broken_off(link, anna, rogue)


def test_callee_learns_nothing_for_nothing() -> None:
    link = Link()
    anna = link.add("Anna")
    rogue = Rogue(link, anna)
    rogue.be_called()
    rogue.say(Answered(Codec.OPUS))  # by a machine
    rogue.say(Update(1))
    rogue.say(Updated(0))
    assert {one.nonce for one in rogue.heard() if isinstance(one, Ack | Updated)} == {b""}
    assert digits(anna) == ""


def test_wrong_reveal_of_a_call_on_hold_ends_that_call_only() -> None:
    link, bert, rogue = called()
    rogue.heard()
    link.tell(bert, events.HookFlashed())
    rogue.say(Ack(nonce=b"x" * NONCE_BYTES))
    assert reasons(bert) == [EndReason.NOT_SECURE]
    assert bert.view.state is CallState.OFF_HOOK
    assert bert.view.others == ()


# --- a spoken message that never ends ------------------------------------------------------------


def told_of(rogue: Rogue, piece: Piece, for_s: float) -> float:
    """How long the telephone answers to a piece that comes again each second."""
    rogue.heard()
    for second in range(int(for_s)):
        rogue.say(piece)
        if rogue.heard() == []:
            return float(second)
        rogue.link.run(1.0)
    return for_s


@pytest.mark.parametrize("bringing", [INCOMING_MAX, INCOMING_MAX + 1])
def test_so_many_bring_a_message_at_the_same_time_and_the_one_more_comes_later(
    bringing: int,
) -> None:
    link = Link()
    bert = link.add("Bert")
    rogues = [Rogue(link, bert, person(f"{i}"), b"session%d" % i) for i in range(bringing)]
    for rogue in rogues:
        rogue.bring(3 * PIECE_BYTES)
    answers = [rogue.answer for rogue in rogues]
    assert answers == [Ready()] * INCOMING_MAX + [TryLater()] * (bringing - INCOMING_MAX)
    for rogue in rogues[:INCOMING_MAX]:  # who was there first is heard
        rogue.heard()
        rogue.say(Piece(0, bytes(PIECE_BYTES)))
        assert rogue.heard() != []
    link.run(SILENCE_S_MAX + 1.0)
    late = Rogue(link, bert, person("late"), b"session9")
    late.bring(3 * PIECE_BYTES)
    assert late.answer == Ready()


def test_piece_that_comes_again_and_again_keeps_no_place() -> None:
    link = Link()
    bert = link.add("Bert")
    rogue = Rogue(link, bert)
    rogue.bring(3 * PIECE_BYTES)
    assert told_of(rogue, Piece(0, bytes(PIECE_BYTES)), 60.0) <= SILENCE_S_MAX + 1.0


def test_pieces_that_come_as_slowly_as_may_be_end_after_five_minutes() -> None:
    link = Link()
    bert = link.add("Bert")
    rogue = Rogue(link, bert)
    rogue.bring(100 * PIECE_BYTES)
    rogue.heard()
    answered = 0
    for index in range(60):  # one each 9 s
        rogue.say(Piece(index, bytes(PIECE_BYTES)))
        answered += rogue.heard() != []
        link.run(SILENCE_S_MAX - 1.0)
    assert INCOMING_S_MAX / SILENCE_S_MAX < answered <= INCOMING_S_MAX / (SILENCE_S_MAX - 1.0) + 1


# --- somebody in the middle ----------------------------------------------------------------------

ANNA, BERT = Identity.generate(bytes(range(64))), Identity.generate(bytes(range(64, 128)))
TRIES = 60_000  # six times as many as there are digits: without commitment that finds them


class Middle:
    """Between Anna, who takes his key for Bert's, and Bert, who takes it for Anna's.

    What he may choose is what the protocol lets him choose at that moment; `both` = the nonces.
    """

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        mallory = MALLORY.identity
        self.anna = CallerHandshake(ANNA, mallory.noise_key, SESSION, dice.randbytes(32), b"")
        self.to_bert = CallerHandshake(mallory, BERT.noise_key, SESSION, dice.randbytes(32), b"")
        self.bert = CalleeHandshake(BERT, SESSION, self.to_bert.first_message)
        second, self.berts_end = self.bert.finish(dice.randbytes(32), b"")
        _, self.end_at_bert = self.to_bert.finish(second)

    def answer_anna(self) -> tuple[Channel, Channel]:
        """With an ephemeral key of his choice; Anna's end and his."""
        to_anna = CalleeHandshake(MALLORY.identity, SESSION, self.anna.first_message)
        second, his = to_anna.finish(self.dice.randbytes(32), b"")
        return self.anna.finish(second)[1], his


def test_without_commitment_somebody_in_the_middle_finds_the_same_digits() -> None:
    """What the nonces are for: were they told in any order, some ten thousand tries would do."""
    middle = Middle(random.Random(1))
    wanted = middle.berts_end.authentication_digits(bytes(64))
    annas, his = middle.answer_anna()
    nonce = bytes(32)
    found = next(
        chosen
        for chosen in (i.to_bytes(32, "big") for i in range(TRIES))
        if his.authentication_digits(nonce + chosen) == wanted
    )
    assert annas.authentication_digits(nonce + found) == wanted


def test_with_commitment_all_his_tries_are_worth_one() -> None:
    """He has all of Bert's digits, and must tell Anna his nonce before he hears hers.

    The best he can do is to choose the nonce that would do for some nonce of Anna's: it is right
    once in ten thousand calls. So of 2,000 honest nonces of hers none or a few may suit him.
    """
    dice = random.Random(2)
    middle = Middle(dice)
    wanted = middle.berts_end.authentication_digits(bytes(64))
    annas, his = middle.answer_anna()
    guess = dice.randbytes(32)
    chosen = next(
        one
        for one in (i.to_bytes(32, "big") for i in range(TRIES))
        if his.authentication_digits(guess + one) == wanted
    )
    hits = 0
    for _ in range(2_000):
        part = CallerPart(dice.randbytes(32), SESSION)  # a call of Anna's
        assert part.hear(chosen)
        hits += annas.authentication_digits(part.both) == wanted
        assert not part.hear(dice.randbytes(32))  # a second choice, when he knows hers
    assert hits <= 4, hits  # 0.2 expected; more than 4 once in 10**6 seeds, and the seed is fixed


def test_towards_bert_he_is_bound_before_he_hears_anything() -> None:
    """He may know Anna's digits first; but what he can reveal to Bert was fixed in his INVITE."""
    dice = random.Random(3)
    middle = Middle(dice)
    annas, _ = middle.answer_anna()
    wanted = annas.authentication_digits(bytes(64))
    part = CalleePart(dice.randbytes(32), SESSION, commitment_to(NONCE, SESSION))
    part.attend()
    better = next(
        one
        for one in (i.to_bytes(32, "big") for i in range(TRIES))
        if middle.end_at_bert.authentication_digits(one + part.offer) == wanted
    )
    assert not part.hear(better)
    assert part.hear(NONCE)
    assert middle.berts_end.authentication_digits(part.both) != wanted
