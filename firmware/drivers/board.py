"""The board: the only code that knows which chips are real and which are simulated.

Knows no telephone. A chip or package that is missing is a failure in a list; the box goes on with
what it has. Only a file that the operator named and that cannot be used is a ConfigError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from firmware.config import Config, Handset
from firmware.drivers.chips import CapturePcm, Gpio, Panel, PlaybackPcm
from firmware.drivers.hook import Hook
from firmware.drivers.keypad import Keypad
from firmware.drivers.oled import Oled
from firmware.drivers.pi.alsa import AlsaCapture, AlsaPlayback, Pace
from firmware.drivers.pi.gpio import PiGpio
from firmware.drivers.pi.i2c import LinuxI2c
from firmware.drivers.pi.ssd1306 import Ssd1306Panel
from firmware.drivers.ringer import Ringer
from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.hand import Hand
from firmware.drivers.sim.i2c import SimI2c
from firmware.drivers.sim.pcm import Recording, SimCapture, SimPlayback, read_wav
from firmware.drivers.sim.ssd1306 import SimSsd1306
from firmware.errors import ConfigError, HardwareError
from firmware.events import HardwareFailed
from firmware.model import Part

FILE = "file:"  # a WAV file in the place of an ALSA name, also on a real board: to test one
NO_SOUND = "null"  # ours, paced; ALSA's own `null` never waits
DEFAULT = "default"

Driver = TypeVar("Driver")


@dataclass(frozen=True, slots=True)
class Board:
    """The drivers of one box; None = not there, and why is in `failures`, or it was not wanted."""

    hook: Hook | None
    keypad: Keypad | None
    ringer: Ringer | None
    oled: Oled | None
    open_capture: Callable[[], CapturePcm]  # for audio.Microphone; raises HardwareError
    open_playback: Callable[[], PlaybackPcm]  # for audio.Earpiece; raises HardwareError
    failures: list[HardwareFailed] = field(default_factory=list)
    hand: Hand | None = None  # of a simulated box
    recording: Recording | None = None  # what the earpiece plays into, if it is a file
    gpio: Gpio | None = None

    def close(self) -> None:
        """Give the chips back; close and join microphone and earpiece before."""
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
    sim_gpio = SimGpio() if simulated else None
    gpio: Gpio | None = sim_gpio or _or_failed(
        PiGpio, failures, Part.HOOK, Part.KEYPAD, Part.RINGER
    )
    display, oled = _oled(config, handset, simulated=simulated)
    open_capture = _capture(config, handset, failures)
    open_playback, recording = _playback(config, handset, failures)
    return Board(
        _driver(gpio, partial(_hook, handset), failures, Part.HOOK),
        _driver(gpio, partial(_keypad, handset), failures, Part.KEYPAD),
        _driver(gpio, partial(_ringer, handset, config.audio.country), failures, Part.RINGER),
        oled,
        open_capture,
        open_playback,
        failures,
        None if sim_gpio is None else Hand(sim_gpio, handset, display),
        recording,
        gpio,
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
    return Keypad(gpio, wiring.rows, wiring.columns, wiring.keys, wiring.debounce_s)


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
        return None, Oled(lambda: _panel(LinuxI2c(wiring.bus), handset))
    bus, display = SimI2c(), SimSsd1306(wiring.width, wiring.height)
    bus.attach(wiring.address, display)
    return display, Oled(lambda: _panel(bus, handset))


def _panel(bus: LinuxI2c | SimI2c, handset: Handset) -> Panel:
    wiring = handset.oled
    return Ssd1306Panel(bus, wiring.width, wiring.height, wiring.address)


def _capture(
    config: Config, handset: Handset, failures: list[HardwareFailed]
) -> Callable[[], CapturePcm]:
    device = _device(config, config.audio.capture, handset.audio.capture)
    if device == NO_SOUND:
        return SimCapture
    if device.startswith(FILE):
        samples = _named_file(config, "capture", partial(read_wav, Path(device[len(FILE) :])))
        return partial(SimCapture, samples)
    _try_out(partial(AlsaCapture, device), failures, Part.MICROPHONE)
    return partial(AlsaCapture, device)


def _playback(
    config: Config, handset: Handset, failures: list[HardwareFailed]
) -> tuple[Callable[[], PlaybackPcm], Recording | None]:
    device = _device(config, config.audio.playback, handset.audio.playback)
    if device == NO_SOUND:
        return SimPlayback, None
    if device.startswith(FILE):
        path = Path(device[len(FILE) :])
        recording = _named_file(config, "playback", partial(Recording, path))
        return partial(SimPlayback, recording), recording
    open_pcm = partial(AlsaPlayback, device, Pace())
    _try_out(open_pcm, failures, Part.EARPIECE)
    return open_pcm, None


def _device(config: Config, chosen: str, soldered: str) -> str:
    """box.toml wins over handset.toml, and that over ALSA's default, which no simulated box has."""
    if chosen != DEFAULT:
        return chosen
    if config.hardware.kind == "simulated":
        return NO_SOUND
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
