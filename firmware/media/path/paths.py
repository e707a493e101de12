"""The path core: gathers our own addresses, and finds and keeps the best way of each call.

Knows no codec, no key of the speech and no call state. The sound asks it where each packet goes
(`destinations`) and tells it what was heard (`heard`). Units: `_s` monotonic seconds.
Sources: RFC 8445 (ICE, whose checks these are), docs/protocol.md section 9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from firmware.events import (
    AddressesChanged,
    DatagramReceived,
    Message,
    ObservedAt,
    OwnCandidatesFound,
    PathChanged,
    PortMapped,
    PreparePath,
    ProbePeer,
    StartMedia,
    StopMedia,
)
from firmware.events.path import (
    ExchangesChanged,
    KeepDoor,
    RouterSounded,
    SendByDoor,
    SoundRouter,
)
from firmware.media.path.candidates import OwnAddresses, is_private, is_probeable
from firmware.media.path.chance import Chance, RunLimit
from firmware.media.path.guess import guesses, is_counting
from firmware.media.path.mirror import Mirror
from firmware.media.path.odometer import Odometer
from firmware.media.path.ways import Ways
from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

BLIND_S = 0.3  # if both routers count, what was observed long ago is not trusted before
SOUNDINGS_MAX = 4  # of one call
SOUNDED_MAX = 3  # ports told to the peer
TARGETS_MAX = 16  # for whom our port matters in one call: as many as the peer tells at once
GUESSED_MAX = 64  # candidates of one call; of more the oldest is forgotten
SOUND_AGAIN_S = 0.4  # if they have not met: nobody answered, or other traffic moved a row meanwhile


@dataclass(frozen=True, slots=True)
class PathStatus:
    """The way in use, for people and scripts."""

    remote: Endpoint
    is_relayed: bool
    rtt_s: float | None


class Paths:
    """A Core; as many calls as the call core holds. Our port is sounded for the newest of them."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._own = OwnAddresses()
        self._found = OwnCandidatesFound((), ())
        self._places: set[Candidate] = set()
        self._calls: dict[int, _CallPath] = {}
        self._mirror = Mirror(random_bytes)
        self._odometer = Odometer()
        self._targets: dict[Endpoint, Candidate] = {}  # of the peer, for whom our port matters
        self._soundings = 0  # of the newest call
        self._is_sounding_due = False
        self._again_s: float | None = None
        self._runs = RunLimit()

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Addresses of ours, commands of the call, and STUN datagrams."""
        match fact:
            case AddressesChanged(addresses=addresses):
                has_moved = set(addresses) != set(self._own.hosts)
                self._own.set_hosts(addresses)
                if has_moved and self._calls:
                    for path in self._calls.values():
                        path.ways.move(now_s)
                        path.close_doors()  # they have the old address
                    self._mirror.ask(self._own.observers, now_s, is_urgent=True)
            case ObservedAt(endpoint=endpoint, observer=observer):
                self._own.observe(endpoint, observer)
                self._sounded(endpoint, observer)
            case RouterSounded(observer=observer):
                self._own.send_to(observer)
                self._odometer.sound(observer)
            case PortMapped(endpoint=mapped):
                self._own.set_mapped(mapped)
            case ExchangesChanged(exchanges=exchanges):
                self._own.set_exchanges(exchanges)
            case PreparePath(call=call):
                self._begin_soundings()
                for path in self._calls.values():
                    path.chance.end()
                self._calls[call] = _CallPath(call, Ways(fact, self._random_bytes, now_s), fact)
            case ProbePeer(candidates=candidates, call=call) if call in self._calls:
                self._probe(self._calls[call], candidates, now_s)
            case StartMedia(call=call) if call in self._calls:
                self._calls[call].answer(now_s)
            case StopMedia(call=call):
                if call == max(self._calls, default=call):
                    self._begin_soundings()
                if call in self._calls:
                    doors = self._calls.pop(call).close_doors()
                    return [*doors, *self._flush(now_s)]
            case DatagramReceived() if self._calls:
                seen = self._mirror.receive(fact)
                if seen is not None:
                    self._own.observe_again(seen, fact.source)
                else:  # the first call whose key proves it
                    any(path.receive(fact, now_s) for path in self._calls.values())
        return self._flush(now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """Send the checks that are due."""
        for path in self._calls.values():
            path.on_time(now_s)
            if path.ways.is_in_doubt and not path.ways.chosen.is_relay:
                self._mirror.ask(self._own.observers, now_s)  # our router may have forgotten us
        if self._calls:
            self._mirror.on_time(now_s)
            self._try_luck(self._calls[max(self._calls)], now_s)
        if self._again_s is not None and now_s >= self._again_s:
            self._again_s = None
            has_met = self._calls[max(self._calls)].ways.is_direct(now_s)
            self._is_sounding_due |= not has_met and self._soundings < SOUNDINGS_MAX
        return self._flush(now_s)

    def deadline_s(self) -> float | None:
        """The next check; None without a call."""
        if not self._calls:
            return None
        times = [path.ways.deadline_s() for path in self._calls.values()]
        others = [self._mirror.deadline_s(), self._again_s]
        others += [path.chance.deadline_s() for path in self._calls.values()]
        return min(times + [due_s for due_s in others if due_s is not None])

    def route(self, call: int) -> CallRoute:
        """Where the packets of `call` go, for as long as there is that call."""
        return CallRoute(self._calls, call)

    def status(self, call: int) -> PathStatus | None:
        """The way in use; None without that call."""
        if call not in self._calls:
            return None
        chosen = self._calls[call].ways.chosen
        return PathStatus(chosen.endpoint, chosen.is_relay, chosen.rtt_s)

    def _probe(self, path: _CallPath, candidates: tuple[Candidate, ...], now_s: float) -> None:
        for one in candidates:
            if not is_probeable(one.endpoint, self._own.hosts):
                continue
            if one.kind is CandidateKind.RELAY:
                path.ways.try_relay(one.endpoint, now_s)
                continue
            if not is_private(one.endpoint.host):
                path.chance.hear(one, now_s)
            if one.kind is CandidateKind.CHANCE and one.port_step == PORT_STEP_RANDOM:
                continue  # that port is for somebody else
            own_step, is_caller = self._own.port_step(one.endpoint), path.ways.is_caller
            if not (is_counting(own_step) and is_counting(one.port_step)):
                path.ways.try_ways([one.endpoint], now_s)  # else that port is for somebody else
            if one in path.guessed:
                continue
            path.guessed[one] = None
            if len(path.guessed) > GUESSED_MAX:
                del path.guessed[next(iter(path.guessed))]
            begin_s = now_s
            if is_counting(own_step) and one.kind is not CandidateKind.SOUNDED:
                self._wish_sounding(one)
                begin_s += BLIND_S * is_counting(one.port_step)
            elif is_counting(own_step) and path is self._calls[max(self._calls)]:
                self._again_s = now_s + SOUND_AGAIN_S
            path.ways.guess(guesses(one, own_step=own_step, is_caller=is_caller), begin_s)

    def _try_luck(self, path: _CallPath, now_s: float) -> None:
        """Offer the peer of a call to be met by chance, if only an exchange carries it."""
        if not path.chance.is_offer_due(now_s) or not path.ways.chosen.is_relay:
            return
        if not path.ways.relayed_only and not path.ways.is_direct(now_s):
            offer = path.chance.offer(self._own.outside(), self._runs, now_s)
            self._own.chance = offer or self._own.chance

    def _begin_soundings(self) -> None:
        self._targets.clear()
        self._own.sounded, self._own.chance = (), None
        self._odometer, self._soundings, self._is_sounding_due = Odometer(), 0, False
        self._again_s = None

    def _wish_sounding(self, peer: Candidate) -> None:
        """The peer of a counting router must be told where we come from."""
        is_useful = ":" not in peer.endpoint.host and not is_private(peer.endpoint.host)
        is_useful &= peer.endpoint in self._targets or len(self._targets) < TARGETS_MAX
        if is_useful and peer.port_step != PORT_STEP_RANDOM and self._soundings < SOUNDINGS_MAX:
            self._targets[peer.endpoint] = peer
            # A second one would move our row away from where a peer that counts, too, expects it.
            self._is_sounding_due |= not (self._soundings and is_counting(peer.port_step))

    def _sound(self, now_s: float) -> list[Message]:
        """Right behind the checks of those for whom it is done: nothing comes in between."""
        waiting = (
            to
            for to, peer in self._targets.items()
            if not is_counting(peer.port_step) and to not in self._odometer
        )
        if not self._is_sounding_due or any(waiting):
            return []
        self._is_sounding_due = False
        self._soundings += 1
        self._again_s = now_s + SOUND_AGAIN_S
        self._odometer.begin_sounding(self._own.newest())
        return [SoundRouter()]

    def _sounded(self, seen: Endpoint, observer: Endpoint) -> None:
        step = self._own.port_step(observer)
        if not is_counting(step) or not self._odometer.hear(observer, seen, step):
            self._is_sounding_due |= self._odometer.is_in_vain and self._soundings < SOUNDINGS_MAX
            return
        ports = [
            self._odometer.newest
            if is_counting(peer.port_step)
            else self._odometer.towards(to, step)
            for to, peer in self._targets.items()
        ]
        self._own.sounded = tuple(
            Candidate(port, CandidateKind.SOUNDED, step)
            for port in dict.fromkeys(ports)
            if port is not None
        )[:SOUNDED_MAX]

    def _flush(self, now_s: float) -> list[Message]:
        messages: list[Message] = []
        found = self._own.found()
        # How far a NAT has counted is no news in a conversation, for probes have found their way
        # or have not; everything else is.
        is_calm = bool(self._calls) and all(path.is_answered for path in self._calls.values())
        if found != self._found and not (is_calm and _places(found) == self._places):
            self._found, self._places = found, _places(found)
            messages.append(found)
        if not self._calls:
            return messages
        for path in self._calls.values():
            messages += path.doors
            path.doors.clear()
            for message in path.ways.out:
                if not message.to.channel:
                    self._own.send_to(message.to)
                    self._odometer.leave(message.to)
            messages += path.ways.out
            path.ways.out.clear()
        messages += self._sound(now_s)
        messages += self._mirror.out
        self._mirror.out.clear()
        for path in self._calls.values():
            messages += path.news(now_s)
        return messages


class _CallPath:
    """What exists once per call."""

    def __init__(self, call: int, ways: Ways, prepared: PreparePath) -> None:
        self.ways = ways
        self.chance = Chance(ways.random_bytes)
        self.doors: list[Message] = []  # what to do with them, before anything else is sent
        self.is_answered = False
        self.guessed: dict[Candidate, None] = {}  # from which ports were guessed, oldest first
        self._call = call
        self._door = 0  # by which the peer is reached
        # the last PathChanged; the place that the call begins with need not be told as proved
        self._told: tuple[tuple[Endpoint, ...], set[Endpoint]] = prepared.remotes[:1], set()
        self._told_unproved: tuple[Endpoint, ...] | None = None

    def answer(self, now_s: float) -> None:
        """People talk."""
        if not self.is_answered:
            self.chance.arm(now_s)
        self.is_answered = True

    def receive(self, fact: DatagramReceived, now_s: float) -> bool:
        """As Ways does; a door by which the peer has come in is kept."""
        if not self.ways.receive(fact, now_s):
            return False
        if fact.door and fact.source == self.chance.doors_to and not self._door:
            self._keep_door(fact.door)
        return True

    def on_time(self, now_s: float) -> None:
        """Send what is due."""
        self.ways.on_time(now_s)
        if self.ways.is_direct(now_s):
            self.chance.end()
        for to, door in self.chance.pop(now_s):
            check = self.ways.check(to, now_s)
            if door:
                self.doors.append(SendByDoor(check.data, to, door))
            else:
                self.ways.out.append(check)
        if self.chance.is_over and not self._door:
            self.close_doors()

    def close_doors(self) -> list[Message]:
        """All of them; also the one by which the call goes."""
        self.chance.end()
        if self.chance.doors_to is not None:
            self._keep_door(0)
            self.chance.doors_to = None
        return self.doors

    def _keep_door(self, door: int) -> None:
        assert self.chance.doors_to is not None
        self.chance.end()
        self._door = door
        self.doors.append(KeepDoor(self.chance.doors_to, door))

    def news(self, now_s: float) -> list[Message]:
        """Where packets go now, if that is not known yet."""
        endpoints, others = self.ways.destinations(now_s), self.ways.others(now_s)
        unproved = tuple(to for to in endpoints if not self.ways.is_proved(to, now_s))
        is_same = self._told_unproved in (None, unproved)
        if is_same and (endpoints, set(others)) == self._told:
            return []
        self._told, self._told_unproved = (endpoints, set(others)), unproved
        relayed, rtt_s = self.ways.chosen.is_relay, self.ways.chosen.rtt_s
        return [PathChanged(endpoints, others, relayed, rtt_s, self._call, unproved)]


class CallRoute:
    """The Route of one call; leads nowhere when the call is over."""

    def __init__(self, calls: dict[int, _CallPath], call: int) -> None:
        self._calls, self._call = calls, call

    def destinations(self, now_s: float) -> tuple[Endpoint, ...]:
        """Where the packet for the peer goes that is sent now; empty without a call."""
        path = self._calls.get(self._call)
        return () if path is None else path.ways.carry(now_s)

    def heard(self, source: Endpoint, now_s: float, *, is_first: bool = True) -> None:
        """An authentic packet of the peer came from `source`, for the first time or again."""
        path = self._calls.get(self._call)
        if path is not None:
            path.ways.heard(source, now_s, is_first=is_first)


def _places(found: OwnCandidatesFound) -> set[Candidate]:
    """What of our candidates matters in a conversation."""
    return {
        replace(one, endpoint=Endpoint(one.endpoint.host, 0))
        if one.port_step and one.kind is not CandidateKind.SOUNDED
        else one
        for one in found.public + found.private + found.relays
    }
