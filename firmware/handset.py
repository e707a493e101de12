"""The wiring: TOML text of handset.toml, read into frozen dataclasses, and printed again.

Knows no file and no chip. Each section is a dataclass, and WIRING says how its keys are read; so
the printed text, the pin tables and the wiring diagrams come from the same place.
Units: `_s` seconds; pins are BCM numbers of the GPIO header. Source: TOML 1.0.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from firmware.errors import ConfigError
from firmware.toml_reader import Document, between, boolean, list_of, one_of, seconds, string

ON_USB = "usb"  # a Pico, under whatever number it was plugged in
DEVICE_CHARACTERS_MAX = 255  # an ALSA name, or `file:` and a path
DEBOUNCE_MAX_S = 0.2  # more than this and a quick finger is not seen
FLASH_MAX_S = 1.6  # the longest flash that exchanges accept
DIM_MAX_S = 86_400.0
GAIN_MAX_DB = 20  # of microphone and earpiece
PIN_MIN, PIN_MAX = 2, 27  # 0 and 1 belong to the EEPROM of an add-on board
OLED_WIDTH_MAX, OLED_HEIGHT_MAX = 128, 64  # SSD1306 data sheet, section 1

DIALLING_KEYS = "0123456789*#"
KEYS = DIALLING_KEYS + "ABCD"  # ITU-T Q.23
I2C_PINS = {0: (0, 1), 1: (2, 3)}  # bus: data and clock; other buses are moved by overlays
KINDS = ("gpio", "usb", "adapter")  # the three ways to build the box


@dataclass(frozen=True, slots=True)
class TelephoneWiring:
    """[telephone]: which of the three ways; `usb` and `adapter` leave hook, keypad, bell alone."""

    kind: str = "gpio"


@dataclass(frozen=True, slots=True)
class HookWiring:
    """[hook]: the switch under the handset."""

    pin: int = 22
    lifted_is_high: bool = True  # the weight of the handset closes the contact to ground
    debounce_s: float = 0.010
    flash_max_s: float = 0.5  # on the hook for longer than this means hung up


@dataclass(frozen=True, slots=True)
class KeypadWiring:
    """[keypad]: the matrix; one string of `keys` for each row, one character for each column."""

    rows: tuple[int, ...] = (5, 6, 13, 26)
    columns: tuple[int, ...] = (23, 24, 25, 8)
    keys: tuple[str, ...] = ("123A", "456B", "789C", "*0#D")
    debounce_s: float = 0.015


@dataclass(frozen=True, slots=True)
class DialWiring:
    """[dial]: a rotary dial on the header, or the dial of the telephone behind the adapter."""

    country: str = ""  # "SE" and "NZ" count otherwise than the rest of the world
    pulse_pin: int | None = None  # opens once a pulse, to ground; None: no dial on the header
    off_normal_pin: int | None = None  # closed to ground while the dial turns
    tones: bool = True  # keys that sound on the line are heard, too; behind the adapter only


@dataclass(frozen=True, slots=True)
class OledWiring:
    """[oled]: an SSD1306 on an I2C bus."""

    bus: int = 1
    address: int = 0x3C
    width: int = 128
    height: int = 64
    dim_s: float = 30.0  # after the last change
    blank_s: float = 300.0


@dataclass(frozen=True, slots=True)
class RingerWiring:
    """[ringer]: an active buzzer, sounding while its pin is high."""

    pin: int = 12


@dataclass(frozen=True, slots=True)
class LampWiring:
    """[lamp]: shines with the bell, and while a missed call waits; high = on."""

    pin: int | None = None


@dataclass(frozen=True, slots=True)
class ShutdownWiring:
    """[shutdown]: a key to ground that switches the box off when held."""

    pin: int | None = None
    hold_s: float = 2.0


@dataclass(frozen=True, slots=True)
class AdapterWiring:
    """[adapter]: the serial line to the analog phone adapter."""

    port: str = "/dev/serial0"  # or ON_USB, and its serial number after a colon if there are two
    ring_hz: int = 25  # 20 in the United States


@dataclass(frozen=True, slots=True)
class SoundCard:
    """[audio] of the handset: ALSA names; empty = ALSA's default, or the USB phone's own card."""

    capture: str = ""
    playback: str = ""
    echo: str = "auto"  # cancelled: "auto" = while one can be heard, "on", "off"
    microphone_db: int = 0
    earpiece_db: int = 0
    side_tone_db: int | None = None  # of the own voice in the own ear; None = as the card does it


@dataclass(frozen=True, slots=True)
class Handset:
    """All of handset.toml: what changes with the soldering."""

    telephone: TelephoneWiring = field(default_factory=TelephoneWiring)
    hook: HookWiring = field(default_factory=HookWiring)
    keypad: KeypadWiring = field(default_factory=KeypadWiring)
    dial: DialWiring = field(default_factory=DialWiring)
    oled: OledWiring = field(default_factory=OledWiring)
    ringer: RingerWiring = field(default_factory=RingerWiring)
    lamp: LampWiring = field(default_factory=LampWiring)
    shutdown: ShutdownWiring = field(default_factory=ShutdownWiring)
    adapter: AdapterWiring = field(default_factory=AdapterWiring)
    audio: SoundCard = field(default_factory=SoundCard)
    source: str = "handset.toml"  # the file to blame

    @property
    def keys_sound(self) -> bool:
        """Its keys may be nothing but tones on the line of the adapter."""
        return self.telephone.kind == "adapter" and self.dial.tones


def parse_handset(text: str, source: str) -> Handset:
    """Read handset.toml; raises ConfigError naming `source`, section and key."""
    document = Document(text, source)
    sections: dict[str, Any] = {}
    for name, (wiring, readers) in WIRING.items():
        section, defaults = document.section(name), wiring()
        values = {key: section.take(key, read, getattr(defaults, key)) for key, read in readers}
        sections[name] = wiring(**values)
    document.refuse_the_rest()
    handset = Handset(**sections, source=source)
    _check_shape(handset)
    _check_pins(handset)
    return handset


def print_handset(handset: Handset) -> str:
    """The text of handset.toml; parse_handset() gives back what went in."""
    lines = ["# The wiring of the handset. Pins are BCM numbers of the GPIO header."]
    for name, (wiring, _) in WIRING.items():
        section = getattr(handset, name)
        values = {part.name: getattr(section, part.name) for part in fields(wiring)}
        written = [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
        lines += ["", f"[{name}]", *[line for line in written if not line.endswith('= ""')]]
    return "\n".join(lines) + "\n"


def pins_of(handset: Handset) -> list[tuple[int, str]]:
    """Each pin of the header that this wiring uses, and the key that says so."""
    uses = [(pin, "[oled] bus") for pin in I2C_PINS.get(handset.oled.bus, ())]
    if handset.telephone.kind == "gpio":
        uses += [(handset.hook.pin, "[hook] pin")]
        uses += [(pin, "[keypad] rows") for pin in handset.keypad.rows]
        uses += [(pin, "[keypad] columns") for pin in handset.keypad.columns]
        uses += [(handset.ringer.pin, "[ringer] pin")]
        uses += _optional(handset.dial.pulse_pin, "[dial] pulse_pin")
        uses += _optional(handset.dial.off_normal_pin, "[dial] off_normal_pin")
    uses += _optional(handset.lamp.pin, "[lamp] pin")
    uses += _optional(handset.shutdown.pin, "[shutdown] pin")
    return uses


def sound_device(value: Any) -> str:
    """A reader of an ALSA name, a file or silence."""
    text = string(value)
    if not 0 < len(text) <= DEVICE_CHARACTERS_MAX or not text.isprintable() or text == "file:":
        raise ConfigError("must be an ALSA name, file:PATH.wav or null")
    return text


def _optional(pin: int | None, use: str) -> list[tuple[int, str]]:
    return [] if pin is None else [(pin, use)]


def _check_shape(handset: Handset) -> None:
    keypad, oled = handset.keypad, handset.oled
    if len(keypad.keys) != len(keypad.rows) or len(keypad.keys[0]) != len(keypad.columns):
        raise ConfigError(
            f"{handset.source}: [keypad] keys: {len(keypad.rows)} rows and {len(keypad.columns)}"
            f" columns of pins, but {len(keypad.keys)} strings of {len(keypad.keys[0])} keys"
        )
    if oled.blank_s < oled.dim_s:
        raise ConfigError(f"{handset.source}: [oled] blank_s: must not come before dim_s")


def _check_pins(handset: Handset) -> None:
    """No pin has two uses; the pins of the I2C bus count."""
    taken: dict[int, str] = {}
    for pin, use in pins_of(handset):
        if pin in taken:
            raise ConfigError(f"{handset.source}: {use}: pin {pin} is used by {taken[pin]} too")
        taken[pin] = use


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


# Readers: in goes a value as TOML gave it, out comes what we keep, or ConfigError with the reason.

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


def _port(value: Any) -> str:
    port = string(value)
    is_named = port.startswith("/dev/") and port.isprintable()
    bus, colon, serial = port.partition(":")
    is_found = bus == ON_USB and (serial.isalnum() or not colon)
    if not (is_named or is_found) or len(port) > DEVICE_CHARACTERS_MAX:
        raise ConfigError('must be a device such as /dev/serial0, or "usb", or "usb:SERIAL"')
    return port


def _dial_country(value: Any) -> str:
    return one_of("", "NZ", "SE")(string(value).upper())


Readers = tuple[tuple[str, Callable[[Any], Any]], ...]
WIRING: dict[str, tuple[type, Readers]] = {
    "telephone": (TelephoneWiring, (("kind", one_of(*KINDS)),)),
    "hook": (
        HookWiring,
        (
            ("pin", _pin),
            ("lifted_is_high", boolean),
            ("debounce_s", seconds(DEBOUNCE_MAX_S)),
            ("flash_max_s", seconds(FLASH_MAX_S)),
        ),
    ),
    "keypad": (
        KeypadWiring,
        (
            ("rows", _pins),
            ("columns", _pins),
            ("keys", _keys),
            ("debounce_s", seconds(DEBOUNCE_MAX_S)),
        ),
    ),
    "dial": (
        DialWiring,
        (
            ("country", _dial_country),
            ("pulse_pin", _pin),
            ("off_normal_pin", _pin),
            ("tones", boolean),
        ),
    ),
    "oled": (
        OledWiring,
        (
            ("bus", between(0, 255)),
            ("address", between(0x08, 0x77)),
            ("width", between(8, OLED_WIDTH_MAX, 8)),
            ("height", between(8, OLED_HEIGHT_MAX, 8)),
            ("dim_s", seconds(DIM_MAX_S)),
            ("blank_s", seconds(DIM_MAX_S)),
        ),
    ),
    "ringer": (RingerWiring, (("pin", _pin),)),
    "lamp": (LampWiring, (("pin", _pin),)),
    "shutdown": (ShutdownWiring, (("pin", _pin), ("hold_s", seconds(10.0)))),
    "adapter": (AdapterWiring, (("port", _port), ("ring_hz", between(16, 68)))),
    "audio": (
        SoundCard,
        (
            ("capture", sound_device),
            ("playback", sound_device),
            ("echo", one_of("auto", "on", "off")),
            ("microphone_db", between(-GAIN_MAX_DB, GAIN_MAX_DB)),
            ("earpiece_db", between(-GAIN_MAX_DB, GAIN_MAX_DB)),
            ("side_tone_db", between(-60, 0)),
        ),
    ),
}
