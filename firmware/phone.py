"""The telephone without a body: joins the cores into one object that needs no real time to run.

Which core hears which message is in routes.py. Control goes through `handle`
and `on_time`; sound goes straight through `capture` and `playout`, 50 frames a second each way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from firmware import events
from firmware.book.book import PhoneBook
from firmware.call.machine import Call
from firmware.demux import Protocol, protocol_of
from firmware.events import Core, Message, services
from firmware.features.desk import Desk
from firmware.identity import Certificate, Identity
from firmware.media.mixer import mix
from firmware.media.path.paths import Paths, PathStatus
from firmware.media.sessions import MediaSessions
from firmware.model import (
    PACKET_MS_USUAL,
    CallState,
    CallView,
    Codec,
    Endpoint,
    Frame,
    Picture,
    Tone,
    Unreachable,
    silence,
)
from firmware.overlay.claim import Claim
from firmware.overlay.contacts import LastReached
from firmware.overlay.dht.acquaintances import KnownNodes
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import Helping, Limits
from firmware.overlay.fallback import Fallback
from firmware.overlay.mapping.mapper import Mapper
from firmware.overlay.registrar.registrar import ExchangeView
from firmware.routes import DATAGRAM_ROUTES, MENU_KEY_ROUTE, ROUTES, WORLD
from firmware.ui.announcer import Announcer
from firmware.ui.call_log import CallLog, Entry
from firmware.ui.display import Display
from firmware.ui.earpiece import EarTones
from firmware.ui.language import in_language
from firmware.ui.line_history import LineHistory
from firmware.ui.menu.menu import Menu
from firmware.ui.menu.texts import ENGLISH as MENU
from firmware.ui.mouthpiece import HandsetSound, Mouthpiece
from firmware.ui.selftest import SelfTest
from firmware.ui.texts import ENGLISH

EAR_DELAY_S = 0.030  # what a sound card usually keeps
MESSAGES_PER_STEP_MAX = 10_000  # more than any fact can cause: two cores talk in a circle


@dataclass(frozen=True, slots=True)
class PhoneSetup:
    """All that makes one telephone different from another."""

    identity: Identity
    certificate: Certificate | None  # None: the number is still to be searched
    number: str | None  # twelve digits, given exactly when `certificate` is
    name: str
    bootstrap: tuple[str, ...]  # HOST:PORT
    country: str  # ISO 3166, of the tones
    display_height: int  # pixels
    codecs: tuple[Codec, ...]  # in order of preference
    names: Mapping[str, str]  # of box.toml, number -> name; more are in the phone book
    pins: Mapping[str, bytes]  # number -> Ed25519 public key, from earlier calls
    contacts: tuple[LastReached, ...] = ()  # where numbers were reached last
    known_nodes: KnownNodes | None = None  # of the DHT, from earlier
    last_resort: tuple[str, ...] = ()  # HOST:PORT, asked when nobody else answers
    exchanges: tuple[str, ...] = ()  # HOST:PORT, known in advance
    known_exchanges: tuple[Endpoint, ...] = ()  # of an earlier run
    tls_exchanges: tuple[str, ...] = ()  # HOST:PORT of TLS, for networks that block UDP
    known_tunnels: tuple[Endpoint, ...] = ()  # the same, of an earlier run
    tls_port: int | None = None  # where we ourselves take such boxes in
    direct: bool = True  # our own address is published, not only those of our exchanges
    port_mapping: bool = False  # the router is asked to let the world in
    help: str = "auto"  # being an exchange for others: when strangers reach us; or "on", "off"
    limits: Limits = field(default_factory=Limits)  # of that
    language: str = ""  # of LANGUAGES; empty = English is shown, the country's is spoken
    calls: tuple[Entry, ...] = ()  # of the log, oldest first
    sound: HandsetSound = field(default_factory=HandsetSound)  # echo, gains
    dtx: bool = False  # nearly nothing is sent while nobody speaks
    packet_ms: int = PACKET_MS_USUAL  # of speech, in each packet that comes


@dataclass(frozen=True, slots=True)
class Timings:
    """Moments of the present or last call, monotonic seconds; None = did not happen yet."""

    dialled_s: float | None = None
    ringback_s: float | None = None  # first heard in the earpiece
    answered_s: float | None = None
    first_audio_s: float | None = None  # first speech of the peer heard in the earpiece
    direct_s: float | None = None  # first direct path; before the answer if probes were quick


@dataclass(frozen=True, slots=True)
class PhoneStatus:
    """What `fernruf ctl status` tells of the cores."""

    number: str | None
    view: CallView
    picture: Picture
    nodes: int
    published: bool
    unreachable: Unreachable | None
    exchanges: tuple[ExchangeView, ...]
    helping: Helping | None  # None: we are no exchange
    timings: Timings
    media: events.MediaReported | None
    path: PathStatus | None
    mapped: Endpoint | None  # what the router lets in for us, proved
    datagrams_unknown: int


class Phone:
    """One telephone; the same input at the same times gives the same output, byte for byte."""

    def __init__(self, setup: PhoneSetup, random_bytes: Callable[[int], bytes]) -> None:
        own = setup.certificate.encode() if setup.certificate else None
        self.number = setup.number
        self.directory = _directory(setup, random_bytes)
        self.book = PhoneBook(setup.names)
        self.call = Call(
            setup.identity,
            random_bytes,
            codecs=setup.codecs,
            names=self.book.names,
            pins=setup.pins,
            own_number=setup.number,
            own_certificate=own,
            country=setup.country,
            packet_ms=setup.packet_ms,
            keys_sound=setup.sound.tone_keys,
        )
        self.paths = Paths(random_bytes)
        self.media = MediaSessions(random_bytes, self.paths.route, dtx=setup.dtx)
        language = setup.language or "en"
        self.menu = Menu(self.book.names, in_language(MENU, language))
        self.display = Display(
            setup.number, height=setup.display_height, texts=in_language(ENGLISH, language)
        )
        self.ear, self.mouth = EarTones(setup.country), Mouthpiece(setup.sound)
        self.announcer = Announcer(setup.country, setup.language)
        self.services = Desk(setup.country)
        self.log, self.selftest = CallLog(setup.calls), SelfTest()
        self.history = LineHistory()
        self._cores: dict[str, Core] = {
            "directory": self.directory,
            "call": self.call,
            "media": self.media,
            "paths": self.paths,
            "fallback": Fallback(setup.tls_exchanges, random_bytes, setup.known_tunnels),
            "display": self.display,
            "ear": self.ear,
            "mouth": self.mouth,
            "log": self.log,
            "selftest": self.selftest,
            "announcer": self.announcer,
            "features": self.services,
            "book": self.book,
            "menu": self.menu,
            "history": self.history,
        }
        if setup.port_mapping:
            self._cores["mapper"] = Mapper(random_bytes)
        if own is None:
            self._cores["claim"] = Claim(setup.identity, setup.name)
        self._view = CallView()
        self._timings = Timings()
        self._reachability = events.ReachabilityChanged(nodes=0, published=False)
        self._report: events.MediaReported | None = None
        self._mapped: Endpoint | None = None
        self._datagrams_unknown = 0
        self._deadlines: dict[str, float | None] = {}
        self._deadline_s: float | None = None  # the first of them
        self._forgotten = set(self._cores)  # something happened to them since

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Tell the cores one fact; return what the shell must do."""
        if type(fact) is events.DatagramReceived and protocol_of(fact.data) is Protocol.RTP:
            # 50 times a second, and nearly always there is nothing to say of it
            self._forgotten.update(_OF_SPEECH)
            messages = self.media.handle(fact, now_s)
            return self._settle(messages, now_s) if messages else messages
        return self._settle([fact], now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """Let every core do what is due."""
        due = [core for core in self._cores.values() if _is_due(core, now_s)]
        self._forgotten.update(self._cores)
        return self._settle([message for core in due for message in core.on_time(now_s)], now_s)

    def deadline_s(self) -> float | None:
        """The earliest deadline of all cores."""
        if self._forgotten:
            for name in self._forgotten:
                self._deadlines[name] = self._cores[name].deadline_s()
            self._forgotten.clear()
            known = [deadline for deadline in self._deadlines.values() if deadline is not None]
            self._deadline_s = min(known, default=None)
        return self._deadline_s

    def capture(self, frame: Frame, now_s: float) -> list[Message]:
        """One frame from the microphone; returns the datagrams that carry it."""
        frame, keys = self.mouth.without_keys(frame)
        messages = self._settle(keys, now_s) if keys else []
        return messages + self._speak(frame, now_s)

    def _speak(self, frame: Frame, now_s: float) -> list[Message]:
        if self.selftest.is_running:
            return self._settle(self.selftest.spoken(frame, now_s), now_s)
        if self.services.listens:
            return self._settle([services.Spoken(frame)], now_s)
        if self._view.is_muted:
            frame = silence()
        return [
            self._wrapped(message, now_s) if isinstance(message, events.SendDatagram) else message
            for message in self.media.capture(self.mouth.spoken(frame), now_s)
        ]

    @property
    def is_ready(self) -> bool:
        """What `playout` would give now, before it is due, would not be better later."""
        return self.media.is_ready

    def playout(self, now_s: float, delay_s: float = EAR_DELAY_S) -> Frame:
        """The next sound for the ear: what the box says, a tone, speech, silence.

        It is due at `now_s`, and heard `delay_s` after it was asked for. 20 ms; speech, where
        nothing else needs whole frames, may be a little longer or shorter (see Player.pull).
        """
        frame = self.announcer.frame()
        tone = self.ear.frame(now_s) if frame is None else None
        is_free = frame is tone is None and not self.mouth.needs_whole_frames
        # always: what nobody hears must not pile up
        speech = self.media.playout(now_s, is_free=is_free)
        if tone is not None:
            frame = tone
            if speech is not None and self.ear.is_beside_speech:
                frame = mix((tone, speech))
        if frame is None:
            frame = self.selftest.heard(now_s)
        if frame is None:
            frame = speech
        return self.mouth.heard(silence() if frame is None else frame, delay_s)

    def status(self) -> PhoneStatus:
        """A snapshot for people and scripts."""
        return PhoneStatus(
            number=self.number,
            view=self._view,
            picture=self.display.picture,
            nodes=self._reachability.nodes,
            published=self._reachability.published,
            unreachable=self._reachability.unreachable,
            exchanges=self.directory.registrar.views(),
            helping=None if self.directory.exchange is None else self.directory.exchange.helping(),
            timings=self._timings_now(),
            media=self._report,
            path=self.paths.status(self._view.call),
            mapped=self._mapped,
            datagrams_unknown=self._datagrams_unknown,
        )

    def _settle(self, messages: list[Message], now_s: float) -> list[Message]:
        """Pass messages between the cores until nothing is left to say."""
        waiting = deque(messages)
        for_shell: list[Message] = []
        for _ in range(MESSAGES_PER_STEP_MAX):
            if not waiting:
                return for_shell
            message = waiting.popleft()
            if type(message) in _REMEMBERED:
                self._remember(message, now_s)
            if isinstance(message, events.SendDatagram):
                for_shell.append(self._wrapped(message, now_s))
            elif type(message) in WORLD:
                for_shell.append(message)
            for name in self._hearers(message):
                if name in self._cores:
                    self._forget_deadline(name)
                    waiting.extend(self._cores[name].handle(message, now_s))
        raise AssertionError(f"cores talk in a circle: {[type(message) for message in waiting]}")

    def _forget_deadline(self, name: str) -> None:
        self._forgotten.add(name)
        if name == "media":
            self._forgotten.add("paths")  # which it tells whom it heard

    def _wrapped(self, message: events.SendDatagram, now_s: float) -> events.SendDatagram:
        if not message.to.channel:
            return message
        self._forget_deadline("directory")
        return self.directory.channels.wrap(message, now_s)

    def _hearers(self, message: Message) -> tuple[str, ...]:
        if isinstance(message, events.DatagramReceived):
            hearers = DATAGRAM_ROUTES.get(protocol_of(message.data), ())
            self._datagrams_unknown += not hearers
            return hearers
        if isinstance(message, events.KeyPressed) and self.menu.takes(message.key):
            return MENU_KEY_ROUTE
        hearers = ROUTES.get(type(message), ())
        assert hearers or type(message) in WORLD or type(message) in ROUTES, message
        return hearers

    def _remember(self, message: Message, now_s: float) -> None:
        """Keep what only the status wants to know."""
        match message:
            case events.CallChanged(view=view):
                if view.state is CallState.CALLING and self._view.state is not CallState.CALLING:
                    self._timings = Timings(dialled_s=now_s)
                if view.state is CallState.RINGING and self._view.state is not CallState.RINGING:
                    self._timings = Timings()
                self._view = view
            case events.PathChanged(is_relayed=False) if self._timings.direct_s is None:
                self._timings = replace(self._timings, direct_s=now_s)
            case events.PortMapped(endpoint=endpoint):
                self._mapped = endpoint
            case events.NumberClaimed(number=number):
                self.number = number
            case events.ReachabilityChanged():
                self._reachability = message
            case events.MediaReported(call=call) if call == self._view.call:
                self._report = message
            case events.PrepareMedia() if self._view.state is not CallState.CONNECTED:
                self._report = None

    def _timings_now(self) -> Timings:
        return Timings(
            dialled_s=self._timings.dialled_s,
            ringback_s=self.ear.heard_first_s.get(Tone.RINGBACK),
            answered_s=self._view.connected_s,
            first_audio_s=self.media.heard_first_s,
        )


_OF_SPEECH = ("media", "paths")  # a packet tells the path of its call that it came
_REMEMBERED = frozenset(
    {
        events.CallChanged,
        events.PathChanged,
        events.PortMapped,
        events.NumberClaimed,
        events.ReachabilityChanged,
        events.MediaReported,
        events.PrepareMedia,
    }
)


def _directory(setup: PhoneSetup, random_bytes: Callable[[int], bytes]) -> Directory:
    node = Node(
        setup.bootstrap,
        random_bytes,
        last_resort=setup.last_resort,
        known=setup.known_nodes,
        saves=True,
    )
    return Directory(
        node,
        random_bytes,
        certificate=setup.certificate.encode() if setup.certificate else None,
        number=setup.number,
        identity=setup.identity,
        pins=setup.pins,
        contacts=setup.contacts,
        exchanges=setup.exchanges,
        remembered=setup.known_exchanges,
        direct=setup.direct,
        exchange=_exchange(setup, node, random_bytes),
    )


def _exchange(
    setup: PhoneSetup, node: Node, random_bytes: Callable[[int], bytes]
) -> Exchange | None:
    if setup.help == "off":
        return None
    is_automatic = setup.help == "auto"
    exchange = Exchange(setup.identity, node, random_bytes, setup.limits, automatic=is_automatic)
    exchange.tls_port = setup.tls_port
    return exchange


def _is_due(core: Core, now_s: float) -> bool:
    deadline_s = core.deadline_s()
    return deadline_s is not None and deadline_s <= now_s
