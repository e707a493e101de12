"""A deterministic world: N telephones, one simulated network, a virtual clock, one log.

The cores are the product's own; the world stands where `shell.py`, the drivers and the Internet
stand. The same seed gives the same log, byte for byte. No second of it takes a second.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from firmware import events, number
from firmware.events import Core, Message
from firmware.events.book import BookChanged, BookRefused, RingRulesChanged
from firmware.events.network import CloseRelay, LimitRelays, OpenRelay
from firmware.events.strangers import SearchStamp
from firmware.identity import Certificate, Identity
from firmware.model import (
    FRAME_S,
    FRAME_SAMPLES,
    SAMPLE_RATE_HZ,
    CallState,
    CallView,
    Codec,
    Endpoint,
    Frame,
)
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import Limits
from firmware.phone import Phone, PhoneSetup
from firmware.shell.jobs import Argon2Cost, compute_argon2, search_stamp
from tests.kept import Kept

CHEAP = Argon2Cost(memory_kib=8, passes=1)  # the same code at a cost that simulation can pay
HOLE_S = 30.0  # as long as the worst routers keep a mapping
HASH_S = 0.05  # what one hash of the real cost takes on a small computer
CARD_S = 0.02  # what a card takes to keep something
UTC_AT_START_S = 1_800_000_000.0
ALL_CODECS = (Codec.OPUS, Codec.PCMA, Codec.PCMU)


@dataclass(frozen=True, slots=True)
class Network:
    """What happens to datagrams; each is lost or delayed on its own."""

    delay_s: tuple[float, float] = (0.010, 0.030)  # one way, uniform
    loss: float = 0.0


@dataclass(slots=True, eq=False)
class Actor:
    """A core with an address."""

    name: str
    core: Core
    endpoint: Endpoint
    online: bool = True
    holes: dict[Endpoint, float] | None = None  # behind a NAT: whom it lets in, and until when


@dataclass(slots=True, eq=False)
class PhoneActor(Actor):
    """A telephone with somebody's ear and mouth at its handset."""

    phone: Phone = field(init=False)
    phone_setup: PhoneSetup = field(init=False)
    number: str = ""
    view: CallView = field(default_factory=CallView)
    rings: bool = False
    earpiece_open: bool = False
    microphone_open: bool = False
    heard: list[tuple[float, Frame]] = field(default_factory=list)
    voice_hz: float = 700.0
    spoken_samples: int = 0
    stored: dict[str, bytes] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)  # the records; a restart may be given them
    announced: events.AnnounceOnLan | None = None
    ended: list[events.CallEnded] = field(default_factory=list)


class World:
    """Everything that happens, in order of time."""

    def __init__(self, seed: int, network: Network | None = None) -> None:
        self.seed = seed
        self.network = network or Network()
        self.now_s = 1000.0
        self.log: list[str] = []
        self.datagrams = 0
        self.actors: dict[Endpoint, Actor] = {}
        self._random = random.Random(seed)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._alarms: dict[Endpoint, float] = {}

    def place(self, i: int) -> Endpoint:
        """Where the actor that came as number `i`, from 1, has its socket."""
        return Endpoint(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", 6881)

    # --- who is there ----------------------------------------------------------------------

    def add_nodes(self, count: int) -> list[Actor]:
        """Bare DHT nodes; the first is the bootstrap of all others."""
        nodes = []
        for i in range(count):
            bootstrap = (str(self.place(1)),) if i else ()
            name = f"node{i + 1}"
            core = Node(bootstrap, self._random_bytes(name))
            nodes.append(self._add(Actor(name, core, self.place(i + 1))))
        return nodes

    def add_exchanges(self, count: int, limits: Limits | None = None) -> list[Actor]:
        """Exchanges without a telephone; nodes of the directory, too."""
        exchanges = []
        for _ in range(count):
            name = f"exchange{len(self.actors) + 1}"
            source = self._random_bytes(name)
            node = Node((str(self.place(1)),) if self.actors else (), source)
            identity = Identity.generate(random.Random(f"{self.seed}/{name}").randbytes(64))
            core = Directory(node, source, exchange=Exchange(identity, node, source, limits))
            exchanges.append(self._add(Actor(name, core, self.place(len(self.actors) + 1))))
        return exchanges

    def add_phone(
        self,
        name: str,
        *,
        claimed: bool = True,
        codecs: tuple[Codec, ...] = ALL_CODECS,
        exchanges: Iterable[Actor] = (),
        tls_exchanges: Iterable[Actor] = (),
        behind_nat: bool = False,
        direct: bool = True,
        helps: str = "auto",
    ) -> PhoneActor:
        """A telephone; `claimed` = it has found its number already."""
        identity = Identity.generate(random.Random(f"{self.seed}/{name}").randbytes(64))
        certificate, own_number = _search(identity, name) if claimed else (None, None)
        setup = PhoneSetup(
            identity=identity,
            certificate=certificate,
            number=own_number,
            name=name,
            bootstrap=(str(self.place(1)),),
            country="DE",
            display_height=64,
            codecs=codecs,
            names={},
            pins={},
            exchanges=tuple(str(exchange.endpoint) for exchange in exchanges),
            tls_exchanges=tuple(f"{exchange.endpoint.host}:443" for exchange in tls_exchanges),
            direct=direct,
            help=helps,
        )
        return self.add_prepared(name, setup, behind_nat=behind_nat)

    def add_prepared(
        self,
        name: str,
        setup: PhoneSetup,
        *,
        behind_nat: bool = False,
        kept: Kept | None = None,
    ) -> PhoneActor:
        """A telephone with a set-up of the caller's own; `kept` = the records of an earlier run."""
        phone = Phone(setup, self._random_bytes(name))
        actor = PhoneActor(name, phone, self.place(len(self.actors) + 1))
        actor.phone, actor.phone_setup = phone, setup
        actor.number = setup.number or ""
        actor.holes = {} if behind_nat else None
        actor.kept = kept or Kept()
        self._add(actor)
        return actor

    # --- what people do ----------------------------------------------------------------------

    def lift(self, who: PhoneActor) -> None:
        self.tell(who, events.HookLifted())

    def replace(self, who: PhoneActor) -> None:
        self.tell(who, events.HookReplaced())

    def dial(self, who: PhoneActor, digits: str, *, pause_s: float = 0.2) -> None:
        """Press one key after the other; the clock runs on between them."""
        for key in digits:
            self.tell(who, events.KeyPressed(key))
            self.run(pause_s)

    def wait(self, who: PhoneActor, state: CallState, timeout_s: float = 30.0) -> None:
        """Let time pass until the telephone is in `state`."""
        until_s = self.now_s + timeout_s
        while who.view.state is not state:
            assert self.now_s < until_s, self.story(f"{who.name} never came to {state}")
            self._next(until_s)

    def connect(self, caller: PhoneActor, callee: PhoneActor) -> None:
        """The caller lifts and dials, the callee's bell sounds, the callee lifts."""
        self.lift(caller)
        self.dial(caller, callee.number)
        self.wait(caller, CallState.RINGBACK)
        self.lift(callee)
        self.wait(caller, CallState.CONNECTED)
        self.wait(callee, CallState.CONNECTED)

    def run(self, duration_s: float) -> None:
        """Let time pass."""
        until_s = self.now_s + duration_s
        while self._agenda and self._agenda[0][0] <= until_s:
            self._next(until_s)
        self.now_s = until_s

    def settle(self, *, timeout_s: float = 60.0) -> None:
        """Let time pass until every telephone with a number has published it."""
        until_s = self.now_s + timeout_s
        while not all(phone.phone.status().published for phone in self.phones() if phone.number):
            assert self.now_s < until_s, self.story("a number was never published")
            self._next(until_s)

    def phones(self) -> Iterator[PhoneActor]:
        return (actor for actor in self.actors.values() if isinstance(actor, PhoneActor))

    def story(self, what: str) -> str:
        """A message for a failed assertion: the seed and the end of the log."""
        return "\n".join([f"{what} (seed {self.seed})", *(line[:160] for line in self.log[-30:])])

    # --- how it happens ----------------------------------------------------------------------

    def tell(self, actor: Actor, fact: Message) -> None:
        """One fact, or a wish that a menu or the page of the browser has, now."""
        if actor.online:
            self._perform(actor, fact, actor.core.handle(fact, self.now_s))

    def _add(self, actor: Actor) -> Actor:
        self.actors[actor.endpoint] = actor
        self.tell(actor, events.WallClockRead(UTC_AT_START_S + self.now_s))
        if isinstance(actor, PhoneActor):
            self.tell(actor, events.AddressesChanged((actor.endpoint,)))
            self.tell(actor, actor.kept.loaded())
        self.tell(actor, events.Started())
        return actor

    def _perform(self, actor: Actor, cause: object, messages: list[Message]) -> None:
        if messages:
            self.log.append(f"{self.now_s:.6f} {actor.name} {cause!r} -> {messages!r}")
        for message in messages:
            self._perform_one(actor, message)
        self._set_alarm(actor)

    def _perform_one(self, actor: Actor, message: Message) -> None:
        match message:
            case events.SendDatagram(data=data, to=to):
                self._send(actor.endpoint, data, to)
            case events.ComputeArgon2(secret=secret, salt=salt):
                fact = compute_argon2(secret, salt, CHEAP)
                self._at(self.now_s + HASH_S, partial(self.tell, actor, fact))
            case SearchStamp():
                searched = search_stamp(message, CHEAP)
                self._at(self.now_s + HASH_S, partial(self.tell, actor, searched))
            case events.ResolveHost(name=name):
                self._at(self.now_s + 1.0, partial(self.tell, actor, events.HostResolved(name, ())))
            case _ if isinstance(actor, PhoneActor):
                self._perform_at_handset(actor, message)

    def _perform_at_handset(self, actor: PhoneActor, message: Message) -> None:
        match message:
            case events.StartRinging() | events.StopRinging():
                actor.rings = isinstance(message, events.StartRinging)
            case events.OpenEarpiece():
                assert not actor.earpiece_open, self.story("earpiece opened twice")
                actor.earpiece_open = True
                self._at(self.now_s, partial(self._listen, actor))
            case events.CloseEarpiece():
                actor.earpiece_open = False
            case events.OpenMicrophone():
                actor.microphone_open = True
                self._at(self.now_s + FRAME_S, partial(self._speak, actor))
            case events.CloseMicrophone():
                actor.microphone_open = False
            case events.CallChanged(view=view):
                actor.view = view
            case events.CallEnded():
                actor.ended.append(message)
            case events.StoreState(name=name, data=data):
                actor.stored[name] = data
            case events.NumberClaimed(number=own_number):
                actor.number = own_number
            case events.AnnounceOnLan():
                actor.announced = message
            case OpenRelay() | CloseRelay() | LimitRelays():
                pass  # the core carries what is not carried past it
            case BookChanged() | BookRefused() | RingRulesChanged():
                pass  # a page would show it
            case _ if answer := actor.kept.perform(message):
                self._at(self.now_s + CARD_S, partial(self.tell, actor, answer))
            case _:
                assert isinstance(message, events.ShowPicture), message

    def _send(self, source: Endpoint, data: bytes, to: Endpoint) -> None:
        self.datagrams += 1
        assert not to.channel, self.story("a channel is no address")
        holes = self.actors[source].holes
        if holes is not None:
            holes[to] = self.now_s + HOLE_S
        if self._random.random() < self.network.loss:
            return
        arrival_s = self.now_s + self._random.uniform(*self.network.delay_s)
        self._at(arrival_s, partial(self._arrive, source, data, to))

    def _arrive(self, source: Endpoint, data: bytes, to: Endpoint) -> None:
        actor = self.actors.get(to)
        if actor is None or (actor.holes is not None and actor.holes.get(source, 0) < self.now_s):
            return
        self.tell(actor, events.DatagramReceived(data, source))

    def _listen(self, actor: PhoneActor) -> None:
        if actor.earpiece_open and actor.online:
            actor.heard.append((self.now_s, actor.phone.playout(self.now_s)))
            self._at(self.now_s + FRAME_S, partial(self._listen, actor))

    def _speak(self, actor: PhoneActor) -> None:
        if actor.microphone_open and actor.online:
            frame = sine(actor.voice_hz, actor.spoken_samples)
            actor.spoken_samples += FRAME_SAMPLES
            self._perform(actor, "spoke", actor.phone.capture(frame, self.now_s))
            self._at(self.now_s + FRAME_S, partial(self._speak, actor))

    def _set_alarm(self, actor: Actor) -> None:
        deadline_s = actor.core.deadline_s()
        if deadline_s is None:
            self._alarms.pop(actor.endpoint, None)
        elif self._alarms.get(actor.endpoint) != deadline_s:
            self._alarms[actor.endpoint] = deadline_s
            at_s = max(deadline_s, self.now_s)
            self._at(at_s, partial(self._alarm, actor, deadline_s))

    def _alarm(self, actor: Actor, deadline_s: float) -> None:
        if actor.online and self._alarms.get(actor.endpoint) == deadline_s:
            del self._alarms[actor.endpoint]
            self._perform(actor, "on_time", actor.core.on_time(self.now_s))

    def _at(self, at_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._order), action))

    def _next(self, until_s: float) -> None:
        if not self._agenda or self._agenda[0][0] > until_s:
            self.now_s = until_s
            return
        self.now_s, _, action = heapq.heappop(self._agenda)
        action()

    def _random_bytes(self, name: str) -> Callable[[int], bytes]:
        return random.Random(f"{self.seed}/{name}/bytes").randbytes


def sine(frequency_hz: float, first_sample: int, amplitude: int = 8000) -> Frame:
    """One frame of a sine that goes on from frame to frame."""
    samples = np.arange(first_sample, first_sample + FRAME_SAMPLES)
    wave = np.sin(2 * np.pi * frequency_hz / SAMPLE_RATE_HZ * samples)
    frame: Frame = (amplitude * wave).astype(np.int16)
    return frame


def loudest_hz(frames: list[Frame]) -> float:
    """The frequency with the most energy; 0.0 for silence."""
    sound = np.concatenate(frames).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    if spectrum.max() < 1e4:
        return 0.0
    return float(np.argmax(spectrum) * SAMPLE_RATE_HZ / len(sound))


def heard_since(who: PhoneActor, since_s: float) -> list[Frame]:
    """What came out of the earpiece from `since_s` on."""
    return [frame for at_s, frame in who.heard if at_s >= since_s]


def _search(identity: Identity, name: str) -> tuple[Certificate, str]:
    """A certificate whose number is right at the CHEAP cost."""
    for i in itertools.count():
        modifier = i.to_bytes(number.MODIFIER_BYTES, "big")
        question = number.hash_question(identity.public_key, modifier)
        found = number.from_digest(compute_argon2(*question, CHEAP).digest)
        if found is not None:
            return identity.certify(modifier, name), found
    raise AssertionError("count() does not end")
