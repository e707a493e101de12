"""`fernruf first-start`: takes the owner's settings from the card, once, and wipes them.

Run by systemd before the box, on every start; finds nothing to do on all but the first. What could
not be understood is printed (the serial console shows it) and the rest is used.
Source: wpa_supplicant.conf(5); IEEE 802.11-2020 annex J.4 (the key of a passphrase).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
from dataclasses import replace
from pathlib import Path

from firmware.commands.arguments import add_verbosity, set_up_logging
from firmware.errors import CommandError
from firmware.events.system import Notice
from firmware.settings import (
    SETTINGS_BYTES_MAX,
    SETTINGS_FILE,
    Settings,
    merge_settings,
    parse_settings,
    print_settings,
)
from firmware.shell.notices import post_notice
from firmware.shell.state import StateDir

logger = logging.getLogger(__name__)

BOX_FILE = "box.toml"
KEPT_FILE = "settings.toml"  # what was said so far, without the network
WIRELESS_FILE = "wpa_supplicant-wlan0.conf"  # systemd's wpa_supplicant@wlan0 looks for this name
MISTAKES_FILE = "mistakes.txt"  # of the last fernruf.toml that said something
TREE_FILE = "hardware.txt"  # a part of config.txt: the folder of device trees to start with
RESTART_FILE = "restart"  # somebody else takes it away and starts the machine anew
NOTICE = "1-settings"
KEYFILE = "fernruf.nmconnection"
PASSPHRASE_ROUNDS = 4096
KEY_BYTES = 32
PAGE = "0.0.0.0:80"  # at http://fernruf.local/, for the local network alone
# ALSA names: our device trees call the card "handset". The PCM5102A has no microphone.
_DEVICES = {
    "wm8960": {"capture": "plughw:CARD=handset", "playback": "plughw:CARD=handset"},
    "max98357a": {
        "capture": "plughw:CARD=handset,DEV=1",
        "playback": "plughw:CARD=handset,DEV=0",
    },
    "pcm5102a": {"playback": "plughw:CARD=handset"},
}
TAKEN = "# The box has taken these settings. Write new ones here to change them.\n"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "first-start",
        help="take the owner's settings from the card (systemd runs it)",
        description="Make a box.toml of the owner's fernruf.toml and wipe the latter. A line "
        "that cannot be understood is told on the display, the rest is used.",
    )
    parser.add_argument(
        "--card", type=Path, required=True, metavar="DIR", help="where fernruf.toml is"
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="where box.toml goes"
    )
    parser.add_argument(
        "--handsets",
        type=Path,
        required=True,
        metavar="DIR",
        help="a handset.toml for each way to build a telephone",
    )
    parser.add_argument("--notices", type=Path, metavar="DIR", help="what the display shall say")
    parser.add_argument(
        "--network-manager",
        type=Path,
        metavar="DIR",
        help="where NetworkManager looks for the wireless network; default: for wpa_supplicant",
    )
    add_verbosity(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Take, keep, wipe: in this order, so that a power cut loses nothing."""
    set_up_logging(arguments.verbose)
    data = StateDir(arguments.data)
    if not arguments.card.is_dir():
        logger.warning("%s is no folder: there is no card to take settings from", arguments.card)
    settings, mistakes = _read(arguments.card / SETTINGS_FILE)
    for mistake in mistakes:
        logger.warning("%s", mistake)
    if mistakes or settings != Settings():
        data.write(MISTAKES_FILE, "\n".join(mistakes).encode())
    if arguments.notices:
        _tell_mistakes(arguments.notices, data.read(MISTAKES_FILE) or b"")
    is_first = not (arguments.data / BOX_FILE).exists()
    if settings == Settings():
        logger.info("%s says nothing new", arguments.card / SETTINGS_FILE)
        if not is_first:
            return 0
    if settings.ssid and arguments.network_manager:
        _write_keyfile(arguments.network_manager / KEYFILE, keyfile(settings))
    elif settings.ssid:
        data.write(WIRELESS_FILE, wireless_conf(settings).encode())
    earlier, _ = _read(arguments.data / KEPT_FILE)
    kept = replace(merge_settings(earlier, settings), ssid="", password="", hidden=False)
    data.write(KEPT_FILE, print_settings(kept).encode())
    data.write(BOX_FILE, box_toml(kept, arguments.handsets).encode())
    logger.info("%s is written", arguments.data / BOX_FILE)
    if _choose_tree(arguments.card / TREE_FILE, kept):
        data.write(RESTART_FILE, b"")
    if settings != Settings():
        _wipe(arguments.card / SETTINGS_FILE)
        logger.warning("settings taken from %s", SETTINGS_FILE)
    return 0


def box_toml(settings: Settings, handsets: Path) -> str:
    """The configuration of the box; what the owner did not say keeps its default."""
    lines = ["# Made at the first start from the settings on the card."]
    if settings.name:
        lines += ["[identity]", f"name = {_quoted(settings.name)}"]
    lines += ["[hardware]", 'kind = "pi"']
    handset = handsets / f"{settings.hardware or 'gpio'}.toml"
    if settings.hardware or handset.exists():
        lines.append(f"handset = {_quoted(str(handset))}")
    if settings.language:
        lines += ["[display]", f"language = {_quoted(settings.language)}"]
    audio = {"country": settings.country, **_DEVICES.get(settings.sound, {})}
    if any(audio.values()):
        lines += ["[audio]", *(f"{key} = {_quoted(word)}" for key, word in audio.items() if word)]
    lines += ["[web]", f"bind = {_quoted(PAGE)}"]
    return "\n".join(lines) + "\n"


def wireless_conf(settings: Settings) -> str:
    """One network for wpa_supplicant; the passphrase is kept as the key it makes, never itself."""
    network = [f"ssid={settings.ssid.encode().hex()}", f"scan_ssid={int(settings.hidden)}"]
    if not settings.password:
        network.append("key_mgmt=NONE")
    elif len(settings.password) == 2 * KEY_BYTES:
        network.append(f"psk={settings.password}")
    else:
        key = hashlib.pbkdf2_hmac(
            "sha1", settings.password.encode(), settings.ssid.encode(), PASSPHRASE_ROUNDS, KEY_BYTES
        )
        network.append(f"psk={key.hex()}")
    country = f"country={settings.country}\n" if settings.country else ""
    inside = "".join(f"    {line}\n" for line in network)
    return f"ctrl_interface=/run/wpa_supplicant\n{country}network={{\n{inside}}}\n"


def keyfile(settings: Settings) -> str:
    """The same network for NetworkManager, which Raspberry Pi OS has (nm-settings-keyfile(5))."""
    name = ";".join(str(byte) for byte in settings.ssid.encode())
    lines = ["[connection]", "id=fernruf", "type=wifi", "", "[wifi]", f"ssid={name};"]
    lines += [f"hidden={str(settings.hidden).lower()}"]
    if settings.password:
        lines += ["", "[wifi-security]", "key-mgmt=wpa-psk", f"psk={settings.password}"]
    return "\n".join([*lines, "", "[ipv4]", "method=auto", "", "[ipv6]", "method=auto", ""])


def device_tree(settings: Settings) -> str:
    """The folder of the boot partition whose device trees fit this build of the box."""
    if settings.hardware == "adapter":
        return "adapter"
    return settings.sound if settings.sound in _DEVICES else "plain"


def _choose_tree(path: Path, settings: Settings) -> bool:
    """Whether the machine must start anew, because its device tree is another one from now on."""
    if not path.exists():
        return False  # not a card of ours
    wanted = f"os_prefix={device_tree(settings)}/\n"
    if path.read_text(encoding="ascii", errors="replace") == wanted:
        return False
    fresh = path.with_suffix(".new")
    fresh.write_text(wanted, encoding="ascii")
    fresh.replace(path)
    return True


def _tell_mistakes(notices: Path, mistakes: bytes) -> None:
    first = mistakes.decode("utf-8", "replace").partition("\n")[0]
    post_notice(notices, NOTICE, Notice("Settings", first) if first else None)


def _write_keyfile(path: Path, text: str) -> None:
    """NetworkManager reads no file that others may read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None


def _read(path: Path) -> tuple[Settings, tuple[str, ...]]:
    try:
        with path.open("rb") as file:
            text = file.read(SETTINGS_BYTES_MAX + 1)
    except FileNotFoundError:
        return Settings(), ()
    except OSError as error:
        return Settings(), (f"{path}: {error.strerror}",)
    if len(text) > SETTINGS_BYTES_MAX:
        return Settings(), (f"{path}: is larger than {SETTINGS_BYTES_MAX} bytes",)
    return parse_settings(text.decode("utf-8-sig", "replace"), SETTINGS_FILE)


def _wipe(path: Path) -> None:
    """Overwrite in place first, because FAT would leave the old bytes in a free cluster."""
    try:
        with path.open("r+b") as file:
            size = file.seek(0, 2)
            file.seek(0)
            file.write(TAKEN.encode().ljust(size, b"\n")[: max(size, len(TAKEN))])
            file.flush()
    except OSError as error:
        raise CommandError(f"cannot wipe {path}: {error.strerror}") from None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
