"""A box as an exchange sees it, for benches: registers, keeps its registration, opens channels.

Makes and reads datagrams; who sends them is the bench's business. Keys and leases are real.
"""

from __future__ import annotations

import secrets
import socket
import time

from firmware.channel import ID_BYTES, Data, Keep, Open, Opened, decode, target_of
from firmware.identity import Identity
from firmware.overlay.dht import krpc
from firmware.overlay.lease import ASK, LEASE_S, Entry, Lease, Outcome, Reception

PATIENCE_S = 0.5
ATTEMPTS = 20
Address = tuple[str, int]


class Box:
    """One identity; `reception` is what the exchange said last."""

    def __init__(self) -> None:
        self._identity = Identity.generate(secrets.token_bytes(64))
        self._certificate = self._identity.certify(secrets.token_bytes(16), "Bench").encode()
        self._node_id = secrets.token_bytes(20)
        self.hashes = (secrets.token_bytes(20),)  # of today; the number itself is nobody's here
        self.target = target_of(self._identity.public_key)
        self.reception: Reception | None = None

    def question(self) -> bytes:
        """For a token."""
        return self._query(ASK)

    def entry(self) -> bytes:
        """With the token of the reception: to register, or to renew."""
        assert self.reception is not None
        token, key = self.reception.token, self.reception.exchange_key
        expires_utc_s = int(time.time()) + LEASE_S
        lease = Lease.sign(self._identity.sign, key, expires_utc_s, token, self.hashes)
        return self._query(Entry(token, self.hashes, lease, self._certificate).encode())

    def keep(self, count: int) -> bytes:
        """The registration."""
        assert self.reception is not None
        return Keep(self.reception.registration_id, count).encode()

    def hear(self, data: bytes) -> None:
        """An answer to the two questions above."""
        answer = krpc.decode(data)
        assert isinstance(answer, krpc.Response), answer
        assert answer.answer.registration is not None
        self.reception = Reception.decode(answer.answer.registration)

    def _query(self, request: bytes) -> bytes:
        question = krpc.Register(request)
        return krpc.encode(
            krpc.Query(secrets.token_bytes(4), self._node_id, question, True, krpc.VERSION)
        )


def register(box: Box, sock: socket.socket, exchange: Address) -> None:
    """Over a socket of its own."""
    box.hear(_ask(sock, exchange, box.question(), b"d"))
    box.hear(_ask(sock, exchange, box.entry(), b"d"))
    assert box.reception is not None and box.reception.outcome is Outcome.REGISTERED, box.reception


def open_channel(
    caller: socket.socket, callee: socket.socket, target: bytes, exchange: Address
) -> tuple[bytes, bytes]:
    """Join them as a call does: INVITE, RINGING, ACK; returns the identifiers of both legs."""
    invite = b"\xf0" + secrets.token_bytes(300)
    caller.sendto(Open(target, secrets.token_bytes(ID_BYTES), invite).encode(), exchange)
    invited = decode(_receive(callee, b"\xf1"))
    assert isinstance(invited, Data) and invited.payload == invite
    callee.sendto(Data(invited.leg_id, b"\xf0 ringing").encode(), exchange)
    ringing = decode(_receive(caller, b"\xf1"))
    assert isinstance(ringing, Opened)
    caller.sendto(Data(ringing.leg_id, b"\xf0 acknowledged").encode(), exchange)
    assert isinstance(decode(_receive(callee, b"\xf1")), Data)
    return ringing.leg_id, invited.leg_id


def _ask(sock: socket.socket, to: Address, data: bytes, first: bytes) -> bytes:
    for _ in range(ATTEMPTS):
        sock.sendto(data, to)
        try:
            return _receive(sock, first)
        except TimeoutError:
            continue
    raise RuntimeError("the exchange does not answer")


def _receive(sock: socket.socket, first: bytes) -> bytes:
    """The next datagram that is an answer and begins so."""
    sock.settimeout(PATIENCE_S)
    while True:
        data = sock.recv(2048)
        if data[:1] == first and b"1:y1:q" not in data:
            return data
