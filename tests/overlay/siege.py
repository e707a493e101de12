"""A node under siege: noise, forged addresses, liars with good manners; no socket, virtual time.

`victims` never send anything themselves: others forge their addresses, or name them as nodes.
`liars` answer what they are asked, so they are believed, and lie in all that they say.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque

from firmware.events import DatagramReceived, Message, SendDatagram, Started
from firmware.model import Endpoint
from firmware.overlay.dht import bencode, krpc
from firmware.overlay.dht.items import immutable
from firmware.overlay.dht.krpc import Answer, Contact, Item, Query, Response
from firmware.overlay.dht.node import Node

STEP_S = 0.001  # between two hostile datagrams
WANT = (b"n4", b"n6")
VICTIMS = 8
LIARS = 64
_METHODS = b"ping find_node get_peers announce_peer get put sample_infohashes x_fr_certificate vote"
_KEYS = b"id target info_hash token port implied_port v k seq sig salt cas want"


class Siege:
    """Sends hostile datagrams; `most_in_a_second` and the node itself say how it was."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.now_s = 1000.0
        self.sent = 0
        self.most_in_a_second = 0  # bytes to one victim
        self.to_victims = 0  # bytes to all of them
        self._recent: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._victims = [f"93.184.{i}.7" for i in range(VICTIMS // 2)]
        self._victims += [f"2a03:{i}::7" for i in range(VICTIMS // 2)]
        self._liars = {
            Endpoint(f"81.{i}.0.1", 6881): self.dice.randbytes(20) for i in range(LIARS // 2)
        } | {Endpoint(f"2a00:{i}::1", 6881): self.dice.randbytes(20) for i in range(LIARS // 2)}
        self._tokens: dict[Endpoint, tuple[bytes, bytes]] = {}  # the last we got, and its target
        self._samples = [krpc.encode(query) for query in self._questions(b"x" * 8)]
        self.node = Node(tuple(map(str, self._liars)), random.Random(seed + 1).randbytes)
        self._carry_out(self.node.handle(Started(), self.now_s))

    def run(self, datagrams: int) -> None:
        """One hostile datagram every STEP_S."""
        ways = (self._noise, self._mutated, self._structured, self._forged, self._liar, self._liar)
        for _ in range(datagrams):
            self.now_s += STEP_S
            due_s = self.node.deadline_s()
            if due_s is not None and due_s <= self.now_s:
                self._carry_out(self.node.on_time(self.now_s))
            data, source = self.dice.choice(ways)()
            self._receive(data, source)
            self.sent += 1

    def _receive(self, data: bytes, source: Endpoint) -> None:
        self._carry_out(self.node.handle(DatagramReceived(data, source), self.now_s))

    def _carry_out(self, messages: list[Message]) -> None:
        for message in messages:
            if not isinstance(message, SendDatagram):
                continue
            if message.to in self._liars:
                self._hear(message)
            elif message.to.host in self._victims:
                self._count(message.to.host, len(message.data))

    def _count(self, host: str, size: int) -> None:
        recent = self._recent[host]
        recent.append((self.now_s, size))
        while recent[0][0] <= self.now_s - 1.0:
            recent.popleft()
        self.to_victims += size
        self.most_in_a_second = max(self.most_in_a_second, sum(size for _, size in recent))

    def _hear(self, message: SendDatagram) -> None:
        """What a liar is asked it answers at once; a token it keeps."""
        packet = krpc.decode(message.data)
        node_id = self._liars[message.to]
        if isinstance(packet, Response) and packet.answer.token is not None:
            self._tokens[message.to] = (packet.answer.token, packet.transaction_id)
        if isinstance(packet, Query) and self.dice.random() < 0.9:
            answer = Answer(
                tuple(self._lie() for _ in range(8)),
                tuple(self._lie().endpoint for _ in range(8)),
                b"token",
                item=self.dice.choice((None, Item(b"3:lie"), self._signed())),
            )
            observed = self._lie().endpoint
            response = Response(packet.transaction_id, node_id, answer, observed)
            self._receive(krpc.encode(response), message.to)

    def _lie(self) -> Contact:
        host = self.dice.choice(
            (*self._victims, "127.0.0.1", "10.1.1.1", "224.0.0.1", "255.255.255.255", "::1")
        )
        return Contact(self.dice.randbytes(20), Endpoint(host, self.dice.choice((0, 53, 80, 9999))))

    def _signed(self) -> Item:
        return Item(b"3:lie", b"k" * 32, 9, b"", self.dice.randbytes(64))

    def _questions(self, token: bytes) -> list[Query]:
        target = self.dice.randbytes(20)
        port = self.dice.randrange(1, 65536)
        blob = immutable(bytes(self.dice.randrange(997)))
        questions: list[krpc.Question] = [
            krpc.Ping(),
            krpc.FindNode(target, WANT),
            krpc.GetPeers(target, WANT),
            krpc.AnnouncePeer(target, port, token),
            krpc.GetItem(target, 0, WANT),
            krpc.PutItem(self._signed(), token, cas=3),
            krpc.PutItem(blob, token),
            krpc.SampleInfohashes(target, WANT),
        ]
        return [Query(b"abcd", self.dice.randbytes(20), question) for question in questions]

    def _stranger(self) -> Endpoint:
        """Somebody who is nobody; often the same."""
        return Endpoint(f"5.{self.dice.randrange(256)}.{self.dice.randrange(64)}.9", 6881)

    def _noise(self) -> tuple[bytes, Endpoint]:
        return b"d" + self.dice.randbytes(self.dice.randrange(1, 100)), self._stranger()

    def _mutated(self) -> tuple[bytes, Endpoint]:
        data = bytearray(self.dice.choice(self._samples))
        for _ in range(self.dice.randrange(1, 4)):
            data[self.dice.randrange(1, len(data))] = self.dice.randrange(256)
        return bytes(data), self._stranger()

    def _structured(self) -> tuple[bytes, Endpoint]:
        """Well-formed, with values of every wrong type and size."""
        values: tuple[object, ...] = (
            b"",
            b"x" * 20,
            b"x" * 700,
            -1,
            0,
            2**70,
            [],
            [[b"n4"]],
            {},
            {b"a": 1},
        )
        arguments = {
            key: self.dice.choice(values) for key in _KEYS.split() if self.dice.random() < 0.6
        }
        kind = self.dice.choice((b"q", b"q", b"r", b"e"))
        message: dict[bytes, object] = {b"t": b"abcd", b"y": kind}
        message |= {b"q": self.dice.choice(_METHODS.split()), b"a": arguments, b"r": arguments}
        return bencode.encode(message)[:2048], self._stranger()

    def _forged(self) -> tuple[bytes, Endpoint]:
        """In the name of a victim, from several of its ports."""
        question = self.dice.choice(self._questions(b"guessed!"))
        query = question._replace(read_only=self.dice.random() < 0.3)
        port = self.dice.choice((53, 80, 6881, 6882))
        return krpc.encode(query), Endpoint(self.dice.choice(self._victims), port)

    def _liar(self) -> tuple[bytes, Endpoint]:
        """Asks, and announces or puts with the token it was given: as much as it may."""
        source = self.dice.choice(list(self._liars))
        token, target = self._tokens.pop(source, (b"", b""))
        if len(target) == 20:  # we were asked with the target as transaction id
            item = immutable(self.dice.randrange(1000))
            question = self.dice.choice(
                (krpc.AnnouncePeer(target, 5, token), krpc.PutItem(item, token))
            )
            return krpc.encode(Query(b"abcd", self._liars[source], question)), source
        target = immutable(self.dice.randrange(1000)).target
        query = Query(target, self._liars[source], krpc.GetItem(target))
        return krpc.encode(query), source
