"""The board: the only code that knows which chips are real and which are simulated.

Knows no telephone. A chip or package that is missing is a failure in a list; the box goes on with
what it has. Only a file that the operator named and that cannot be used is a ConfigError.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from firmware.config import Config
from firmware.drivers.adapter import Adapter
from firmware.drivers.chips import CapturePcm, Gpio, Panel, PlaybackPcm
from firmware.drivers.contacts import Contacts, Parts
from firmware.drivers.dial import RotaryDial
from firmware.drivers.hook import Hook
from firmware.drivers.keypad import Keypad
from firmware.drivers.lamp import Lamp
from firmware.drivers.oled import Oled
from firmware.drivers.pi.alsa import AlsaCapture, AlsaPlayback, Pace
from firmware.drivers.pi.cards import sound_cards
from firmware.drivers.pi.gpio import PiGpio
from firmware.drivers.pi.i2c import LinuxI2c
from firmware.drivers.pi.ssd1306 import Ssd1306Panel
from firmware.drivers.pi.stream import SerialStream
from firmware.drivers.pi.usb import open_usb_phone, serial_path, sound_card_of_phone
from firmware.drivers.ringer import CADENCES_S, Ringer
from firmware.drivers.shutdown import ShutdownKey
from firmware.drivers.sim.browser import BrowserCard
from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.hand import Hand
from firmware.drivers.sim.i2c import SimI2c
from firmware.drivers.sim.pcm import Recording, SimCapture, SimPlayback, read_wav
from firmware.drivers.sim.ssd1306 import SimSsd1306
from firmware.drivers.telephone import Telephone
from firmware.drivers.usb_phone import UsbPhone
from firmware.errors import ConfigError, HardwareError
from firmware.events import HardwareFailed
from firmware.handset import Handset, pins_of
from firmware.model import Part

FILE = "file:"  # a WAV file in the place of an ALSA name, also on a real board: to test one
PARTS_OF = {  # section of handset.toml: what fails when there is no header
    "[hook]": Part.HOOK,
    "[keypad]": Part.KEYPAD,
    "[dial]": Part.KEYPAD,
    "[ringer]": Part.RINGER,
    "[lamp]": Part.RINGER,
    "[shutdown]": Part.KEYPAD,
}
NO_SOUND = "null"  # ours, paced; ALSA's own `null` never waits
BROWSER = "browser"  # the page of the box is microphone and earpiece
DEFAULT = "default"
PHONES_OWN = "usb"  # the sound card in the USB phone, found anew at each opening

Driver = TypeVar("Driver")


@dataclass(frozen=True, slots=True)
class Board:
    """The drivers of one box; None = not there, and why is in `failures`, or it was not wanted."""

    telephones: tuple[Telephone, ...]
    oled: Oled | None
    open_capture: Callable[[], CapturePcm]  # for audio.Microphone; raises HardwareError
    open_playback: Callable[[], PlaybackPcm]  # for audio.Earpiece; raises HardwareError
    failures: list[HardwareFailed] = field(default_factory=list)
    hand: Hand | None = None  # of a simulated box
    recording: Recording | None = None  # what the earpiece plays into, if it is a file
    gpio: Gpio | None = None
    browser: BrowserCard | None = None  # the sound card in a page, if the box's sound is there

    def close(self) -> None:
        """Give the chips back; close and join microphone and earpiece before."""
        for telephone in self.telephones:
            telephone.close()
        for telephone in self.telephones:
            telephone.join(timeout_s=1.0)
        if self.oled is not None:
            self.oled.close()
            self.oled.join(timeout_s=1.0)
        if self.gpio is not None:
            self.gpio.close()
        if self.recording is not None:
            self.recording.close()


def open_board(config: Config, handset: Handset) -> Board:
    """Open what `config` names; ConfigError only for a WAV file that cannot be used.

    A simulated box has a simulated header and OLED; its sound is `null` where nothing is
    configured, and ALSA where an ALSA device is named, which makes a PC a telephone.
    """
    failures: list[HardwareFailed] = []
    simulated = config.hardware.kind == "simulated"
    if simulated and handset.telephone.kind != "gpio":  # the hand can only reach the header
        handset = Handset(keypad=handset.keypad, oled=handset.oled, audio=handset.audio)
    sim_gpio = SimGpio() if simulated else None
    gpio = sim_gpio or _header(handset, failures)
    telephones = _telephones(config, handset, gpio, failures)
    display, oled = _oled(config, handset, simulated=simulated)
    card = BrowserCard() if BROWSER in (config.audio.capture, config.audio.playback) else None
    open_capture = _capture(config, handset, failures, card)
    open_playback, recording = _playback(config, handset, failures, card)
    return Board(
        telephones,
        oled,
        open_capture,
        open_playback,
        failures,
        None if sim_gpio is None else Hand(sim_gpio, handset, display),
        recording,
        gpio,
        card,
    )


def open_header() -> Gpio:
    """The real GPIO header, for who tests the wiring; HardwareError if there is none."""
    return PiGpio()


def open_telephone(handset: Handset, country: str = "DE") -> Telephone:
    """The USB phone or the adapter's telephone that `handset` names."""
    assert handset.telephone.kind != "gpio"
    if handset.telephone.kind == "usb":
        return UsbPhone(open_usb_phone, CADENCES_S[country])
    wiring = handset.adapter
    dial, keys = handset.dial.country, handset.keypad.keys

    def open_port() -> SerialStream:
        return SerialStream(serial_path(wiring.port))

    return Adapter(open_port, keys, dial, CADENCES_S[country], wiring.ring_hz)


def real_cards() -> tuple[str, ...]:
    """ALSA's names of the sound cards that are there."""
    return sound_cards()


def open_card_capture(device: str) -> CapturePcm:
    """The microphone of any card, for who tests the wiring; HardwareError if it is none."""
    return AlsaCapture(device)


def open_card_playback(device: str) -> PlaybackPcm:
    """The earpiece of any card."""
    return AlsaPlayback(device, Pace())


def _header(handset: Handset, failures: list[HardwareFailed]) -> Gpio | None:
    """The GPIO header, if this wiring uses it; the I2C bus is not part of it."""
    parts = {PARTS_OF[use.split()[0]] for _, use in pins_of(handset) if use.split()[0] in PARTS_OF}
    return _or_failed(PiGpio, failures, *sorted(parts)) if parts else None


def _telephones(
    config: Config, handset: Handset, gpio: Gpio | None, failures: list[HardwareFailed]
) -> tuple[Telephone, ...]:
    """The telephone as it was built, and what else is on the header."""
    country = config.audio.country
    found: list[Telephone] = []
    if handset.telephone.kind != "gpio":
        found.append(open_telephone(handset, country))
    if gpio is not None:
        found.append(Contacts(gpio, _parts(handset, country, gpio, failures)))
    return tuple(found)


def _parts(handset: Handset, country: str, gpio: Gpio, failures: list[HardwareFailed]) -> Parts:
    on_header = gpio if handset.telephone.kind == "gpio" else None
    dial, lamp, shutdown = handset.dial, handset.lamp, handset.shutdown
    return Parts(
        hook=_driver(on_header, partial(_hook, handset), failures, Part.HOOK),
        keypad=_driver(on_header, partial(_keypad, handset), failures, Part.KEYPAD),
        dial=None
        if dial.pulse_pin is None or on_header is None
        else RotaryDial(gpio, dial.pulse_pin, dial.off_normal_pin, dial.country),
        ringer=_driver(on_header, partial(_ringer, handset, country), failures, Part.RINGER),
        lamp=None if lamp.pin is None else Lamp(gpio, lamp.pin),
        shutdown=None if shutdown.pin is None else ShutdownKey(gpio, shutdown.pin, shutdown.hold_s),
    )


def _hook(handset: Handset, gpio: Gpio) -> Hook:
    wiring = handset.hook
    return Hook(
        gpio,
        wiring.pin,
        wiring.debounce_s,
        wiring.flash_max_s,
        lifted_is_high=wiring.lifted_is_high,
    )


def _keypad(handset: Handset, gpio: Gpio) -> Keypad:
    wiring = handset.keypad
    return Keypad(gpio, wiring.rows, wiring.columns, wiring.keys, wiring.debounce_s, time.monotonic)


def _ringer(handset: Handset, country: str, gpio: Gpio) -> Ringer:
    return Ringer(gpio, handset.ringer.pin, country)


def _oled(
    config: Config, handset: Handset, *, simulated: bool
) -> tuple[SimSsd1306 | None, Oled | None]:
    """The display of the simulated hand's eye, and the driver; its thread reports failures."""
    if not config.hardware.oled:
        return None, None
    wiring = handset.oled
    if not simulated:
        return None, Oled(
            lambda: _panel(LinuxI2c(wiring.bus), handset), wiring.dim_s, wiring.blank_s
        )
    bus, display = SimI2c(), SimSsd1306(wiring.width, wiring.height)
    bus.attach(wiring.address, display)
    return display, Oled(lambda: _panel(bus, handset), wiring.dim_s, wiring.blank_s)


def _panel(bus: LinuxI2c | SimI2c, handset: Handset) -> Panel:
    wiring = handset.oled
    return Ssd1306Panel(bus, wiring.width, wiring.height, wiring.address)


def _capture(
    config: Config, handset: Handset, failures: list[HardwareFailed], card: BrowserCard | None
) -> Callable[[], CapturePcm]:
    device = _device(config, handset, config.audio.capture, handset.audio.capture)
    if device == BROWSER and card is not None:
        return card.open_capture
    if device == NO_SOUND:
        return SimCapture
    if device.startswith(FILE):
        samples = _named_file(config, "capture", partial(read_wav, Path(device[len(FILE) :])))
        return partial(SimCapture, samples)
    if device == PHONES_OWN:
        return lambda: AlsaCapture(sound_card_of_phone())
    _try_out(partial(AlsaCapture, device), failures, Part.MICROPHONE)
    return partial(AlsaCapture, device)


def _playback(
    config: Config, handset: Handset, failures: list[HardwareFailed], card: BrowserCard | None
) -> tuple[Callable[[], PlaybackPcm], Recording | None]:
    device = _device(config, handset, config.audio.playback, handset.audio.playback)
    if device == BROWSER and card is not None:
        return card.open_playback, None
    if device == NO_SOUND:
        return SimPlayback, None
    if device.startswith(FILE):
        path = Path(device[len(FILE) :])
        recording = _named_file(config, "playback", partial(Recording, path))
        return partial(SimPlayback, recording), recording
    pace = Pace()
    if device == PHONES_OWN:
        return lambda: AlsaPlayback(sound_card_of_phone(), pace), None
    open_pcm = partial(AlsaPlayback, device, pace)
    _try_out(open_pcm, failures, Part.EARPIECE)
    return open_pcm, None


def _device(config: Config, handset: Handset, chosen: str, soldered: str) -> str:
    """box.toml wins over handset.toml, and that over ALSA's default, which no simulated box has."""
    if chosen != DEFAULT:
        return chosen
    if config.hardware.kind == "simulated":
        return NO_SOUND
    if not soldered and handset.telephone.kind == "usb":
        return PHONES_OWN
    return soldered or DEFAULT


def _named_file(config: Config, key: str, use: Callable[[], Driver]) -> Driver:
    try:
        return use()
    except HardwareError as error:
        raise ConfigError(f"{config.source}: [audio] {key}: {error}") from None


def _try_out(
    open_pcm: Callable[[], CapturePcm | PlaybackPcm], failures: list[HardwareFailed], part: Part
) -> None:
    """Open and close once, so that a missing device is known before the first call."""
    pcm = _or_failed(open_pcm, failures, part)
    if pcm is not None:
        pcm.close()


def _driver(
    gpio: Gpio | None, make: Callable[[Gpio], Driver], failures: list[HardwareFailed], part: Part
) -> Driver | None:
    return None if gpio is None else _or_failed(partial(make, gpio), failures, part)


def _or_failed(
    make: Callable[[], Driver], failures: list[HardwareFailed], *parts: Part
) -> Driver | None:
    try:
        return make()
    except HardwareError as error:
        failures += [HardwareFailed(part, str(error)) for part in parts]
        return None
