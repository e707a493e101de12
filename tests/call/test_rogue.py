"""A peer with a genuine key and number that says anything at any time."""

from __future__ import annotations

import random

import pytest

from firmware import events
from firmware.call.commitment import commitment_to
from firmware.call.encoding import encode_signal
from firmware.call.envelope import Envelope, Kind
from firmware.call.keys import CalleeHandshake, CallerHandshake, Channel
from firmware.call.messages import Invite, Prack
from firmware.model import CallState, Codec, Endpoint
from tests.call.link import UTC_S, Link, Phone, person
from tests.call.test_messages import SIGNALS

ROGUE, BERT = person("Rogue"), person("Bert")
AT = Endpoint("203.0.113.66", 6881)
SESSION = b"session."
NONCE = b"n" * 32  # as in SIGNALS


def rogue_caller(link: Link, bert: Phone, utc_s: int | None) -> Channel:
    """Calls Bert; returns the rogue's end of the channel."""
    who = BERT.number, ROGUE.certificate.encode(), (Codec.OPUS,), utc_s
    invite = Invite(*who, commitment=commitment_to(NONCE, SESSION))
    noise_key = BERT.identity.noise_key
    payload = encode_signal(invite)
    handshake = CallerHandshake(ROGUE.identity, noise_key, SESSION, b"e" * 32, payload)
    first = Envelope(Kind.HANDSHAKE_1, SESSION, handshake.first_message).encode()
    said = link.deliver(bert, first, AT)
    link.run(0.2)
    second = next(m.data for m in [*said, *bert.said] if isinstance(m, events.SendDatagram))
    return handshake.finish(Envelope.decode(second).sealed)[1]


def rogue_callee(link: Link, bert: Phone, response: bytes) -> Channel:
    """Is called by Bert and responds; returns the rogue's end of the channel."""
    link.directory = lambda _, wanted: events.NumberResolved(
        wanted, ROGUE.certificate.encode(), (AT,)
    )
    link.dial(bert, ROGUE.number)
    link.run(0.21)
    first = Envelope.decode(link.sent[-1][2].data)
    handshake = CalleeHandshake(ROGUE.identity, first.session_id, first.sealed)
    second, channel = handshake.finish(b"f" * 32, response)
    link.deliver(bert, Envelope(Kind.HANDSHAKE_2, first.session_id, second).encode(), AT)
    return channel


def babble(link: Link, bert: Phone, channel: Channel, dice: random.Random) -> None:
    """Twelve signals and broken ones, while Bert uses the handset; each may change the state."""
    hand = (events.HookLifted(), events.HookReplaced(), events.KeyPressed("*"), events.MediaLost())
    for _ in range(12):
        plain = encode_signal(dice.choice(SIGNALS))
        link.deliver(bert, channel.seal(plain if dice.random() < 0.9 else plain[:-1]), AT)
        if dice.random() < 0.3:
            link.tell(bert, dice.choice(hand))
        link.run(dice.choice((0.0, 0.1, 1.0)))


def assert_peace(link: Link, bert: Phone, seed: int) -> None:
    """Whatever was said: the handset on its hook ends it, and Bert can be called."""
    if bert.view.state is CallState.RINGING:
        link.tell(bert, events.HookLifted())
    link.tell(bert, events.HookReplaced())
    link.run(120.0)
    assert bert.view.state is CallState.IDLE, f"seed {seed}"
    assert bert.core.deadline_s() is None, f"seed {seed}"
    counts: list[int] = []
    for kinds in (
        (events.OpenMicrophone, events.CloseMicrophone),
        (events.PrepareMedia, events.StopMedia),
        (events.StartRinging, events.StopRinging),
    ):
        opened, closed = (len(bert.asked(kind)) for kind in kinds)
        counts.append(opened - closed)
    assert counts == [0, 0, 0], f"seed {seed}"
    anna = link.add("Anna")
    link.directory = link.find
    link.connect(anna, bert)


@pytest.mark.parametrize("seed", range(40))
def test_rogue_caller_breaks_nothing(seed: int) -> None:
    link = Link(seed)
    bert = link.add("Bert")
    channel = rogue_caller(link, bert, utc_s=int(UTC_S) if seed % 2 else None)
    babble(link, bert, channel, random.Random(seed))
    assert_peace(link, bert, seed)


@pytest.mark.parametrize("seed", range(40))
def test_rogue_callee_breaks_nothing(seed: int) -> None:
    dice = random.Random(seed)
    link = Link(seed)
    bert = link.add("Bert")
    response = encode_signal(dice.choice(SIGNALS)) if seed % 5 else b"nonsense"
    babble(link, bert, rogue_callee(link, bert, response), dice)
    assert_peace(link, bert, seed)


def test_rogue_that_asks_for_ringing_again_is_answered_without_ringing_again() -> None:
    link = Link()
    bert = link.add("Bert")
    channel = rogue_caller(link, bert, utc_s=None)
    for _ in range(5):
        link.deliver(bert, channel.seal(encode_signal(Prack())), AT)
        link.run(0.2)
    assert len(bert.asked(events.StartRinging)) == len(bert.asked(events.ComputeArgon2)) == 1
