"""Configuration: TOML text of box.toml and handset.toml, read into frozen dataclasses.

Knows no file: the caller passes the text and the name to blame. Everything wrong is a ConfigError
of one line that names file, section and key, such as `box.toml: [audio] country: ...`.
Units: `_s` seconds; pins are BCM numbers of the GPIO header.
Source: TOML 1.0.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from firmware.errors import ConfigError, MalformedError
from firmware.model import Codec, Endpoint
from firmware.number import is_valid
from firmware.toml_reader import (
    Document,
    Section,
    between,
    boolean,
    list_of,
    one_of,
    seconds,
    string,
)

PEERS_MAX = 64  # entries of bootstrap, and of exchanges
CONTACTS_MAX = 1000
NAME_BYTES_MAX = 48  # UTF-8, as in a certificate (identity.py): two lines of the OLED
DEVICE_CHARACTERS_MAX = 255  # an ALSA name, or `file:` and a path
DEBOUNCE_MAX_S = 0.2  # more than this and a quick finger is not seen
FLASH_MAX_S = 1.6  # the longest flash that exchanges accept
PIN_MIN, PIN_MAX = 2, 27  # 0 and 1 belong to the EEPROM of an add-on board
OLED_WIDTH_MAX, OLED_HEIGHT_MAX = 128, 64  # SSD1306 data sheet, section 1

DIALLING_KEYS = "0123456789*#"
KEYS = DIALLING_KEYS + "ABCD"  # ITU-T Q.23
# Countries whose tones (codec/countries.py) and bell (drivers/ringer.py) we know; UK is GB.
COUNTRIES = tuple("AT AU BE BR CH CZ DE DK ES FI FR GB IN IT JP NL NO NZ PL PT SE UK US".split())
I2C_PINS = {0: (0, 1), 1: (2, 3)}  # bus: data and clock; other buses are moved by overlays


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """[identity]: what the certificate says besides the keys."""

    name: str = ""  # shown to those we call; may be empty


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """[network]: the one UDP socket and whom we know in advance."""

    bind: str = "0.0.0.0:6881"  # ADDRESS:PORT; port 0 takes a free one
    bootstrap: tuple[str, ...] = ()  # HOST:PORT
    exchanges: tuple[str, ...] = ()  # HOST:PORT
    mdns: bool = True
    direct: bool = True  # our own address may be published, not only those of our exchanges
    public_routers: bool | None = None  # of the Mainline, as a last resort; None: a real box does


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
class CodecSettings:
    """[codec]: what we offer, best first."""

    preference: tuple[Codec, ...] = (Codec.OPUS, Codec.PCMA, Codec.PCMU)


@dataclass(frozen=True, slots=True)
class Config:
    """All of box.toml; each default is the one the README promises."""

    identity: IdentitySettings = field(default_factory=IdentitySettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    hardware: HardwareSettings = field(default_factory=HardwareSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    codec: CodecSettings = field(default_factory=CodecSettings)
    contacts: dict[str, str] = field(default_factory=dict)  # twelve digits: name
    source: str = "box.toml"  # the file to blame

    @property
    def uses_public_routers(self) -> bool:
        """Whether to ask the routers of the Mainline when nobody else answers."""
        wish = self.network.public_routers
        return self.hardware.kind == "pi" if wish is None else wish


@dataclass(frozen=True, slots=True)
class HookWiring:
    """[hook]: the switch under the handset."""

    pin: int = 22
    lifted_is_high: bool = True  # the weight of the handset closes the contact to ground
    debounce_s: float = 0.020
    flash_max_s: float = 0.5  # on the hook for longer than this means hung up


@dataclass(frozen=True, slots=True)
class KeypadWiring:
    """[keypad]: the matrix; one string of `keys` for each row, one character for each column."""

    rows: tuple[int, ...] = (5, 6, 13, 26)
    columns: tuple[int, ...] = (23, 24, 25, 8)
    keys: tuple[str, ...] = ("123A", "456B", "789C", "*0#D")
    debounce_s: float = 0.015


@dataclass(frozen=True, slots=True)
class OledWiring:
    """[oled]: an SSD1306 on an I2C bus."""

    bus: int = 1
    address: int = 0x3C
    width: int = 128
    height: int = 64


@dataclass(frozen=True, slots=True)
class RingerWiring:
    """[ringer]: an active buzzer, sounding while its pin is high."""

    pin: int = 12


@dataclass(frozen=True, slots=True)
class SoundCard:
    """[audio] of the handset: ALSA names; empty = ALSA's default."""

    capture: str = ""
    playback: str = ""


@dataclass(frozen=True, slots=True)
class Handset:
    """All of handset.toml: what changes with the soldering."""

    hook: HookWiring = field(default_factory=HookWiring)
    keypad: KeypadWiring = field(default_factory=KeypadWiring)
    oled: OledWiring = field(default_factory=OledWiring)
    ringer: RingerWiring = field(default_factory=RingerWiring)
    audio: SoundCard = field(default_factory=SoundCard)
    source: str = "handset.toml"  # the file to blame


def parse_config(text: str, source: str) -> Config:
    """Read box.toml; raises ConfigError naming `source`, section and key."""
    document = Document(text, source)
    identity, network = document.section("identity"), document.section("network")
    hardware, audio = document.section("hardware"), document.section("audio")
    codec, contacts = document.section("codec"), document.section("contacts")
    config = Config(
        IdentitySettings(identity.take("name", _name, "")),
        NetworkSettings(
            network.take("bind", _address, NetworkSettings().bind),
            network.take("bootstrap", _hosts, ()),
            network.take("exchanges", _hosts, ()),
            network.take("mdns", boolean, default=True),
            network.take("direct", boolean, default=True),
            network.take("public_routers", boolean, default=None),
        ),
        HardwareSettings(
            hardware.take("kind", one_of("pi", "simulated"), "pi"),
            hardware.take("handset", string, ""),
            hardware.take("oled", boolean, default=True),
        ),
        AudioSettings(
            audio.take("capture", _device, "default"),
            audio.take("playback", _device, "default"),
            audio.take("country", lambda code: one_of(*COUNTRIES)(string(code).upper()), "DE"),
        ),
        CodecSettings(codec.take("preference", _codecs, CodecSettings().preference)),
        _contacts(contacts),
        source,
    )
    document.refuse_the_rest()
    return config


def parse_handset(text: str, source: str) -> Handset:
    """Read handset.toml; raises ConfigError naming `source`, section and key."""
    document = Document(text, source)
    hook, keypad = document.section("hook"), document.section("keypad")
    oled, ringer = document.section("oled"), document.section("ringer")
    audio = document.section("audio")
    handset = Handset(
        HookWiring(
            hook.take("pin", _pin, HookWiring().pin),
            hook.take("lifted_is_high", boolean, default=True),
            hook.take("debounce_s", seconds(DEBOUNCE_MAX_S), HookWiring().debounce_s),
            hook.take("flash_max_s", seconds(FLASH_MAX_S), HookWiring().flash_max_s),
        ),
        KeypadWiring(
            keypad.take("rows", _pins, KeypadWiring().rows),
            keypad.take("columns", _pins, KeypadWiring().columns),
            keypad.take("keys", _keys, KeypadWiring().keys),
            keypad.take("debounce_s", seconds(DEBOUNCE_MAX_S), KeypadWiring().debounce_s),
        ),
        OledWiring(
            oled.take("bus", between(0, 255), OledWiring().bus),
            oled.take("address", between(0x08, 0x77), OledWiring().address),
            oled.take("width", between(8, OLED_WIDTH_MAX, 8), OledWiring().width),
            oled.take("height", between(8, OLED_HEIGHT_MAX, 8), OledWiring().height),
        ),
        RingerWiring(ringer.take("pin", _pin, RingerWiring().pin)),
        SoundCard(audio.take("capture", _device, ""), audio.take("playback", _device, "")),
        source,
    )
    document.refuse_the_rest()
    _check_shape(handset)
    _check_pins(handset)
    return handset


def _contacts(section: Section) -> dict[str, str]:
    numbers = list(section.table)
    if len(numbers) > CONTACTS_MAX:
        raise section.error(numbers[CONTACTS_MAX], f"more than {CONTACTS_MAX} contacts")
    for number in numbers:
        if not is_valid(number):
            raise section.error(number, "not a telephone number of twelve digits")
    return {number: section.take(number, _name, "") for number in numbers}


def _check_shape(handset: Handset) -> None:
    keypad = handset.keypad
    if len(keypad.keys) != len(keypad.rows) or len(keypad.keys[0]) != len(keypad.columns):
        raise ConfigError(
            f"{handset.source}: [keypad] keys: {len(keypad.rows)} rows and {len(keypad.columns)}"
            f" columns of pins, but {len(keypad.keys)} strings of {len(keypad.keys[0])} keys"
        )


def _check_pins(handset: Handset) -> None:
    """No pin has two uses; the pins of the I2C bus count."""
    uses = [(pin, "[oled] bus") for pin in I2C_PINS.get(handset.oled.bus, ())]
    uses += [(handset.hook.pin, "[hook] pin")]
    uses += [(pin, "[keypad] rows") for pin in handset.keypad.rows]
    uses += [(pin, "[keypad] columns") for pin in handset.keypad.columns]
    uses += [(handset.ringer.pin, "[ringer] pin")]
    taken: dict[int, str] = {}
    for pin, use in uses:
        if pin in taken:
            raise ConfigError(f"{handset.source}: {use}: pin {pin} is used by {taken[pin]} too")
        taken[pin] = use


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


def _device(value: Any) -> str:
    text = string(value)
    if not 0 < len(text) <= DEVICE_CHARACTERS_MAX or not text.isprintable() or text == "file:":
        raise ConfigError("must be an ALSA name, file:PATH.wav or null")
    return text


def _codecs(value: Any) -> tuple[Codec, ...]:
    names = [one_of(*Codec)(item) for item in list_of(value, len(Codec))]
    if not names or len(set(names)) < len(names):
        raise ConfigError("must name at least one codec, each once")
    return tuple(Codec(name) for name in names)


_pin = between(PIN_MIN, PIN_MAX)


def _pins(value: Any) -> tuple[int, ...]:
    return tuple(_pin(item) for item in list_of(value, PIN_MAX))


def _keys(value: Any) -> tuple[str, ...]:
    rows = tuple(string(item) for item in list_of(value, len(KEYS)))
    keys = "".join(rows)
    if len(set(keys)) < len(keys) or not set(DIALLING_KEYS) <= set(keys) <= set(KEYS):
        raise ConfigError(f"must hold each of {DIALLING_KEYS} once, and of ABCD what there is")
    if len({len(row) for row in rows}) > 1:
        raise ConfigError("must be strings of one length")
    return rows
