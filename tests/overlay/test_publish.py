"""A card being published at one node that keeps items as it likes."""

from __future__ import annotations

import random

from firmware.events import DatagramReceived, Fact, Message, SendDatagram
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.blind import blinded_key
from firmware.overlay.card import Place, period_of
from firmware.overlay.dht import krpc
from firmware.overlay.dht.items import Item, signed
from firmware.overlay.dht.node import Node
from firmware.overlay.dht.routing import RoutingTable
from firmware.overlay.publish import (
    CARD_RENEW_S,
    CATCH_UPS_MAX,
    RETRY_S,
    YOUNG_RENEW_S,
    CardPublication,
)
from firmware.overlay.swarm import Calendar

OWNER = Identity.generate(random.Random(1).randbytes(64))
CERTIFICATE = OWNER.certify(bytes(16), "Anna").encode()
HOLDER = krpc.Contact(b"\x11" * 20, Endpoint("198.51.100.2", 6881))
EXCHANGE = Place(Endpoint("203.0.113.9", 4000), b"\x07" * 32)
UTC_S = 1_800_000_000.0
DAY = int(UTC_S // 86_400)
KEY = blinded_key(OWNER.ed25519_private, period_of(DAY))


class Holder:
    """Keeps `kept` against all that is not newer, but says what it is only when it `tells`."""

    def __init__(self, kept: Item, *, tells: bool) -> None:
        self.kept = kept
        self.tells = tells
        self.puts: list[int] = []  # sequence numbers

    def answer(self, query: krpc.Query) -> krpc.Response | krpc.Error:
        question, answer = query.question, krpc.Answer()
        if isinstance(question, krpc.GetItem):
            item = self.kept if self.tells else None
            answer = krpc.Answer(nodes=(), token=b"token", item=item)
        elif isinstance(question, krpc.PutItem):
            self.puts.append(question.item.seq)
            if question.item.seq <= self.kept.seq:
                return krpc.Error(query.transaction_id, krpc.ERROR_SEQ_TOO_LOW, "older")
            self.kept = question.item
        return krpc.Response(query.transaction_id, HOLDER.node_id, answer)


class Publisher:
    """A node that knows the holder only, with a publication; time is `now_s`."""

    def __init__(self, holder: Holder) -> None:
        source = random.Random(2).randbytes
        self.holder = holder
        self.node = Node((), source)
        table = RoutingTable(self.node.node_id)
        assert table.answered(HOLDER, 0.1, 0.0)
        self.node.adopt(table)
        self.card = CardPublication(OWNER, CERTIFICATE, DAY, self.node, source)
        self.card.calendar, self.card.exchanges = Calendar(UTC_S, 0.0), (EXCHANGE,)
        self.now_s = 0.0

    def round(self) -> None:
        """What is due now, to its end."""
        self.card.advance(self.now_s)
        self._carry_out(self.node.drain())

    def next_round(self) -> float:
        """Go to the time of the next round; how long that took."""
        due_s = self.card.deadline_s()
        assert due_s is not None
        waited_s, self.now_s = due_s - self.now_s, due_s
        self.round()
        return waited_s

    def _carry_out(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, SendDatagram):
                query = krpc.decode(message.data)
                assert isinstance(query, krpc.Query)
                data = krpc.encode(self.holder.answer(query))
                fact = DatagramReceived(data, message.to)
                self._carry_out(self.node.handle(fact, self.now_s))
            else:
                assert isinstance(message, Fact)
                self.card.hear(message, self.now_s)
                self._carry_out(self.node.drain())


def kept(seq: int) -> Item:
    return signed(b"an older card", KEY.public_key, seq, KEY.sign)


def test_card_refused_as_too_old_is_written_again_above_what_is_kept() -> None:
    publisher = Publisher(Holder(kept(int(UTC_S) + 1000), tells=False))
    publisher.round()
    assert publisher.holder.puts == [int(UTC_S)]
    publisher.holder.tells = True
    assert publisher.next_round() <= 1.5 * RETRY_S
    assert publisher.holder.puts[-1] == int(UTC_S) + 1001 == publisher.holder.kept.seq
    assert publisher.card.is_published(publisher.now_s)
    assert publisher.next_round() == YOUNG_RENEW_S


def test_card_is_written_again_after_a_minute_and_then_every_hour() -> None:
    publisher = Publisher(Holder(kept(1), tells=True))
    publisher.round()
    waits_s = [publisher.next_round() for _ in range(3)]
    assert waits_s == [YOUNG_RENEW_S, CARD_RENEW_S, CARD_RENEW_S]
    assert len(publisher.holder.puts) == 4


def test_holder_that_always_says_too_old_is_tried_a_few_times_in_a_row_only() -> None:
    publisher = Publisher(Holder(kept(2**62), tells=False))
    publisher.round()
    waits_s = [publisher.next_round() for _ in range(CATCH_UPS_MAX + 4)]
    assert all(wait_s <= 1.5 * RETRY_S for wait_s in waits_s[: CATCH_UPS_MAX + 1])
    assert waits_s[-1] > 1.5 * RETRY_S
    assert not publisher.card.is_published(publisher.now_s)


def test_round_that_is_due_waits_until_the_end_of_a_rest() -> None:
    publisher = Publisher(Holder(kept(1), tells=False))
    publisher.card.rest(1.0)
    publisher.round()
    assert publisher.holder.puts == []
    assert publisher.next_round() == 1.0
    assert publisher.holder.puts == [int(UTC_S) + 1]
