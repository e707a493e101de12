"""A million hostile datagrams: no decoder and no telephone raises anything but MalformedError.

The material is what a real call sends in the deterministic world; what is made of it depends on the
seed, which a failure prints.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from firmware import events, stun
from firmware.call.encoding import decode_signal, encode_signal
from firmware.call.envelope import Envelope
from firmware.call.messages import Ack, Answered, Bye, Invite, Ringing, Update
from firmware.codec.opus import OpusDecoder, OpusEncoder
from firmware.demux import Protocol, protocol_of
from firmware.errors import MalformedError
from firmware.identity import Certificate, Identity
from firmware.media.path.checks import CheckCodec
from firmware.media.rtp import RtpPacket
from firmware.model import CallState, Codec, Endpoint
from firmware.overlay.dht import bencode, items, krpc
from tests.world import PhoneActor, World, sine

SEED = 20261122
DECODER_DATAGRAMS = 1_000_000
TELEPHONE_DATAGRAMS = 20_000
STRANGER = Endpoint("203.0.113.7", 4711)


CERTIFICATE = Identity.generate(bytes(range(64))).certify(bytes(16), "Käthe").encode()
INVITE = Invite(*("471108151234", CERTIFICATE, tuple(Codec), 1_800_000_000), commitment=bytes(32))
SIGNALS = [
    encode_signal(INVITE),
    encode_signal(Ringing(Codec.OPUS)),
    encode_signal(Answered(Codec.PCMA, nonce=bytes(32))),
    encode_signal(Ack(nonce=bytes(32))),
    encode_signal(Update(3, nonce=bytes(32))),
    encode_signal(Bye()),
]


NODE_ID = bytes(range(20))
ITEM = items.Item(b"d1:ali1e1:xee", b"k" * 32, 7, b"salt", b"s" * 64)
NODES = (
    krpc.Contact(NODE_ID, Endpoint("192.0.2.1", 6881)),
    krpc.Contact(NODE_ID, Endpoint("2001:db8::1", 6881)),
)
ITEM_ANSWER = krpc.Answer(NODES, token=b"12345678", item=ITEM)
SAMPLES_ANSWER = krpc.Answer(NODES, samples=krpc.Samples((NODE_ID,), 9, 300))
ITEM_PACKETS: list[krpc.Query | krpc.Response | krpc.Error] = [
    krpc.Query(b"1234", NODE_ID, krpc.GetItem(NODE_ID, 0, (b"n4", b"n6"))),
    krpc.Query(b"1234", NODE_ID, krpc.PutItem(ITEM, b"12345678", cas=6)),
    krpc.Query(b"1234", NODE_ID, krpc.PutItem(items.immutable([1, b"x"]), b"12345678")),
    krpc.Query(b"1234", NODE_ID, krpc.SampleInfohashes(NODE_ID)),
    krpc.Response(b"1234", NODE_ID, ITEM_ANSWER, NODES[1].endpoint, krpc.VERSION),
    krpc.Response(b"1234", NODE_ID, SAMPLES_ANSWER, NODES[0].endpoint),
    krpc.Error(b"1234", 302, "Sequence Number Less Than Current"),
]
CHECK = CheckCodec(bytes(32), is_caller=True).ask(bytes(12), 7)
UNSORTED = (
    b"d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:abcdefghij0123456789ee",
    b"d1:y1:r1:t2:aa1:rd5:token4:abcd5:nodes0:2:id20:abcdefghij01234567896:valuesl6:abcdefeee",
    b"d1:bd1:bi-1e1:ali0ei12e1:xee1:a0:e",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder, its share of the million, and what is made hostile for it."""

    name: str
    decode: Callable[[bytes], object]
    share: float
    protocol: Protocol | None = None  # datagrams of a recorded call, or else:
    samples: tuple[bytes, ...] = ()


TARGETS = (
    Target("krpc", krpc.decode, 0.2, Protocol.KRPC),
    Target("krpc items", krpc.decode, 0.2, samples=tuple(map(krpc.encode, ITEM_PACKETS))),
    Target("bencode", bencode.decode, 0.05, Protocol.KRPC),
    Target("bencode unsorted", bencode.decode, 0.05, samples=UNSORTED),
    Target("envelope", Envelope.decode, 0.15, Protocol.SEALED),
    Target("rtp", RtpPacket.decode, 0.15, Protocol.RTP),
    Target("stun", stun.decode, 0.05, samples=(CHECK,)),
    Target("signal", decode_signal, 0.1, samples=tuple(SIGNALS)),
    Target("certificate", Certificate.decode, 0.03, samples=(CERTIFICATE,)),
    Target("opus", OpusDecoder().decode, 0.02, samples=(OpusEncoder().encode(sine(440.0, 0)),)),
)


class Wire(World):
    """A world that keeps what passes over its network."""

    def __init__(self, seed: int) -> None:
        self.seen: set[bytes] = set()
        super().__init__(seed)

    def _send(self, source: Endpoint, data: bytes, to: Endpoint) -> None:
        self.seen.add(data)
        super()._send(source, data, to)


def recorded_call() -> tuple[list[bytes], World, PhoneActor, PhoneActor]:
    """All datagrams of a call that goes on, in a fixed order."""
    world = Wire(SEED)
    world.add_nodes(4)
    anna, bert = world.add_phone("Anna"), world.add_phone("Bert")
    world.settle()
    world.connect(anna, bert)
    world.run(1.0)
    return sorted(world.seen), world, anna, bert


def hostile(samples: list[bytes], count: int, dice: random.Random) -> Iterator[bytes]:
    """Noise, and samples that are cut, stretched, flipped or spliced."""
    for _ in range(count):
        sample = samples[dice.randrange(len(samples))]
        way = dice.randrange(6)
        if way == 0:
            yield sample[:1] + dice.randbytes(dice.randrange(64))
        elif way == 1:
            yield sample[: dice.randrange(len(sample) + 1)]
        elif way == 2:
            other = samples[dice.randrange(len(samples))]
            yield sample[: dice.randrange(len(sample) + 1)] + other[dice.randrange(len(other)) :]
        elif way == 3:
            yield sample + dice.randbytes(dice.randrange(1, 32))
        else:
            changed = bytearray(sample)
            for _ in range(dice.randrange(1, 5)):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            yield bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_decoder_given_hostile_bytes_raises_malformed_error_only(target: Target) -> None:
    samples = [*target.samples]
    if target.protocol is not None:
        samples = [data for data in recorded_call()[0] if protocol_of(data) is target.protocol]
    dice = random.Random(f"{SEED}/{target.name}")
    accepted = refused = 0
    for data in hostile(samples, round(DECODER_DATAGRAMS * target.share), dice):
        try:
            target.decode(data)
            accepted += 1
        except MalformedError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {target.name} of {data.hex()}") from error
    assert refused > 0
    assert accepted + refused == round(DECODER_DATAGRAMS * target.share)


def test_shares_make_a_million() -> None:
    assert sum(target.share for target in TARGETS) == pytest.approx(1.0)


@pytest.mark.slow
def test_telephone_in_a_call_ignores_hostile_datagrams_and_talks_on() -> None:
    samples, world, anna, bert = recorded_call()
    dice = random.Random(SEED)
    sources = (STRANGER, bert.endpoint, Endpoint("10.0.0.1", 6881))
    for i, data in enumerate(hostile(samples, TELEPHONE_DATAGRAMS, dice)):
        world.tell(anna, events.DatagramReceived(data, sources[i % len(sources)]))
        if i % 100 == 0:
            world.run(0.02)
    assert anna.view.state is bert.view.state is CallState.CONNECTED, world.story("call was lost")
    world.replace(anna)
    world.wait(bert, CallState.FAILED)
