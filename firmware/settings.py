"""The owner's wishes on the card: `fernruf.toml`, read once at the first start, then wiped.

Tolerant where box.toml is strict: an owner has no screen on which to mend a file, so each mistake
is told and the rest is used. Knows no file: the caller passes the text. tools/flash.py writes what
this module reads, therefore it imports nothing beyond the standard library.
Source: TOML 1.0.0; IEEE 802.11-2020 clause 9.4.2.2 (SSID) and annex J.4 (passphrase).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from firmware.errors import ConfigError
from firmware.toml_reader import Document, Section, boolean, one_of, string

SETTINGS_FILE = "fernruf.toml"  # in the FAT partition, which every computer can open
SETTINGS_BYTES_MAX = 16_384
NAME_BYTES_MAX = 48  # UTF-8, as in a certificate (identity.py)
SSID_BYTES_MAX = 32
PASSPHRASE_LENGTHS = range(8, 64)  # printable ASCII; 64 hexadecimal digits are a key
LANGUAGES = ("de", "en")
VARIANTS = ("gpio", "usb", "adapter")  # the three ways to build the box
SOUNDS = ("usb", "wm8960", "max98357a", "pcm5102a")  # what the handset's sound goes through
BROKEN_LINES_MAX = 16  # left out before the whole file is given up
_AT_LINE = re.compile(r"at line (\d+)")
_WHERE = re.compile(r"\[(\w+)\] (\S+):")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an owner says before the first start; empty = the box finds out or keeps its default."""

    name: str = ""  # shown to those we call
    country: str = ""  # ISO 3166, two letters: tones, bell, radio channels
    language: str = ""  # one of LANGUAGES
    hardware: str = ""  # one of VARIANTS
    sound: str = ""  # one of SOUNDS; empty = USB
    ssid: str = ""
    password: str = ""  # of the wireless network; empty = an open one
    hidden: bool = False  # the network does not announce its name


def parse_settings(text: str, source: str = SETTINGS_FILE) -> tuple[Settings, tuple[str, ...]]:
    """What could be understood, and a line for each thing that could not: file, section, key."""
    mistakes: list[str] = []
    try:
        document = Document(_without_broken_lines(text, source, mistakes), source)
    except ConfigError as error:
        return Settings(), (*mistakes, str(error))
    box = _section(document, "box", mistakes)
    wifi = _section(document, "wifi", mistakes)

    def take(section: Section, key: str, read: Callable[[Any], T], default: T) -> T:
        try:
            return section.take(key, read, default)
        except ConfigError as error:
            mistakes.append(str(error))
            return default

    settings = Settings(
        name=take(box, "name", read_name, ""),
        country=take(box, "country", read_country, ""),
        language=take(box, "language", one_of(*LANGUAGES), ""),
        hardware=take(box, "hardware", one_of(*VARIANTS), ""),
        sound=take(box, "sound", one_of(*SOUNDS), ""),
        ssid=take(wifi, "ssid", read_ssid, ""),
        password=take(wifi, "password", read_password, ""),
        hidden=take(wifi, "hidden", boolean, default=False),
    )
    try:
        document.refuse_the_rest()
    except ConfigError as error:
        mistakes.append(str(error))
    return settings, tuple(_with_line(text, source, mistake) for mistake in mistakes)


def print_settings(settings: Settings) -> str:
    """The text of `fernruf.toml`; parse_settings() gives back what went in."""
    box = {
        "name": settings.name,
        "country": settings.country,
        "language": settings.language,
        "hardware": settings.hardware,
        "sound": settings.sound,
    }
    wifi: dict[str, str | bool] = {"ssid": settings.ssid, "password": settings.password}
    lines = ["# Read once, at the first start; then this file is emptied.", "", "[box]"]
    lines += [f"{key} = {_toml(value)}" for key, value in box.items() if value]
    if settings.ssid:
        lines += ["", "[wifi]"]
        lines += [f"{key} = {_toml(value)}" for key, value in wifi.items() if value]
        if settings.hidden:
            lines.append("hidden = true")
    return "\n".join(lines) + "\n"


def merge_settings(old: Settings, new: Settings) -> Settings:
    """`new` where it says something, else `old`; a network comes with its own password."""
    said: dict[str, Any] = {
        key: getattr(new, key)
        for key in ("name", "country", "language", "hardware", "sound")
        if getattr(new, key)
    }
    if new.ssid:
        said |= {"ssid": new.ssid, "password": new.password, "hidden": new.hidden}
    return replace(old, **said)


def read_name(value: Any) -> str:
    """A display name; ConfigError with the mere reason."""
    text = string(value)
    if len(text.encode()) > NAME_BYTES_MAX or not text.isprintable():
        raise ConfigError(f"must be printable and at most {NAME_BYTES_MAX} bytes of UTF-8")
    return text


def read_country(value: Any) -> str:
    """Two letters, made upper case; which countries have tones of their own the box knows."""
    text = string(value).upper()
    if len(text) != 2 or not text.isascii() or not text.isalpha():
        raise ConfigError("must be two letters, such as DE")
    return text


def read_ssid(value: Any) -> str:
    """The name of a wireless network."""
    text = string(value)
    if not 0 < len(text.encode()) <= SSID_BYTES_MAX or not text.isprintable():
        raise ConfigError(f"must be printable, 1 to {SSID_BYTES_MAX} bytes of UTF-8")
    return text


def read_password(value: Any) -> str:
    """A WPA passphrase, or its key as 64 hexadecimal digits; empty for an open network."""
    text = string(value)
    is_key = len(text) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in text)
    is_phrase = len(text) in PASSPHRASE_LENGTHS and text.isascii() and text.isprintable()
    if text and not is_key and not is_phrase:
        raise ConfigError("must be 8 to 63 printable ASCII characters")
    return text


def _section(document: Document, name: str, mistakes: list[str]) -> Section:
    try:
        return document.section(name)
    except ConfigError as error:
        mistakes.append(str(error))
        return Section(SETTINGS_FILE, name, {})


def _without_broken_lines(text: str, source: str, mistakes: list[str]) -> str:
    """The same lines, those that are not TOML emptied and told."""
    lines = text.splitlines()
    for _ in range(BROKEN_LINES_MAX):
        try:
            tomllib.loads("\n".join(lines))
        except RecursionError:
            break  # told by who reads what is left
        except ValueError as error:  # also Python's, of a number with thousands of digits
            found = _AT_LINE.search(str(error))
            number = min(int(found.group(1)) if found else len(lines), len(lines))
            if not number or not lines[number - 1]:
                break  # not the fault of one line
            lines[number - 1] = ""
            mistakes.append(f"{source}:{number}: {str(error).partition(' (at')[0]}")
        else:
            break
    return "\n".join(lines)


def _with_line(text: str, source: str, mistake: str) -> str:
    """The mistake with the number of its line, as far as its section and key can be found."""
    where = _WHERE.search(mistake)
    if where is None or not mistake.startswith(f"{source}: "):
        return mistake
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if words.startswith("["):
            section = words.strip("[]").strip()
        elif section == where.group(1) and words.partition("=")[0].strip() == where.group(2):
            return f"{source}:{number}: {mistake.removeprefix(f'{source}: ')}"
    return mistake


def _toml(value: str | bool) -> str:
    """A basic string of TOML is one of JSON, as long as nothing above U+007F is escaped."""
    return json.dumps(value, ensure_ascii=False)
