from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from firmware import events
from firmware.call.encoding import encode_signal
from firmware.call.envelope import SEALED_BYTES_MAX, Envelope, Kind
from firmware.call.freshness import FRESH_S
from firmware.call.keys import CalleeHandshake, CallerHandshake
from firmware.call.messages import Bye, Invite, Ringing, Signal
from firmware.call.session import GIVE_UP_S, LINGER_S, REPEAT_FIRST_S, REPEAT_MAX_S
from firmware.call.transaction import (
    HANDSHAKES_BURST_MAX,
    HANDSHAKES_PER_S_MAX,
    INVITES_PENDING_MAX,
    SESSIONS_MAX,
)
from firmware.events import Message
from firmware.identity import Certificate
from firmware.model import CallState, Codec, Endpoint, EndReason
from tests.call.link import UTC_S, Link, Person, Phone, person, two_phones

ANNA, BERT = person("Anna"), person("Bert")
STRANGER = Endpoint("203.0.113.5", 4000)
NOW_S = 100.0


def invitation(
    *,
    session_id: bytes = b"session.",
    caller: Person = ANNA,
    certificate: Certificate | None = None,
    utc_s: int | None = int(UTC_S + NOW_S),
    signal: Signal | None = None,
) -> bytes:
    """A first datagram to Bert."""
    encoded = (certificate or caller.certificate).encode()
    signal = signal or Invite(BERT.number, encoded, (Codec.OPUS,), utc_s, commitment=bytes(32))
    handshake = CallerHandshake(
        caller.identity, BERT.identity.noise_key, session_id, b"e" * 32, encode_signal(signal)
    )
    return Envelope(Kind.HANDSHAKE_1, session_id, handshake.first_message).encode()


def only_bert() -> tuple[Link, Phone]:
    link = Link()
    bert = link.add("Bert")
    link.run(NOW_S)
    return link, bert


def kinds(messages: list[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


def envelope_kinds(messages: list[Message]) -> list[Kind]:
    sent = [message for message in messages if isinstance(message, events.SendDatagram)]
    return [Envelope.decode(message.data).kind for message in sent]


# --- what is sent, and when ----------------------------------------------------------------------


def test_invite_is_repeated_in_growing_pauses_until_the_give_up_time() -> None:
    link = Link()
    anna, bert = two_phones(link)
    bert.online = False
    link.dial(anna, bert.person.number)
    link.run(20.0)
    times = [at_s for at_s, _, _ in link.sent]
    pauses = [round(later - earlier, 6) for earlier, later in pairwise(times)]
    assert pauses[0] == REPEAT_FIRST_S
    assert set(pauses[1:]) == {REPEAT_MAX_S}
    assert len(times) == 17
    assert times[-1] - times[0] < GIVE_UP_S
    assert len({sent.data for _, _, sent in link.sent}) == 1


def test_invite_is_not_repeated_after_its_response() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.RINGBACK)
    sent = len(link.sent)
    link.run(20.0)
    assert len(link.sent) == sent


def test_whole_call_takes_six_datagrams_on_a_good_line() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.run(1.0)
    link.tell(anna, events.HookReplaced())
    link.run(30.0)
    senders = [phone.person.certificate.name for _, phone, _ in link.sent]
    # INVITE, 180, 200, ACK, BYE, 200
    assert senders == ["Anna", "Bert", "Bert", "Anna", "Anna", "Bert"]
    assert max(len(sent.data) for _, _, sent in link.sent) < 400
    assert all(len(sent.data) <= SEALED_BYTES_MAX for _, _, sent in link.sent)


def test_nothing_is_left_to_do_when_the_last_duplicate_is_over() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.tell(anna, events.HookReplaced())
    link.run(GIVE_UP_S + LINGER_S)
    assert anna.core.deadline_s() is bert.core.deadline_s() is None


# --- duplicates and recordings -------------------------------------------------------------------


def test_duplicate_invite_is_answered_with_the_same_bytes_and_rings_once() -> None:
    link, bert = only_bert()
    assert kinds(link.deliver(bert, invitation(), STRANGER)) == ["ComputeArgon2"]
    assert link.deliver(bert, invitation(), STRANGER) == []  # still being proved
    link.run(0.2)
    first = bert.asked(events.SendDatagram)
    assert link.deliver(bert, invitation(), STRANGER) == first
    assert len(bert.asked(events.StartRinging)) == 1


def test_recording_from_elsewhere_moves_nothing_of_the_call() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.RINGBACK)
    (recorded,) = [sent.data for _, phone, sent in link.sent if phone is anna]
    (reply,) = link.deliver(bert, recorded, STRANGER)
    assert isinstance(reply, events.SendDatagram)
    assert reply.to == STRANGER
    assert len(reply.data) < len(recorded)
    said = link.tell(bert, events.HookLifted())
    assert [m.to for m in said if isinstance(m, events.SendDatagram)] == [anna.endpoint]


@pytest.mark.parametrize("later_s", [LINGER_S + 1.0, FRESH_S - 1.0, FRESH_S + 1.0, 86_400.0])
def test_replayed_invite_never_rings_again(later_s: float) -> None:
    link, bert = only_bert()
    link.deliver(bert, invitation(), STRANGER)
    link.run(0.2)
    link.tell(bert, events.KeyPressed("*"))
    link.run(later_s)
    link.deliver(bert, invitation(), STRANGER)
    link.run(30.0)
    assert len(bert.asked(events.StartRinging)) == len(bert.asked(events.ComputeArgon2)) == 1


def test_invite_of_before_a_restart_does_not_ring() -> None:
    link = Link()
    bert = link.add("Bert")  # on for a minute; this was sent before
    link.deliver(bert, invitation(utc_s=int(UTC_S) - 61), STRANGER)
    link.run(30.0)
    assert not bert.asked(events.StartRinging)


@pytest.mark.parametrize("clock", ["none at the caller", "none at the callee", "an hour apart"])
def test_box_with_the_wrong_time_rings_after_one_more_round_trip(clock: str) -> None:
    link = Link()
    anna = link.add("Anna", utc_s={"none at the caller": None}.get(clock, UTC_S))
    bert = link.add(
        "Bert",
        utc_s={"none at the callee": None, "an hour apart": UTC_S + 3600.0}.get(clock, UTC_S),
    )
    link.connect(anna, bert)
    link.run(GIVE_UP_S + 1.0)
    assert bert.view.state is CallState.CONNECTED
    assert kinds(bert.said)[:2] == ["SendDatagram", "ComputeArgon2"]  # TRYING; then, after PRACK


def test_replayed_transport_message_is_dropped() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.run(1.0)
    dropped = bert.core.dropped["malformed"]
    recorded = [sent.data for _, phone, sent in link.sent if phone is anna][1:]
    for data in recorded:
        assert link.deliver(bert, data, STRANGER) == []
    assert bert.core.dropped["malformed"] == dropped + len(recorded) > dropped


# --- forgeries -----------------------------------------------------------------------------------


def test_certificate_of_somebody_else_is_dropped() -> None:
    link, bert = only_bert()
    forged = invitation(caller=person("Mallory"), certificate=ANNA.certificate)
    assert link.deliver(bert, forged, STRANGER) == []
    assert bert.core.dropped["malformed"] == 1


def test_caller_whose_hash_is_no_number_is_never_answered() -> None:
    link, bert = only_bert()
    unsearched = ANNA.identity.certify(b"\xff" * 16, "Anna")
    link.deliver(bert, invitation(certificate=unsearched), STRANGER)
    link.run(30.0)
    assert kinds(bert.said) == ["ComputeArgon2"]


def test_hash_of_somebody_elses_question_changes_nothing() -> None:
    link, bert = only_bert()
    link.deliver(bert, invitation(), STRANGER)
    assert link.tell(bert, events.Argon2Computed(b"other", b"salt", bytes(32))) == []


def test_hash_that_comes_too_late_does_not_ring() -> None:
    link, bert = only_bert()
    bert.hash_s = LINGER_S + 1.0
    link.deliver(bert, invitation(), STRANGER)
    link.run(30.0)
    assert kinds(bert.said) == ["ComputeArgon2"]


@pytest.mark.parametrize("signal", [Bye(), Ringing(Codec.OPUS)])
def test_first_message_that_is_no_invite_is_dropped(signal: Signal) -> None:
    link, bert = only_bert()
    assert link.deliver(bert, invitation(signal=signal), STRANGER) == []


def test_another_invite_under_a_known_session_is_dropped() -> None:
    link, bert = only_bert()
    link.deliver(bert, invitation(), STRANGER)
    other = invitation(caller=person("Mallory"))
    assert link.deliver(bert, other, STRANGER) == []
    assert bert.core.dropped["malformed"] == 1


def test_forged_response_does_not_spoil_the_genuine_one() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.dial(anna, bert.person.number)
    link.run(0.21)
    session_id = Envelope.decode(link.sent[0][2].data).session_id
    for forged in (
        Envelope(Kind.HANDSHAKE_2, session_id, b"\x09" * 60),
        Envelope(Kind.TRANSPORT, session_id, bytes(20)),
        Envelope(Kind.HANDSHAKE_1, session_id, bytes(200)),
    ):
        assert link.deliver(anna, forged.encode(), bert.endpoint) == []
    link.wait(anna, CallState.RINGBACK)


def test_callee_that_chooses_a_codec_nobody_offered_is_hung_up_on() -> None:
    link = Link()
    anna, bert = link.add("Anna", codecs=(Codec.OPUS,)), link.add("Bert")
    link.dial(anna, bert.person.number)
    link.run(0.21)
    first = Envelope.decode(link.sent[0][2].data)
    handshake = CalleeHandshake(BERT.identity, first.session_id, first.sealed)
    second, _ = handshake.finish(b"f" * 32, encode_signal(Ringing(Codec.PCMU)))
    envelope = Envelope(Kind.HANDSHAKE_2, first.session_id, second)
    said = link.deliver(anna, envelope.encode(), bert.endpoint)
    assert anna.view.reason is EndReason.NO_COMMON_CODEC
    assert envelope_kinds(said) == [Kind.TRANSPORT]  # CANCEL


def test_random_and_mutated_datagrams_never_raise_and_never_ring() -> None:
    seed = 16
    dice = random.Random(seed)
    link = Link(seed)
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    genuine = [sent.data for _, _, sent in link.sent]
    for _ in range(1500):
        data = bytearray(dice.choice(genuine))
        data[dice.randrange(3, len(data))] ^= 1 << dice.randrange(8)
        for phone in (anna, bert):
            link.deliver(phone, bytes(data), STRANGER)
            link.deliver(phone, b"\xf0\x01" + dice.randbytes(dice.randrange(200)), STRANGER)
        link.now_s += 0.0001
    assert anna.view.state is bert.view.state is CallState.CONNECTED, f"seed {seed}"
    assert len(bert.asked(events.StartRinging)) == 1


def test_every_truncation_of_every_datagram_is_dropped() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    for _, sender, sent in list(link.sent):
        hearer = bert if sender is anna else anna
        for length in range(len(sent.data)):
            assert link.deliver(hearer, sent.data[:length], STRANGER) == []


# --- limits --------------------------------------------------------------------------------------


def flood(link: Link, phone: Phone, count: int) -> list[str]:
    """As many callers at once, each a new key that owns no number."""
    said: list[Message] = []
    for i in range(count):
        session_id = i.to_bytes(8, "big")
        said += link.deliver(phone, invitation(session_id=session_id), STRANGER)
    return kinds(said)


def test_no_more_hashes_are_asked_for_than_the_limit() -> None:
    link, bert = only_bert()
    assert flood(link, bert, 10) == ["ComputeArgon2"] * INVITES_PENDING_MAX
    assert bert.core.dropped["INVITE over a limit"] == 10 - INVITES_PENDING_MAX


def test_invite_that_met_the_limit_gets_through_when_it_is_repeated() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.run(NOW_S)
    bert.hash_s = 1.0
    for i in range(INVITES_PENDING_MAX):
        unsearched = ANNA.identity.certify(bytes([255, i]) * 8, "Mallory")
        link.deliver(bert, invitation(session_id=bytes([i] * 8), certificate=unsearched), STRANGER)
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.RINGBACK)
    assert bert.core.dropped["INVITE over a limit"] > 0


def test_handshakes_are_limited_before_any_key_is_computed() -> None:
    link, bert = only_bert()
    garbage = [Envelope(Kind.HANDSHAKE_1, bytes([i] * 8), bytes(100)).encode() for i in range(50)]
    for data in garbage:
        link.deliver(bert, data, STRANGER)
    assert bert.core.dropped == Counter(
        {
            "malformed": int(HANDSHAKES_BURST_MAX),
            "handshake over the limit": 50 - int(HANDSHAKES_BURST_MAX),
        }
    )
    link.run(0.5)
    for data in garbage:
        link.deliver(bert, data, STRANGER)
    assert bert.core.dropped["malformed"] == HANDSHAKES_BURST_MAX + HANDSHAKES_PER_S_MAX / 2


def test_sessions_are_limited_and_those_that_only_linger_make_room() -> None:
    link, bert = only_bert()
    link.tell(bert, events.HookLifted())  # busy: each session lingers at once
    for i in range(3 * SESSIONS_MAX):
        caller = person(("Anna", "Clara")[i % 2])  # each within its own limit
        first = invitation(session_id=i.to_bytes(8, "big"), caller=caller)
        link.deliver(bert, first, STRANGER)
        link.run(0.2)
    assert len(bert.ended) == 3 * SESSIONS_MAX
    assert len(bert.core._transactions._sessions) == SESSIONS_MAX


def test_possible_recordings_make_room_for_the_next() -> None:
    link, bert = only_bert()
    for i in range(3 * SESSIONS_MAX):
        data = invitation(session_id=i.to_bytes(8, "big"), utc_s=None)
        assert envelope_kinds(link.deliver(bert, data, STRANGER)) == [Kind.HANDSHAKE_2]
        link.run(0.1)
    assert len(bert.core._transactions._sessions) == SESSIONS_MAX
    assert not bert.asked(events.ComputeArgon2)


def test_stranger_never_displaces_a_call_or_a_bye_on_its_way() -> None:
    link = Link()
    anna, bert = two_phones(link)
    bert.online = False
    for _ in range(SESSIONS_MAX + 3):  # impatient: each leaves an INVITE behind, being repeated
        link.dial(anna, bert.person.number)
        link.run(0.3)
        link.tell(anna, events.HookReplaced())
    assert len(anna.core._transactions._sessions) == SESSIONS_MAX
    session_id, utc_s = b"stranger", int(link.now_s + UTC_S)
    invite = Invite(
        ANNA.number, BERT.certificate.encode(), (Codec.OPUS,), utc_s, commitment=bytes(32)
    )
    handshake = CallerHandshake(
        BERT.identity, ANNA.identity.noise_key, session_id, b"e" * 32, encode_signal(invite)
    )
    data = Envelope(Kind.HANDSHAKE_1, session_id, handshake.first_message).encode()
    assert link.deliver(anna, data, STRANGER) == []
    assert anna.core.dropped["INVITE over a limit"] == 1


def test_box_without_a_number_takes_no_invite() -> None:
    link = Link()
    bert = link.add("Bert", ready=False)
    assert link.deliver(bert, invitation(), STRANGER) == []
