"""Configuration: TOML text of box.toml, read into frozen dataclasses.

Knows no file: the caller passes the text and the name to blame. Everything wrong is a ConfigError
of one line that names file, section and key, such as `box.toml: [audio] country: ...`.
Source: TOML 1.0.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from firmware.errors import ConfigError, MalformedError
from firmware.handset import sound_device
from firmware.model import PACKET_MS, PACKET_MS_USUAL, Codec, Endpoint
from firmware.number import is_valid
from firmware.toml_reader import (
    Document,
    Section,
    between,
    boolean,
    list_of,
    one_of,
    string,
)

PEERS_MAX = 64  # entries of bootstrap, and of exchanges
WEB_NAMES_MAX = 8
LANGUAGES = ("en", "de")
CONTACTS_MAX = 1000
NAME_BYTES_MAX = 48  # UTF-8, as in a certificate (identity.py): two lines of the OLED

# Countries whose tones (codec/countries.py) and bell (drivers/ringer.py) we know; UK is GB.
COUNTRIES = tuple("AT AU BE BR CH CZ DE DK ES FI FR GB IN IT JP NL NO NZ PL PT SE UK US".split())


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """[identity]: what the certificate says besides the keys."""

    name: str = ""  # shown to those we call; may be empty


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """[network]: the one UDP socket and whom we know in advance."""

    # ADDRESS:PORT; port 0 takes a free one; [::] is both families, or IPv4 where there is no IPv6
    bind: str = "[::]:6881"
    bootstrap: tuple[str, ...] = ()  # HOST:PORT
    exchanges: tuple[str, ...] = ()  # HOST:PORT
    tls_exchanges: tuple[str, ...] = ()  # HOST:PORT of TLS, for networks that block UDP
    mdns: bool = True
    port_mapping: bool = True  # the router is asked to let the world in (PCP, NAT-PMP, UPnP)
    direct: bool = True  # our own address may be published, not only those of our exchanges
    public_routers: bool | None = None  # of the Mainline, as a last resort; None: a real box does


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """[exchange]: what this box does for others that nobody can reach (overlay/exchange)."""

    help: str = "auto"  # as soon as strangers reach us; or "on", "off"
    registrations: int = 100
    channels: int = 32
    kilobytes_per_s: int = 250  # relayed, all channels together
    tls: str = ""  # ADDRESS:PORT for boxes whose networks block UDP; empty = none


@dataclass(frozen=True, slots=True)
class WebSettings:
    """[web]: the page of the box."""

    bind: str = ""  # ADDRESS:PORT; empty = no page
    names: tuple[str, ...] = ("fernruf.local",)  # by which it may be asked for, besides addresses
    anywhere: bool = False  # false: only for who is on the local network


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """[mqtt]: a broker that is told what the telephone does (Home Assistant)."""

    broker: str = ""  # HOST:PORT; empty = none
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    may_dial: bool = False  # whoever may write to the broker


@dataclass(frozen=True, slots=True)
class HardwareSettings:
    """[hardware]: what stands around the processor."""

    kind: str = "pi"  # or "simulated"
    handset: str = ""  # path of handset.toml; empty = the defaults of Handset
    oled: bool = True


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """[audio]: ALSA names, or `file:PATH.wav`, or `null` (silence)."""

    capture: str = "default"  # `default` = what handset.toml says, else ALSA's default
    playback: str = "default"
    country: str = "DE"  # ISO 3166; tones and cadence of the bell


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """[display]: what a person reads."""

    language: str = ""  # of LANGUAGES; empty = English, and prompts in that of the country


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """[codec]: what we offer, best first."""

    preference: tuple[Codec, ...] = (Codec.OPUS, Codec.PCMA, Codec.PCMU)
    dtx: bool = False  # nearly nothing is sent while nobody speaks: it shows who speaks when
    packet_ms: int = PACKET_MS_USUAL  # of speech in each packet that we want to get


@dataclass(frozen=True, slots=True)
class Config:
    """All of box.toml; each default is the one the README promises."""

    identity: IdentitySettings = field(default_factory=IdentitySettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    exchange: ExchangeSettings = field(default_factory=ExchangeSettings)
    hardware: HardwareSettings = field(default_factory=HardwareSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    codec: CodecSettings = field(default_factory=CodecSettings)
    web: WebSettings = field(default_factory=WebSettings)
    display: DisplaySettings = field(default_factory=DisplaySettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    contacts: dict[str, str] = field(default_factory=dict)  # twelve digits: name
    source: str = "box.toml"  # the file to blame

    @property
    def uses_public_routers(self) -> bool:
        """Whether to ask the routers of the Mainline when nobody else answers."""
        wish = self.network.public_routers
        return self.hardware.kind == "pi" if wish is None else wish


def parse_config(text: str, source: str) -> Config:
    """Read box.toml; raises ConfigError naming `source`, section and key."""
    document = Document(text, source)
    identity, network = document.section("identity"), document.section("network")
    hardware, audio = document.section("hardware"), document.section("audio")
    codec, web = document.section("codec"), document.section("web")
    contacts = document.section("contacts")
    exchange = document.section("exchange")
    config = Config(
        IdentitySettings(identity.take("name", _name, "")),
        NetworkSettings(
            network.take("bind", _address, NetworkSettings().bind),
            network.take("bootstrap", _hosts, ()),
            network.take("exchanges", _hosts, ()),
            network.take("tls_exchanges", _hosts, ()),
            network.take("mdns", boolean, default=True),
            network.take("port_mapping", boolean, default=True),
            network.take("direct", boolean, default=True),
            network.take("public_routers", boolean, default=None),
        ),
        ExchangeSettings(
            exchange.take("help", one_of("auto", "on", "off"), "auto"),
            exchange.take("registrations", between(1, 100_000), ExchangeSettings().registrations),
            exchange.take("channels", between(1, 100_000), ExchangeSettings().channels),
            exchange.take(
                "kilobytes_per_s", between(1, 1_000_000), ExchangeSettings().kilobytes_per_s
            ),
            exchange.take("tls", _address, ""),
        ),
        HardwareSettings(
            hardware.take("kind", one_of("pi", "simulated"), "pi"),
            hardware.take("handset", string, ""),
            hardware.take("oled", boolean, default=True),
        ),
        AudioSettings(
            audio.take("capture", sound_device, "default"),
            audio.take("playback", sound_device, "default"),
            audio.take("country", lambda code: one_of(*COUNTRIES)(string(code).upper()), "DE"),
        ),
        CodecSettings(
            codec.take("preference", _codecs, CodecSettings().preference),
            codec.take("dtx", boolean, default=False),
            codec.take("packet_ms", _packet_ms, 20),
        ),
        WebSettings(
            web.take("bind", _address, ""),
            web.take("names", _names, WebSettings().names),
            web.take("anywhere", boolean, default=False),
        ),
        DisplaySettings(document.section("display").take("language", one_of("", *LANGUAGES), "")),
        _mqtt(document.section("mqtt")),
        _contacts(contacts),
        source,
    )
    document.refuse_the_rest()
    return config


def _mqtt(section: Section) -> MqttSettings:
    return MqttSettings(
        section.take("broker", _host, ""),
        section.take("username", string, ""),
        section.take("password", string, ""),
        section.take("tls", boolean, default=False),
        section.take("may_dial", boolean, default=False),
    )


def _contacts(section: Section) -> dict[str, str]:
    numbers = list(section.table)
    if len(numbers) > CONTACTS_MAX:
        raise section.error(numbers[CONTACTS_MAX], f"more than {CONTACTS_MAX} contacts")
    for number in numbers:
        if not is_valid(number):
            raise section.error(number, "not a telephone number of twelve digits")
    return {number: section.take(number, _name, "") for number in numbers}


# Readers: in goes a value as TOML gave it, out comes what we keep, or ConfigError with the reason.


def _name(value: Any) -> str:
    text = string(value)
    if len(text.encode()) > NAME_BYTES_MAX or not (text == "" or text.isprintable()):
        raise ConfigError(f"must be at most {NAME_BYTES_MAX} bytes of printable text")
    return text


def _address(value: Any) -> str:
    try:
        return str(Endpoint.parse(string(value)))
    except MalformedError:
        raise ConfigError("must be ADDRESS:PORT, such as 0.0.0.0:6881 or [::]:6881") from None


def _host(value: Any) -> str:
    host, _, port = string(value).rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    is_port = port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535
    if not host or not is_port or any(c.isspace() for c in host) or (":" in host) != bracketed:
        raise ConfigError(f"{value!r} is not HOST:PORT")
    return f"{host}:{port}"


def _hosts(value: Any) -> tuple[str, ...]:
    return tuple(_host(item) for item in list_of(value, PEERS_MAX))


def _names(value: Any) -> tuple[str, ...]:
    return tuple(string(item).lower() for item in list_of(value, WEB_NAMES_MAX))


def _packet_ms(value: Any) -> int:
    milliseconds = between(min(PACKET_MS), max(PACKET_MS))(value)
    if milliseconds not in PACKET_MS:
        known = ", ".join(map(str, PACKET_MS))
        raise ConfigError(f"{milliseconds} ms of speech in a packet is none of {known}")
    return milliseconds


def _codecs(value: Any) -> tuple[Codec, ...]:
    names = [one_of(*Codec)(item) for item in list_of(value, len(Codec))]
    if not names or len(set(names)) < len(names):
        raise ConfigError("must name at least one codec, each once")
    return tuple(Codec(name) for name in names)
