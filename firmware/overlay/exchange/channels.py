"""The channels of an exchange: what comes in on one leg goes out on the other.

A channel whose boxes have both spoken is carried past us (`OpenRelay`) while neither moves. An
address that has not used the identifier we sent there gets no more bytes than came from it. A leg
that is named from a new address is followed as soon as that address has proved itself; until then
both get what is sent. Knows no registration. Units: `_s` monotonic seconds.
Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from firmware.bucket import Bucket
from firmware.channel import DATA_HEAD_BYTES, ID_BYTES, Data, Opened
from firmware.events import Message
from firmware.events.network import CloseRelay, OpenRelay, RelayLeg, RelayUse
from firmware.model import Endpoint
from firmware.overlay.dht.address import owner_of

IDLE_MAX_S = 45.0  # boxes keep what they want every 15 s
UNANSWERED_MAX_S = 15.0
UNUSED_S = 15.0  # nothing was said on it: for one that is wanted it may go; checks come every 5 s
PER_OPENER_MAX = 32  # of one address
PER_TARGET_MAX = 8
PRESSED = 4  # unanswered channels of a target: from then on newcomers must prove their address
PER_PAIR_MAX = 2  # unanswered, of one address to one target: its first one goes for its third
LOOKED_AT_MAX = 64  # channels, for one that may go
LEG_BYTES_PER_S = 25_000  # twice G.711 with all its headers
LEG_BURST_BYTES = 50_000
ASKED_MAX_S = 10.0  # for a new address to prove itself
CREDIT_MAX_BYTES = 4_096  # what an address without proof can save up

Sent = tuple[bytes, Endpoint]
ChannelKey = tuple[Endpoint, bytes]  # address, nonce and target of an OPEN
Name = TypeVar("Name")


class Leg:
    """One end of a channel. `other` is where what comes in goes out."""

    __slots__ = (
        "about",
        "asked",
        "asked_s",
        "bucket",
        "channel",
        "credit_bytes",
        "endpoint",
        "leg_id",
        "next_id",
        "other",
    )

    other: Leg
    channel: Channel

    def __init__(self, leg_id: bytes, endpoint: Endpoint | None, now_s: float) -> None:
        self.leg_id = leg_id  # named by who uses it
        self.endpoint = endpoint  # has proved itself; None before the first proof
        self.asked: Endpoint | None = None  # was told `next_id`, and has not used it yet
        self.next_id = b""
        self.about = b""  # what it calls the leg so far
        self.asked_s = now_s
        self.credit_bytes = 0  # that may be sent to `asked`
        self.bucket = Bucket(LEG_BURST_BYTES, LEG_BYTES_PER_S, now_s)


class Channel:
    """Two legs. `answered` = the registered box has said something."""

    __slots__ = (
        "answered",
        "heard_s",
        "is_proved",
        "is_shortened",
        "key",
        "opener",
        "owner",
        "registered",
        "target",
        "used_s",
    )

    def __init__(
        self, key: ChannelKey, target: bytes, opener: Leg, registered: Leg, now_s: float
    ) -> None:
        self.key = key  # address and nonce of the OPEN
        self.owner = owner_of(key[0])
        self.target = target
        self.opener, self.registered = opener, registered
        self.answered = False
        self.is_proved = False  # the opener has shown a cookie
        self.is_shortened = False  # an OpenRelay carries it past us
        self.heard_s = self.used_s = now_s  # with a KEEP, and without
        opener.other, registered.other = registered, opener
        opener.channel = registered.channel = self

    def is_over(self, now_s: float) -> bool:
        """True if nobody wants it any more."""
        limit_s = IDLE_MAX_S if self.answered else UNANSWERED_MAX_S
        return now_s - self.heard_s >= limit_s

    def may_go(self, now_s: float) -> bool:
        """True if it is no call: nobody has answered, or nothing is said any more."""
        return not self.answered or now_s - self.used_s >= UNUSED_S

    def can_be_shortened(self) -> bool:
        """True if both boxes have spoken, and neither is on the move."""
        legs = (self.opener, self.registered)
        return self.answered and all(leg.endpoint and leg.asked is None for leg in legs)


class Channels:
    """At most `most` channels, together at most `bytes_per_s`."""

    def __init__(
        self, most: int, bytes_per_s: int, random_bytes: Callable[[int], bytes], now_s: float = 0.0
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.bytes_relayed = 0
        self.traffic = Bucket(bytes_per_s, bytes_per_s, now_s)
        self._most = most
        self._random_bytes = random_bytes
        self._legs: dict[bytes, Leg] = {}  # a leg that is being proved is here twice
        self._by_key: dict[ChannelKey, Channel] = {}
        self._unanswered: dict[ChannelKey, Channel] = {}  # the oldest first
        self._of_owner: dict[str, dict[ChannelKey, Channel]] = {}
        self._of_target: dict[bytes, dict[ChannelKey, Channel]] = {}
        self._commands: list[Message] = []  # OpenRelay, CloseRelay

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._by_key.values())

    def relay(self, data: bytes, source: Endpoint, now_s: float) -> list[Sent] | None:
        """Carry a DATA frame over; None if no leg has that identifier."""
        leg = self._legs.get(data[2:DATA_HEAD_BYTES])
        if leg is None:
            return None
        if leg.endpoint != source or leg.asked is not None:
            self._locate(leg, data[2:DATA_HEAD_BYTES], source, len(data), now_s)
        channel, other = leg.channel, leg.other
        channel.heard_s = channel.used_s = now_s
        if leg is channel.registered and not channel.answered:
            channel.answered = True
            del self._unanswered[channel.key]
            self._shorten(channel)
        size = len(data)
        if size == DATA_HEAD_BYTES:
            return []
        if not leg.bucket.take(size, now_s) or not self.traffic.take(size, now_s):
            self.counters["over_quota"] += 1
            return []
        self.bytes_relayed += size
        if other.asked is None and other.endpoint is not None:
            return [(data[:2] + other.leg_id + data[DATA_HEAD_BYTES:], other.endpoint)]
        return self._deliver(other, data[DATA_HEAD_BYTES:])

    def keep(self, leg_id: bytes, source: Endpoint, now_s: float) -> Leg | None:
        """A box wants its leg kept; None if there is none. The answer takes what came."""
        leg = self._legs.get(leg_id)
        if leg is not None:
            self._locate(leg, leg_id, source, 0, now_s)
            leg.channel.heard_s = now_s
        return leg

    def close(self, leg_id: bytes, source: Endpoint) -> None:
        """One of its boxes wants it no more."""
        leg = self._legs.get(leg_id)
        if leg is not None and leg.endpoint == source:
            self._forget(leg.channel)

    def open(
        self,
        key: ChannelKey,
        target: bytes,
        registered_at: Endpoint,
        size: int,
        now_s: float,
        *,
        is_proved: bool = False,
    ) -> Channel | None:
        """The channel of that OPEN of `size` bytes, new or known; None at a limit."""
        channel = self._by_key.get(key)
        if channel is None:
            if not self._make_room(owner_of(key[0]), target, now_s):
                return None
            opener, registered = self._leg(None, now_s), self._leg(registered_at, now_s)
            self._ask(opener, key[0], opener.leg_id, about=key[1][:ID_BYTES])
            channel = self._by_key[key] = Channel(key, target, opener, registered, now_s)
            channel.is_proved = is_proved
            self._unanswered[key] = channel
            self._of_owner.setdefault(channel.owner, {})[key] = channel
            self._of_target.setdefault(target, {})[key] = channel
        channel.heard_s = now_s
        leg = channel.opener
        if leg.asked == key[0]:
            leg.credit_bytes = min(leg.credit_bytes + size, CREDIT_MAX_BYTES)
        return channel

    def is_pressed(self, target: bytes) -> bool:
        """True if so many wait for that target that a forger could drive others out."""
        of_target = self._of_target.get(target, {})
        is_full = 2 * len(self._unanswered) >= self._most or len(self) >= self._most
        return is_full or sum(not one.answered for one in of_target.values()) >= PRESSED

    def deliver(self, channel: Channel, payload: bytes, now_s: float) -> list[Sent]:
        """What came with the OPEN, for the registered box."""
        size = len(payload)
        if not channel.opener.bucket.take(size, now_s) or not self.traffic.take(size, now_s):
            self.counters["over_quota"] += 1
            return []
        self.bytes_relayed += size
        return self._deliver(channel.registered, payload)

    def follow(self, target: bytes, endpoint: Endpoint) -> None:
        """The box of `target` is there now, as its registration has proved: so are its legs."""
        for channel in self._of_target.get(target, {}).values():
            leg = channel.registered
            if leg.asked is None and leg.endpoint != endpoint:
                self._lengthen(channel)
                leg.endpoint = endpoint
                self._shorten(channel)

    def used(self, uses: Iterable[RelayUse], now_s: float) -> None:
        """What has been carried past us of late; it counts as if we had done it."""
        for use in uses:
            leg = self._legs.get(use.leg_id)
            if leg is not None:
                leg.channel.heard_s = leg.channel.used_s = now_s
            self.bytes_relayed += use.size_bytes
            self.counters["over_quota"] += use.frames_dropped
            self.traffic.charge(use.size_bytes, now_s)

    @property
    def has_to_say(self) -> bool:
        """True if `drain` has something."""
        return bool(self._commands)

    def drain(self) -> list[Message]:
        """OpenRelay and CloseRelay, that have become due by the methods above and below."""
        commands, self._commands = self._commands, []
        return commands

    def expire(self, now_s: float) -> None:
        """Forget what nobody wants any more, and who was asked to prove itself and did not."""
        for channel in [channel for channel in self if channel.is_over(now_s)]:
            self._forget(channel)
        for channel in self:
            for leg in (channel.opener, channel.registered):
                if leg.asked and leg.endpoint and now_s - leg.asked_s >= ASKED_MAX_S:
                    del self._legs[leg.next_id]
                    leg.asked, leg.next_id = None, leg.leg_id
                    self._shorten(channel)

    # --- who is where ------------------------------------------------------------------------

    def _locate(self, leg: Leg, named: bytes, source: Endpoint, size: int, now_s: float) -> None:
        """`source` names the leg: it is at home there, or has proved itself, or must do so."""
        if source == leg.asked and named == leg.next_id:
            if leg.leg_id != named:
                del self._legs[leg.leg_id]
            leg.leg_id, leg.endpoint, leg.asked = named, source, None
            self.counters["proved"] += 1
            self._shorten(leg.channel)
        elif source == leg.asked:
            leg.credit_bytes = min(leg.credit_bytes + size, CREDIT_MAX_BYTES)
        elif source != leg.endpoint:
            if leg.next_id != leg.leg_id:
                self._legs.pop(leg.next_id, None)
            about, leg_id = leg.leg_id, self._random_bytes(ID_BYTES)
            self._legs[leg_id] = leg
            self._ask(leg, source, leg_id, about=about)
            leg.credit_bytes, leg.asked_s = size, now_s
            self.counters["moving"] += 1
            self._lengthen(leg.channel)

    def _ask(self, leg: Leg, endpoint: Endpoint, next_id: bytes, *, about: bytes) -> None:
        leg.asked, leg.next_id, leg.about, leg.credit_bytes = endpoint, next_id, about, 0

    def _shorten(self, channel: Channel) -> None:
        """From now on its frames need not come to us."""
        if channel.can_be_shortened():
            channel.is_shortened = True
            legs = [
                RelayLeg(leg.leg_id, leg.endpoint)
                for leg in (channel.opener, channel.registered)
                if leg.endpoint is not None
            ]
            self._commands.append(OpenRelay(legs[0], legs[1], LEG_BYTES_PER_S, LEG_BURST_BYTES))

    def _lengthen(self, channel: Channel) -> None:
        """They must come to us again: somebody is on the move, or it is over."""
        if channel.is_shortened:
            channel.is_shortened = False
            self._commands.append(CloseRelay(channel.registered.leg_id))

    def _deliver(self, leg: Leg, payload: bytes) -> list[Sent]:
        sent: list[Sent] = []
        if leg.endpoint is not None:
            sent.append((Data(leg.leg_id, payload).encode(), leg.endpoint))
        if leg.asked is not None:
            frame = Opened(leg.about, leg.next_id, payload).encode()
            if len(frame) <= leg.credit_bytes:
                leg.credit_bytes -= len(frame)
                sent.append((frame, leg.asked))
            else:
                self.counters["unproved_limited"] += 1
        return sent

    # --- how many ----------------------------------------------------------------------------

    def _leg(self, endpoint: Endpoint | None, now_s: float) -> Leg:
        leg = Leg(self._random_bytes(ID_BYTES), endpoint, now_s)
        self._legs[leg.leg_id] = leg
        return leg

    def _make_room(self, owner: str, target: bytes, now_s: float) -> bool:
        """At a limit whoever was opened first and is no call goes; no call is displaced."""
        if len(of_owner := self._of_owner.get(owner, {})) >= PER_OPENER_MAX:
            return self._displace(of_owner, now_s)
        of_target = self._of_target.get(target, {})
        of_pair = {key: one for key, one in of_target.items() if one.owner == owner}
        if sum(not one.answered for one in of_pair.values()) >= PER_PAIR_MAX:
            return self._displace(of_pair, now_s)
        if len(of_target) >= PER_TARGET_MAX:
            return self._displace(of_target, now_s)
        return len(self._by_key) < self._most or self._displace(self._unanswered, now_s)

    def _displace(self, among: dict[ChannelKey, Channel], now_s: float) -> bool:
        """Forget one that may go: one without proof, else the first one."""
        idle = [one for one in islice(among.values(), LOOKED_AT_MAX) if one.may_go(now_s)]
        if not idle:
            self.counters["full"] += 1
            return False
        self._forget(next((one for one in idle if not one.is_proved), idle[0]))
        self.counters["displaced"] += 1
        return True

    def _forget(self, channel: Channel) -> None:
        del self._by_key[channel.key]
        self._unanswered.pop(channel.key, None)
        self._lengthen(channel)
        for leg in (channel.opener, channel.registered):
            self._legs.pop(leg.leg_id, None)
            self._legs.pop(leg.next_id, None)
        _remove(self._of_owner, channel.owner, channel.key)
        _remove(self._of_target, channel.target, channel.key)


def _remove(groups: dict[Name, dict[ChannelKey, Channel]], name: Name, key: ChannelKey) -> None:
    del groups[name][key]
    if not groups[name]:
        del groups[name]
