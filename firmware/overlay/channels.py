"""The box's end of channels: wraps what goes to a box behind an exchange, unwraps what comes.

An endpoint with a channel of 16 bytes is the box of that target: the first datagram to it opens the
channel and is carried along, so that a call through an exchange takes no more round trips than a
direct one. With 8 bytes it is a leg on which somebody reached us; of these nothing is kept here.
Units: `_s` monotonic seconds. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from firmware.channel import (
    ID_BYTES,
    TARGET_BYTES,
    Challenge,
    Data,
    Frame,
    Keep,
    Open,
    Opened,
    Refusal,
    Refused,
    may_carry,
)
from firmware.events import DatagramReceived, EndpointRefused, Message, SendDatagram
from firmware.model import Endpoint

OPENED_MAX = 64  # at the limit the one used longest ago is forgotten
KEEP_S = 15.0  # below the 30 s after which some NATs forget us
CHALLENGES_MAX = 4  # answered for one channel: who is asked more often is being played with
USE_MAX_S = 30.0  # a way in reserve is checked far more often


@dataclass(slots=True, eq=False)
class _Opening:
    """A channel that we opened. Without a `leg_id` the exchange has not answered yet."""

    to: Endpoint  # with the target
    nonce: bytes
    used_s: float
    leg_id: bytes = b""
    sent_s: float = 0.0
    count: int = 0
    cookie: bytes = b""  # of the exchange, if it wanted a proof
    payload: bytes = b""  # said last, until the exchange has opened the channel
    challenges: int = 0

    @property
    def exchange(self) -> Endpoint:
        """Its plain address."""
        return Endpoint(self.to.host, self.to.port)


class Channels:
    """Of one box; at most OPENED_MAX that it opened itself."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._by_target: OrderedDict[Endpoint, _Opening] = OrderedDict()  # used longest ago first
        self._by_id: dict[tuple[Endpoint, bytes], _Opening] = {}  # by exchange; nonce or leg
        self._keep_s: float | None = None

    def wrap(self, message: SendDatagram, now_s: float) -> SendDatagram:
        """`message` as it goes to the exchange; as it is if it goes to no exchange."""
        to = message.to
        if not to.channel:
            return message
        exchange = Endpoint(to.host, to.port)
        if len(to.channel) == ID_BYTES:
            return SendDatagram(Data(to.channel, message.data).encode(), exchange)
        assert len(to.channel) == TARGET_BYTES
        opening = self._by_target.get(to) or self._open(to, now_s)
        opening.used_s = opening.sent_s = now_s
        self._by_target.move_to_end(to)
        if self._keep_s is None:
            self._keep_s = now_s + KEEP_S
        if opening.leg_id:
            return SendDatagram(Data(opening.leg_id, message.data).encode(), exchange)
        opening.payload = message.data
        frame = Open(to.channel, opening.nonce, message.data, opening.cookie)
        return SendDatagram(frame.encode(), exchange)

    def receive(self, frame: Frame, source: Endpoint, now_s: float) -> list[Message]:
        """What a frame of an exchange means for this box."""
        match frame:
            case Data(leg_id, payload):
                opening = self._by_id.get((source, leg_id))
                channel = opening.to.channel if opening is not None else leg_id
                return _unwrapped(payload, source, channel)
            case Opened(about, leg_id, payload):
                return self._opened(about, leg_id, payload, source, now_s)
            case Challenge(about, cookie):
                return self._prove(self._by_id.get((source, about)), cookie)
            case Refusal(about, why) if (opening := self._by_id.get((source, about))) is not None:
                self._forget(opening)
                # A leg that is gone can be opened anew: the next datagram does.
                is_hopeless = why is not Refused.UNKNOWN_ID
                return [EndpointRefused(opening.to)] if is_hopeless else []
        return []

    def _prove(self, opening: _Opening | None, cookie: bytes) -> list[Message]:
        """The exchange is flooded, and wants to know that we are where we say."""
        if opening is None or opening.leg_id or opening.challenges >= CHALLENGES_MAX:
            return []
        opening.challenges += 1
        opening.cookie = cookie
        frame = Open(opening.to.channel, opening.nonce, opening.payload, cookie)
        return [SendDatagram(frame.encode(), opening.exchange)]

    def on_time(self, now_s: float) -> list[Message]:
        """Keep what may still be wanted, forget the rest."""
        if self._keep_s is None or now_s < self._keep_s:
            return []
        out: list[Message] = []
        for opening in list(self._by_target.values()):
            if now_s - opening.used_s >= USE_MAX_S:
                self._forget(opening)
                if opening.leg_id:  # another caller may need its place
                    last = Keep(opening.leg_id, 0, is_last=True)
                    out.append(SendDatagram(last.encode(), opening.exchange))
            elif opening.leg_id and now_s - opening.sent_s >= KEEP_S / 2:
                opening.sent_s = now_s
                opening.count = opening.count + 1 & 0xFFFF
                frame = Keep(opening.leg_id, opening.count)
                out.append(SendDatagram(frame.encode(), opening.exchange))
        self._keep_s = now_s + KEEP_S / 2 if self._by_target else None
        return out

    def deadline_s(self) -> float | None:
        """Of the next look at what is open."""
        return self._keep_s

    def _open(self, to: Endpoint, now_s: float) -> _Opening:
        opening = _Opening(to, self._random_bytes(ID_BYTES), now_s)
        self._by_target[to] = opening
        self._by_id[opening.exchange, opening.nonce] = opening
        if len(self._by_target) > OPENED_MAX:
            self._forget(next(iter(self._by_target.values())))
        return opening

    def _opened(
        self, about: bytes, leg_id: bytes, payload: bytes, source: Endpoint, now_s: float
    ) -> list[Message]:
        """The exchange calls our leg `leg_id` from now on; to use that proves our address."""
        proof = SendDatagram(Keep(leg_id, 0).encode(), source)
        opening = self._by_id.get((source, about))
        if opening is None:  # a leg on which somebody reached us, before our address changed
            return [proof, *_unwrapped(payload, source, leg_id)]
        if opening.leg_id and opening.leg_id != leg_id:
            self._by_id.pop((source, opening.leg_id), None)
        out: list[Message] = [] if opening.leg_id == leg_id else [proof]
        opening.leg_id, opening.sent_s, opening.payload = leg_id, now_s, b""
        self._by_id[source, leg_id] = opening
        return out + _unwrapped(payload, source, opening.to.channel)

    def _forget(self, opening: _Opening) -> None:
        del self._by_target[opening.to]
        self._by_id.pop((opening.exchange, opening.nonce), None)
        self._by_id.pop((opening.exchange, opening.leg_id), None)


def _unwrapped(payload: bytes, source: Endpoint, channel: bytes) -> list[Message]:
    if not may_carry(payload):
        return []
    return [DatagramReceived(payload, Endpoint(source.host, source.port, channel))]
